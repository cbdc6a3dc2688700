package fleet

import (
	"os/exec"
	"testing"

	"platform.internal/storekeeper/internal/records/valkeytest"
)

// StartValkey runs a real Valkey or Redis server for the length of the test,
// which is skipped where there is none.
func StartValkey(t testing.TB) *valkeytest.Server {
	t.Helper()
	for _, name := range []string{"valkey-server", "redis-server"} {
		if _, err := exec.LookPath(name); err == nil {
			return valkeytest.Start(t)
		}
	}
	t.Skip("no valkey-server or redis-server on this machine, so two replicas were not tried")
	return nil
}
