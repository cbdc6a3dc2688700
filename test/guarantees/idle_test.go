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

// TestIdleReplicasAskPostgresSeldomHoweverManyCredentials counts the statements that
// the server executes, by its own log.
func TestIdleReplicasAskPostgresSeldomHoweverManyCredentials(t *testing.T) {
	t.Parallel()
	for _, accounts := range []int{0, 200} {
		t.Run(fmt.Sprint(accounts+1, " credentials"), func(t *testing.T) {
			t.Parallel()
			w := build(t, plan{
				replicas: 2, callers: 1, settings: fleet.Settings{Accounts: accounts},
				postgres: []string{"fsync=off", "log_statement=all", "log_line_prefix=[%a] "},
			})
			// Slots of the budget move between replicas at first.
			time.Sleep(length(t, 8*time.Second))
			before, begun := w.statements(), time.Now()
			time.Sleep(length(t, 10*time.Second))
			perSecond := float64(w.statements()-before) / time.Since(begun).Seconds() / float64(len(w.replicas))
			t.Logf("%.2f statements a second and replica", perSecond)
			if perSecond > mostIdle {
				t.Errorf("an idle replica sends %.2f statements a second, at most %d are allowed; the last of them:\n%s", perSecond, mostIdle, w.lastStatements(60))
			}
		})
	}
}

// statements is how many statements of replicas the server has executed.
func (w *world) statements() int {
	return strings.Count(w.postgres.Log(), "[storekeeper] LOG:  execute ") + strings.Count(w.postgres.Log(), "[storekeeper] LOG:  statement: ")
}

// lastStatements are the beginnings of the last ones.
func (w *world) lastStatements(n int) string {
	var all []string
	for line := range strings.Lines(w.postgres.Log()) {
		if _, text, ok := strings.Cut(line, "[storekeeper] LOG:  "); ok {
			all = append(all, text[:min(len(text), 100)])
		}
	}
	return strings.Join(all[max(0, len(all)-n):], "\n")
}
