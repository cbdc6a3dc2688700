package emulator_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"platform.internal/storekeeper/internal/emulator"
)

// TestOneOfManyWins lets many clients create the same secret at once.
func TestOneOfManyWins(t *testing.T) {
	a := start(t, noLimits())
	path := "stores/" + a.store("s") + "/secrets"
	var won, lost int
	var mu sync.Mutex
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			got, err := a.try("POST", path, `[{"name":"A","value":"v","scopes":["workers"]}]`)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil && got.status == 200:
				won++
			case err == nil && strings.Contains(got.body, "secret_name_already_exists: A"):
				lost++
			}
		})
	}
	all.Wait()
	if won != 1 || lost != 19 {
		t.Errorf("%d won, %d lost; want 1 and 19", won, lost)
	}
}

// TestNoTwoTimesAreTheSame uses all parts of the emulator concurrently, with a stopped clock. It is meant for
// the race detector.
func TestNoTwoTimesAreTheSame(t *testing.T) {
	c := noLimits()
	c.Clock = newClock().Now
	c.RequestLogLimit = 5
	e := emulator.New(c)
	made := httptest.NewRecorder()
	e.ServeHTTP(made, request("POST", "stores", `{"name":"s"}`))
	store := reply{body: made.Body.String()}.id(t)
	list := "stores/" + store + "/secrets"
	var all sync.WaitGroup
	for worker := range 8 {
		all.Go(func() {
			for i := range 25 {
				name := fmt.Sprintf("S-%d-%d", worker, i)
				for _, r := range []*http.Request{
					request("POST", list, `[{"name":"`+name+`","value":"v","scopes":["dex"]}]`),
					request("GET", list, ""),
					request("GET", "quota", ""),
					request("GET", "/__emulator/requests", ""),
				} {
					w := httptest.NewRecorder()
					e.ServeHTTP(w, r)
					if w.Code != 200 {
						t.Errorf("%s %s: status %d, %s", r.Method, r.URL, w.Code, w.Body)
					}
				}
				if err := e.Inject(emulator.Fault{Kind: emulator.KindLag, Operation: "secrets-store-quota", Lag: time.Second, Times: 1}); err != nil {
					t.Error(err)
				}
				if value, found := e.Value(accountID, store, name); !found || value != "v" {
					t.Errorf("%s: %q, %t", name, value, found)
				}
			}
		})
	}
	all.Wait()
	e.ClearFaults()
	seen := map[string]bool{}
	for page := 1; page <= 2; page++ {
		w := httptest.NewRecorder()
		e.ServeHTTP(w, request("GET", fmt.Sprintf("%s?per_page=100&page=%d", list, page), ""))
		var got struct {
			Result []struct {
				Created string `json:"created"`
			} `json:"result"`
		}
		if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
			t.Fatal(err)
		}
		for _, s := range got.Result {
			seen[s.Created] = true
		}
	}
	if len(seen) != 200 {
		t.Errorf("%d times for 200 secrets", len(seen))
	}
}

func request(method, path, body string) *http.Request {
	r := httptest.NewRequestWithContext(context.Background(), method, expand(path), strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+token)
	return r
}
