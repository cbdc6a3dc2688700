package guarantees_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"platform.internal/storekeeper/test/guarantees/fleet"
)

// mostIdle is how many statements a second an idle replica may send.
const mostIdle = 2

// TestIdleReplicasAskPostgresSeldomHoweverManyCredentials counts the executed
// statements in the log of the PostgreSQL server.
func TestIdleReplicasAskPostgresSeldomHoweverManyCredentials(t *testing.T) {
	t.Parallel()
	type size struct{ replicas, accounts int }
	sizes := []size{{2, 0}, {2, 200}}
	if long() {
		sizes = append(sizes, size{10, 0}, size{10, 200}, size{30, 0})
	}
	for _, s := range sizes {
		t.Run(fmt.Sprintf("%d replicas and %d credentials", s.replicas, s.accounts+1), func(t *testing.T) {
			if !long() {
				t.Parallel()
			}
			w := build(t, plan{
				replicas: s.replicas, callers: 1, settings: fleet.Settings{Accounts: s.accounts},
				postgres: []string{"fsync=off", "max_connections=500", "log_statement=all", "log_line_prefix=[%a] "},
			})
			// At first, slots of the budget move between replicas, one commit
			// for each credential.
			perSecond := 1e9
			for begun := time.Now(); perSecond > mostIdle && time.Since(begun) < 2*takeover; {
				perSecond = w.rate(length(t, 8*time.Second))
			}
			t.Logf("%.2f statements a second and replica", perSecond)
			if perSecond > mostIdle {
				t.Errorf("an idle replica sends %.2f statements a second, at most %d are allowed; the last of them:\n%s", perSecond, mostIdle, w.lastStatements(60))
			}
		})
	}
}

// rate is how many statements a second a replica sends, over a while.
func (w *world) rate(d time.Duration) float64 {
	before, begun := w.statements(), time.Now()
	time.Sleep(d)
	return float64(w.statements()-before) / time.Since(begun).Seconds() / float64(len(w.replicas))
}

// statements is how many statements of replicas the server has executed.
func (w *world) statements() int {
	return strings.Count(w.postgres.Log(), "[storekeeper] LOG:  execute ") + strings.Count(w.postgres.Log(), "[storekeeper] LOG:  statement: ")
}

// lastStatements returns the beginnings of the last n statements.
func (w *world) lastStatements(n int) string {
	var all []string
	for line := range strings.Lines(w.postgres.Log()) {
		if _, text, ok := strings.Cut(line, "[storekeeper] LOG:  "); ok {
			all = append(all, text[:min(len(text), 100)])
		}
	}
	return strings.Join(all[max(0, len(all)-n):], "\n")
}
