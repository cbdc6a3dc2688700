package upstream_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"platform.internal/storekeeper/internal/upstream"
)

// hand is a clock that is moved by hand.
type hand struct {
	mu  sync.Mutex
	now time.Time
}

func (h *hand) read() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.now
}

func (h *hand) move(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.now = h.now.Add(d)
}

// rotation is a client whose token is in a file.
type rotation struct {
	t      *testing.T
	client *upstream.Client
	w      *witness
	clock  *hand
	events []upstream.CredentialEvent
}

func rotate(t *testing.T, file string) *rotation {
	r := &rotation{t: t, clock: &hand{now: time.Now()}}
	r.client, r.w = serve(t, says(http.StatusOK, success(storeJSON)), func(c *upstream.Config) {
		c.Clock = r.clock.read
		c.Accounts[0].Token = upstream.Token{}
		c.Accounts[0].Credential.APITokenFile = file
		c.OnCredential = func(e upstream.CredentialEvent) { r.events = append(r.events, e) }
	})
	return r
}

// expect calls and compares the token that was sent.
func (r *rotation) expect(want string) {
	r.t.Helper()
	if err := read(within(r.t), r.client); err != nil {
		r.t.Fatal(err)
	}
	seen := r.w.seen()
	if got := seen[len(seen)-1].header.Get("Authorization"); got != "Bearer "+want {
		r.t.Errorf("Authorization = %q, want the token %q", got, want)
	}
}

// told checks the events since the last check: "ok" or a part of an error.
func (r *rotation) told(want ...string) {
	r.t.Helper()
	var got []string
	for _, e := range r.events {
		if e.Account != accountID {
			r.t.Errorf("event of account %q", e.Account)
		}
		if e.Err == nil {
			got = append(got, "ok")
			continue
		}
		got = append(got, e.Err.Error())
	}
	r.events = nil
	if len(got) != len(want) {
		r.t.Fatalf("events = %q, want %q", got, want)
	}
	for i := range want {
		if !strings.Contains(got[i], want[i]) || strings.Contains(got[i], "bad token") {
			r.t.Errorf("event %d = %q, want %q in it", i, got[i], want[i])
		}
	}
}

func write(t *testing.T, file, content string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestCredentialIsReadAgainWhenItsFileChanges(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token")
	write(t, file, "first-token\r\n")
	r := rotate(t, file)
	r.expect("first-token")
	write(t, file, "second-token\n")
	r.clock.move(2 * time.Second)
	r.expect("second-token")
	r.told("ok")
	write(t, file, "third-token")
	r.expect("second-token") // looked at less than a second ago
	r.clock.move(time.Second)
	r.expect("third-token")
	r.told("ok")
	r.clock.move(time.Hour)
	r.expect("third-token")
	r.told()
}

func TestBadContentKeepsTheOldCredential(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token")
	write(t, file, "good-token")
	r := rotate(t, file)
	for _, step := range []struct{ content, event string }{
		{"\n", "empty"},
		{strings.Repeat("x", 5000), "4096"},
		{"a bad token", "blank"},
	} {
		write(t, file, step.content)
		for range 2 { // told once, however often it is found
			r.clock.move(2 * time.Second)
			r.expect("good-token")
		}
		r.told(step.event)
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	r.clock.move(2 * time.Second)
	r.expect("good-token")
	r.told("no such file")
	write(t, file, "good-token")
	r.clock.move(2 * time.Second)
	r.expect("good-token")
	r.told("ok")
}

// Kubernetes mounts token -> ..data/token and ..data -> ..<date>, and changes
// the second link by renaming another over it.
func TestCredentialFollowsASymlinkSwap(t *testing.T) {
	dir := t.TempDir()
	mount := func(version, content string) {
		t.Helper()
		folder := filepath.Join(dir, version)
		if err := os.Mkdir(folder, 0o700); err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(folder, "token"), content)
		// Same size, same time: the identity of the file alone differs.
		when := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		if err := os.Chtimes(filepath.Join(folder, "token"), when, when); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(version, filepath.Join(dir, "..data_tmp")); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(filepath.Join(dir, "..data_tmp"), filepath.Join(dir, "..data")); err != nil {
			t.Fatal(err)
		}
	}
	mount("..2026_01", "token-1")
	if err := os.Symlink(filepath.Join("..data", "token"), filepath.Join(dir, "token")); err != nil {
		t.Fatal(err)
	}
	r := rotate(t, filepath.Join(dir, "token"))
	r.expect("token-1")
	mount("..2026_02", "token-2")
	if err := os.RemoveAll(filepath.Join(dir, "..2026_01")); err != nil {
		t.Fatal(err)
	}
	r.clock.move(2 * time.Second)
	r.expect("token-2")
	r.told("ok")
}

func TestRotationUnderLoad(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token")
	write(t, file, "first-token")
	r := rotate(t, file)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 20 {
				r.clock.move(300 * time.Millisecond)
				if err := read(within(t), r.client); err != nil {
					t.Error(err)
				}
			}
		})
	}
	next := filepath.Join(filepath.Dir(file), "next")
	write(t, next, "second-token")
	if err := os.Rename(next, file); err != nil {
		t.Fatal(err)
	}
	wg.Wait()
	r.clock.move(2 * time.Second)
	r.expect("second-token")
	for _, sent := range r.w.seen() {
		if got := sent.header.Get("Authorization"); got != "Bearer first-token" && got != "Bearer second-token" {
			t.Fatalf("Authorization = %q", got)
		}
	}
}

func TestGlobalKeyGoesInItsOwnHeaders(t *testing.T) {
	file := filepath.Join(t.TempDir(), "key")
	write(t, file, "the-key\n")
	client, w := serve(t, says(http.StatusOK, success(storeJSON)), func(c *upstream.Config) {
		useFiles(upstream.CredentialFiles{Email: "ops@example.test", APIKeyFile: file})(&c.Accounts[0])
	})
	if err := read(within(t), client); err != nil {
		t.Fatal(err)
	}
	h := w.seen()[0].header
	if h.Get("X-Auth-Email") != "ops@example.test" || h.Get("X-Auth-Key") != "the-key" || h.Get("Authorization") != "" {
		t.Errorf("headers = %v", h)
	}
}

func TestSecretsPrintRedacted(t *testing.T) {
	client, _ := serve(t, says(http.StatusOK, ""))
	for name, v := range map[string]any{
		"token":   upstream.NewToken(token),
		"value":   upstream.Value(value),
		"account": configFor("https://example.test").Accounts[0],
		"config":  configFor("https://example.test"),
		"secret":  upstream.NewSecret{Name: "A", Value: value},
		"update":  upstream.UpdateSecretParams{Value: new(upstream.Value(value))},
		"client":  client,
		"inside":  *client,
	} {
		t.Run(name, func(t *testing.T) {
			for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
				if got := fmt.Sprintf(verb, v); strings.Contains(got, token) || strings.Contains(got, value) || strings.Contains(got, fmt.Sprintf("%x", value)) {
					t.Errorf("%s prints %s", verb, got)
				}
			}
			if text, err := json.Marshal(v); err == nil && (strings.Contains(string(text), token) || strings.Contains(string(text), value)) {
				t.Errorf("JSON is %s", text)
			}
		})
	}
	if got := fmt.Sprintf("%v %s %#v %q", upstream.NewToken(token), upstream.Value(value), upstream.Value(value), upstream.NewToken(token)); got != strings.TrimSpace(strings.Repeat("[redacted] ", 4)) {
		t.Errorf("prints %s", got)
	}
}
