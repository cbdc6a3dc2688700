package guarantees_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"platform.internal/storekeeper/internal/emulator"
	"platform.internal/storekeeper/internal/store/postgrestest"
	"platform.internal/storekeeper/test/guarantees/calls"
	"platform.internal/storekeeper/test/guarantees/fleet"
)

// world holds the programs and servers of one test.
type world struct {
	t        *testing.T
	cf       *fleet.Cloudflare
	postgres *postgrestest.Server
	replicas []*fleet.Replica
	place    calls.Place
	http     *http.Client
}

// plan configures a world.
type plan struct {
	// replicas is the number of replicas. Several replicas share a PostgreSQL server.
	replicas int
	// callers are c0, c1 and so on, each its own tenant, besides those in
	// settings.
	callers    int
	settings   fleet.Settings
	cloudflare emulator.Config
	// postgres are settings of the PostgreSQL server.
	postgres []string
	// alter, if not nil, changes the settings of one replica.
	alter func(w *world, replica int, s *fleet.Settings)
}

// build starts a world with one empty store.
func build(t *testing.T, p plan) *world {
	t.Helper()
	w := &world{t: t, http: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 100}}}
	s := p.settings
	if p.replicas > 1 {
		w.postgres = postgrestest.Start(t, p.postgres...)
		s.Postgres = []string{w.postgres.Address()}
	}
	if p.cloudflare.Accounts == nil {
		p.cloudflare.Accounts = []emulator.Account{{ID: fleet.Account, SecretLimit: 100_000}}
	}
	w.cf = fleet.StartCloudflare(t, p.cloudflare)
	s.Cloudflare = w.cf.URL
	for i := range p.callers {
		s.Callers = append(s.Callers, fleet.Caller{Name: callerName(i)})
	}
	w.place = calls.Place{Account: fleet.Account, Store: w.makeStore()}
	for i := range p.replicas {
		own := s
		if p.alter != nil {
			p.alter(w, i, &own)
		}
		w.replicas = append(w.replicas, program.Start(t, own))
	}
	return w
}

func callerName(i int) string { return fmt.Sprintf("c%d", i) }

// makeStore makes the store at Cloudflare itself.
func (w *world) makeStore() string {
	w.t.Helper()
	var made struct {
		Result struct {
			ID string `json:"id"`
		} `json:"result"`
	}
	w.cloudflare("POST", "/stores", `{"name":"store"}`, &made)
	return made.Result.ID
}

// cloudflare calls the emulated Cloudflare directly. Reads are repeated, since
// injected faults affect them too.
func (w *world) cloudflare(method, path, body string, into any) {
	w.t.Helper()
	var status int
	var text []byte
	var err error
	for range 50 {
		status, text, err = w.askCloudflare(method, path, body)
		if err == nil && status < 300 && json.Unmarshal(text, into) == nil {
			return
		}
		if method != http.MethodGet {
			break
		}
	}
	w.t.Fatalf("%s %s: %d %s %v", method, path, status, text, err)
}

func (w *world) askCloudflare(method, path, body string) (status int, text []byte, err error) {
	r, err := http.NewRequestWithContext(context.Background(), method, w.cf.URL+"/client/v4/accounts/"+fleet.Account+"/secrets_store"+path, strings.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	r.Header.Set("Authorization", "Bearer "+fleet.OwnToken)
	answer, err := w.http.Do(r)
	if err != nil {
		return 0, nil, err
	}
	defer answer.Body.Close()
	text, err = io.ReadAll(answer.Body)
	return answer.StatusCode, text, err
}

// at returns Cloudflare's own list of the secrets with a name prefix.
func (w *world) at(prefix string) []calls.Secret {
	w.t.Helper()
	var found []calls.Secret
	for page := 1; ; page++ {
		var list struct {
			Result []struct {
				ID      string   `json:"id"`
				Name    string   `json:"name"`
				Comment string   `json:"comment"`
				Scopes  []string `json:"scopes"`
			} `json:"result"`
		}
		w.cloudflare("GET", fmt.Sprintf("/stores/%s/secrets?per_page=100&page=%d", w.place.Store, page), "", &list)
		for _, s := range list.Result {
			if strings.HasPrefix(s.Name, prefix) {
				found = append(found, calls.Secret{ID: s.ID, Name: s.Name, Comment: s.Comment, Scopes: strings.Join(s.Scopes, ",")})
			}
		}
		if len(list.Result) < 100 {
			return found
		}
	}
}

// rest returns a REST client of a caller for a replica.
func (w *world) rest(caller string, r *fleet.Replica) calls.Client {
	return calls.REST{HTTP: w.http, Root: r.REST, Key: fleet.Caller{Name: caller}.Key(), Place: w.place}
}

// grpc returns a gRPC client of a caller for a replica.
func (w *world) grpc(caller string, r *fleet.Replica) calls.Client {
	return calls.GRPC{Conn: r.GRPC, Key: fleet.Caller{Name: caller}.Key(), Place: w.place}
}

// must is done, or the test ends.
func must(t *testing.T, what string, a calls.Answer) calls.Answer {
	t.Helper()
	if a.Verdict != calls.Done {
		t.Fatalf("%s: %s", what, a.Said)
	}
	return a
}

// eventually asks again until something holds.
func eventually(t *testing.T, what string, within time.Duration, holds func() bool) {
	t.Helper()
	late := time.After(within)
	for !holds() {
		select {
		case <-late:
			t.Fatalf("not within %s: %s", within, what)
		case <-time.After(20 * time.Millisecond):
		}
	}
}
