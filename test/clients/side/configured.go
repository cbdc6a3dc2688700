package side

import (
	"strings"
	"testing"
)

// Configured starts Storekeeper with a configuration file of the test, and
// returns the host and port of its REST listener.
func (p Program) Configured(t testing.TB, file string) string {
	t.Helper()
	args := append([]string{"serve", "--config", file}, anyPort()...)
	return strings.TrimPrefix(p.start(t, args, `"rest":"(127\.0\.0\.1:\d+)"`), "http://")
}
