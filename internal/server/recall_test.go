package server_test

import (
	"testing"
	"time"

	"google.golang.org/grpc/metadata"

	"platform.internal/storekeeper/internal/emulator"
	"platform.internal/storekeeper/internal/server/servertest"
)

// A repeat asks Cloudflare for the name that a rule needs, and the first call deletes the secret before Cloudflare
// answers.
func TestARepeatThatAsksForANameDuringTheFirstCallGetsItsAnswer(t *testing.T) {
	for name, call := range map[string]func(*world) call{
		"a deletion":         func(w *world) call { return w.remove(w.payA) },
		"a deletion of many": func(w *world) call { return w.removeAll(w.payA) },
	} {
		t.Run(name, func(t *testing.T) {
			w := start(t, servertest.Config{Network: loopback(t)})
			const get = "secrets-store-get-by-id"
			if err := w.Cloudflare.Inject(emulator.Fault{Kind: emulator.KindDelay, Operation: get, Delay: time.Second, Times: 1}); err != nil {
				t.Fatal(err)
			}
			ctx := metadata.AppendToOutgoingContext(within(t), "idempotency-key", "k")
			before, repeat := w.Cloudflare.Calls(get), make(chan error)
			go func() { repeat <- call(w)(ctx, w.As(payments)) }()
			for w.Cloudflare.Calls(get) == before {
				time.Sleep(time.Millisecond)
			}
			if err := call(w)(ctx, w.As(payments)); err != nil {
				t.Errorf("the first call: %v", err)
			}
			if err := <-repeat; err != nil {
				t.Errorf("the repeat: %v", err)
			}
		})
	}
}
