package mirror_test

import (
	"testing"
	"time"

	"github.com/valkey-io/valkey-go"

	"platform.internal/storekeeper/internal/mirror/valkeylog"
	"platform.internal/storekeeper/internal/records/valkeytest"
)

// TestTwoReplicasOnOneServer kills the server midway.
func TestTwoReplicasOnOneServer(t *testing.T) {
	server := valkeytest.Start(t)
	w := newWorld(t)
	store := w.store("s")
	var clients []*client
	for range 2 {
		client, err := valkey.NewClient(valkey.ClientOption{InitAddress: []string{server.Address()}, DisableCache: true, ForceSingleClient: true})
		must(t, err)
		t.Cleanup(client.Close)
		by, _ := w.mirror(withLog(valkeylog.New(client, func(name string) string { return "test:" + name })))
		clients = append(clients, by)
	}
	agree := func(want string) {
		t.Helper()
		for i, by := range clients {
			if got := names(t, by, store); got != want {
				t.Errorf("replica %d shows %s, want %s", i, got, want)
			}
		}
	}
	agree("[]")
	agree("[]")
	w.costs(listSecrets, 0, func() {
		secrets(t, clients[0], store, "A")
		agree("[A]")
		secrets(t, clients[1], store, "B")
		agree("[B A]")
	})
	server.Kill()
	secrets(t, clients[0], store, "C")
	if got := names(t, clients[0], store); got != "[C B A]" {
		t.Errorf("the writer shows %s", got)
	}
	w.clock.move(staleness + 1)
	agree("[C B A]")
	server.Restart()
	w.clock.move(2 * time.Second)
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); {
		before := w.Calls(listSecrets)
		agree("[C B A]")
		if w.Calls(listSecrets) == before {
			break
		}
		w.clock.move(2 * time.Second)
	}
	w.costs(listSecrets, 0, func() {
		secrets(t, clients[1], store, "D")
		agree("[D C B A]")
	})
}
