package main

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// TestAnUrgentChangeDoesNotWaitForTheQueueOfItsHolder makes a duplicate under
// an existing name, behind many calls in the queue for the budget. The
// duplicate holds the lock of the name, for which an update of that secret
// waits.
func TestAnUrgentChangeDoesNotWaitForTheQueueOfItsHolder(t *testing.T) {
	t.Parallel()
	const others = 45
	p := start(t, setup{sets: []string{"budget.calls=20", "budget.window=5s", "budget.max_wait=1m", "idempotency.wait=1m"}})
	w := p.given("secret")
	p.learn(w)
	var ended atomic.Int32
	var all sync.WaitGroup
	copyAs := func(name string) {
		all.Go(func() {
			body := strings.NewReader(`{"name":"` + name + `","scopes":["dex"]}`)
			_, _ = p.try(context.Background(), "POST", "stores/"+w.store+"/secrets/"+w.secret+"/duplicate", body)
			ended.Add(1)
		})
	}
	for i := range others {
		copyAs(fmt.Sprint("COPY-", i))
	}
	p.await("the others wait", func() bool { return p.counted("began") == fmt.Sprint(others) })
	copyAs("taken")
	p.await("the holder waits", func() bool { return p.counted("began") == fmt.Sprint(others+1) })
	before := ended.Load()
	p.must("PATCH", "stores/"+w.store+"/secrets/"+w.secret, `{"value":"v"}`)
	// Some get their turn while the holder and the update are written to the disk. Without urgency all do.
	if passed, waiting := ended.Load()-before, others-before; passed > waiting/2 {
		t.Errorf("%d of %d others had their turn before the update", passed, waiting)
	}
	all.Wait()
}
