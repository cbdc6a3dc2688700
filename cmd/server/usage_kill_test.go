package main

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"platform.internal/storekeeper/internal/audit"
	"platform.internal/storekeeper/internal/emulator"
	"platform.internal/storekeeper/internal/store/postgrestest"
)

// lives is a service that is killed and started again on the same files.
type lives struct {
	*program

	birth birth
	now   *victim
}

func newLives(t *testing.T, s setup) *lives {
	t.Helper()
	p := &program{t: t, folder: t.TempDir(), setup: s}
	p.serveCloudflare(s)
	l := &lives{program: p}
	l.birth = birth{config: p.writeConfig(s), log: filepath.Join(p.folder, "server.log"), sets: s.sets}
	t.Cleanup(l.kill)
	return l
}

func (l *lives) begin() {
	l.t.Helper()
	l.now, _ = bear(l.t, l.birth)
}

// kill ends the life that there is, as SIGKILL does.
func (l *lives) kill() {
	if l.now == nil {
		return
	}
	l.now.kill()
	l.now.bury()
	l.now = nil
}

// read makes a read that is not cached, and returns the status and the body.
func (l *lives) read() int {
	l.t.Helper()
	r, err := http.NewRequestWithContext(l.t.Context(), http.MethodGet, l.now.rest+"/client/v4/accounts/"+accountID+"/secrets_store/quota", nil)
	must(l.t, err)
	r.Header.Set("Authorization", "Bearer "+callerKey)
	r.Header.Set("Cache-Control", "no-cache")
	a, err := l.now.http.Do(r)
	must(l.t, err)
	must(l.t, a.Body.Close())
	return a.StatusCode
}

// asked is how many requests Cloudflare got.
func (l *lives) asked() int { return len(l.cf.Requests()) }

func TestABlockIsNotForgottenAtAKill(t *testing.T) {
	t.Parallel()
	for name, pause := range map[string]time.Duration{"a long one": 10 * time.Minute, "a short one": 20 * time.Second} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLives(t, setup{sets: []string{"budget.max_wait=0s"}})
			must(t, l.cf.Inject(emulator.Fault{Kind: emulator.KindRateLimit, RetryAfter: pause}))
			l.begin()
			if got := l.read(); got != http.StatusTooManyRequests {
				t.Fatalf("the read that Cloudflare refuses: %d", got)
			}
			asked := l.asked()
			for life := range 3 {
				l.kill()
				l.begin()
				for range 10 {
					if got := l.read(); got != http.StatusTooManyRequests {
						t.Errorf("life %d: a read got %d", life, got)
					}
				}
			}
			if n := l.asked() - asked; n > 0 {
				t.Errorf("%d calls were sent while Cloudflare takes none", n)
			}
		})
	}
}

// TestKilledLivesTogetherKeepTheBudget kills lives that want more than there is.
func TestKilledLivesTogetherKeepTheBudget(t *testing.T) {
	t.Parallel()
	l := newLives(t, setup{sets: []string{"budget.calls=60", "budget.window=1h", "budget.max_wait=0s"}})
	for range 4 {
		l.begin()
		for range 40 {
			l.read()
		}
		l.kill()
	}
	if n := l.asked(); n > 60 || n < 30 {
		t.Errorf("%d calls were sent, of 60", n)
	}
}

// TestNoLifeSpendsWhatItCannotWriteDown lets lives begin and go on while the
// shared records are away. A fiftieth of the budget is written down ahead.
func TestNoLifeSpendsWhatItCannotWriteDown(t *testing.T) {
	t.Parallel()
	server := postgrestest.Start(t)
	l := newLives(t, setup{sets: append(sharedSets(t, server), "budget.calls=200", "budget.window=1h", "budget.max_wait=0s")})
	l.begin()
	for range 60 {
		l.read()
	}
	before := l.asked()
	if before < 50 {
		t.Fatalf("%d calls were sent with the records there", before)
	}
	server.Kill()
	for range 60 {
		l.read()
	}
	if n := l.asked() - before; n > 200/50 {
		t.Errorf("%d calls were sent that are written nowhere", n)
	}
	for life := range 3 {
		before = l.asked()
		l.kill()
		l.begin()
		for range 20 {
			if got := l.read(); got != http.StatusServiceUnavailable {
				t.Fatalf("life %d: a read got %d", life, got)
			}
		}
		if n := l.asked() - before; n > 0 {
			t.Errorf("life %d sent %d calls without knowing what is spent", life, n)
		}
	}
	server.Restart()
	for late := time.After(patience); l.read() != http.StatusOK; {
		select {
		case <-late:
			t.Fatal("reads do not go on once the records are back")
		case <-time.After(100 * time.Millisecond):
		}
	}
	for range 250 {
		l.read()
	}
	if n := l.asked(); n > 200 || n < 90 {
		t.Errorf("%d calls were sent, of 200", n)
	}
}

// TestALifeThatFindsNoCheckpointTakesTheBudgetForSpent loses the records of earlier
// lives, as the trail shows, or the entry alone.
func TestALifeThatFindsNoCheckpointTakesTheBudgetForSpent(t *testing.T) {
	t.Parallel()
	l := newLives(t, setup{sets: []string{"budget.calls=60", "budget.window=1h", "budget.max_wait=0s"}})
	l.begin()
	l.makeStore()
	for range 30 {
		l.read()
	}
	// The start after a loss needs the head file.
	for late := time.After(patience); ; {
		if head, err := os.Stat(audit.HeadPath(filepath.Join(l.folder, "audit.log"))); err == nil && head.Size() > 0 {
			break
		}
		select {
		case <-late:
			t.Fatal("the head of the trail is not written")
		case <-time.After(10 * time.Millisecond):
		}
	}
	l.kill()
	lost, err := filepath.Glob(filepath.Join(l.folder, "state*"))
	must(t, err)
	for _, file := range lost {
		must(t, os.RemoveAll(file))
	}
	l.begin()
	for range 40 {
		l.read()
	}
	if n := l.asked(); n > 60 {
		t.Errorf("%d calls were sent, of 60", n)
	}
}

// makeStore makes a change, so that the trail has a record.
func (l *lives) makeStore() {
	l.t.Helper()
	r, err := http.NewRequestWithContext(l.t.Context(), http.MethodPost, l.now.rest+"/client/v4/accounts/"+accountID+"/secrets_store/stores",
		strings.NewReader(`{"name":"s"}`))
	must(l.t, err)
	r.Header.Set("Authorization", "Bearer "+callerKey)
	a, err := l.now.http.Do(r)
	must(l.t, err)
	must(l.t, a.Body.Close())
	if a.StatusCode != http.StatusOK {
		l.t.Fatalf("a store is not made: %d", a.StatusCode)
	}
}
