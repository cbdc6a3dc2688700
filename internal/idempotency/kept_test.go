package idempotency_test

import (
	"bytes"
	"context"
	"testing"
	"testing/synctest"

	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/idempotency"
)

// size is how many bytes the records have.
func (d *disk) size() (n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for k, e := range d.entries {
		n += len(k) + len(e.Value)
	}
	return n
}

func asking(c idempotency.Call, request []byte) idempotency.Call {
	c.Description = describe(func() (idempotency.Intent, error) {
		return idempotency.Intent{Op: request, Baseline: request}, nil
	})
	return c
}

// The request serves recovery, and no finished change needs any.
func TestAFinishedChangeIsKeptWithoutItsRequest(t *testing.T) {
	refused := fault.New(fault.NameTaken, "NAME_TAKEN", "x")
	for name, run := range map[string]func(context.Context, *idempotency.Operation) ([]byte, error){
		"an answer": func(context.Context, *idempotency.Operation) ([]byte, error) { return []byte("done"), nil },
		"a refusal": func(context.Context, *idempotency.Operation) ([]byte, error) { return nil, refused },
		"nothing": func(context.Context, *idempotency.Operation) ([]byte, error) {
			return nil, fault.New(fault.Throttled, "BUDGET_SPENT", "x")
		},
	} {
		for _, c := range []idempotency.Call{keyed("k", "a"), plain("a")} {
			t.Run(name+" "+c.Key, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					d := newDisk()
					r := life(t, d, newWorld(), nil)
					<-r.run(t.Context(), asking(on(c, "o"), bytes.Repeat([]byte("1"), 1<<20)), run)
					if n := d.size(); n > 2048 {
						t.Errorf("%d bytes are kept", n)
					}
				})
			})
		}
	}
}

func TestAnIntentThatIsTooLongIsRefusedBeforeItIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDisk()
		r := life(t, d, newWorld(), nil)
		c := asking(on(keyed("k", "a"), "o"), bytes.Repeat([]byte("1"), 3<<20))
		want(t, r.do(t.Context(), c), "REQUEST_TOO_LARGE", false)
		want(t, r.do(t.Context(), c), "REQUEST_TOO_LARGE", false)
		if n := len(d.written); n != 0 {
			t.Errorf("%d values were written", n)
		}
		nothingOpen(t, d)
		want(t, r.do(t.Context(), keyed("k", "b")), "b number 1", false)
	})
}
