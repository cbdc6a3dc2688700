package deploy_test

import (
	"net"
	"os/exec"
	"testing"
	"time"
)

// startValkey runs a server as deploy/README.md asks for it, until the test
// ends, and gives its address. It gives none where no server is installed.
func startValkey(t *testing.T, password string) (address string) {
	t.Helper()
	var program string
	for _, name := range []string{"valkey-server", "redis-server"} {
		if found, err := exec.LookPath(name); err == nil && program == "" {
			program = found
		}
	}
	if program == "" {
		return ""
	}
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address = free.Addr().String()
	_, port, _ := net.SplitHostPort(address)
	_ = free.Close()
	running := exec.Command(program, "--port", port, "--bind", "127.0.0.1", "--dir", t.TempDir(), "--save", "",
		"--appendonly", "yes", "--appendfsync", "always", "--maxmemory-policy", "noeviction", "--requirepass", password)
	if err := running.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = running.Process.Kill()
		_ = running.Wait()
	})
	for late := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		if conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", address); err == nil {
			_ = conn.Close()
			return address
		}
		if time.Now().After(late) {
			t.Fatalf("%s does not listen on %s", program, address)
		}
	}
}

// ownState gives a pod the server that its configuration names, on this machine,
// or a file where there is no such server here.
func ownState(t *testing.T, c *cluster, pod *container) (args []string) {
	t.Helper()
	sets := []string{"idempotency.valkey.address=" + startValkey(t, c.secret.StringData["valkey-password"])}
	if sets[0] == "idempotency.valkey.address=" {
		t.Log("no valkey-server or redis-server on this machine, so the pod keeps its state in a file")
		const folder = "/var/lib/storekeeper"
		pod.volume(folder, 0o700, pod.user, pod.group)
		sets = append(sets, "idempotency.store=file", "idempotency.file="+pod.path(folder+"/storekeeper.db"))
	}
	for _, set := range sets {
		args = append(args, "--set", set)
	}
	return args
}
