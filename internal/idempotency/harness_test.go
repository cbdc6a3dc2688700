package idempotency_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"platform.internal/storekeeper/internal/audit"
	"platform.internal/storekeeper/internal/change"
	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/idempotency"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is the fake upstream. It records the effect of each intent.
type world struct {
	mu      sync.Mutex
	done    map[string]string
	effects map[string]int
	// looks counts the attempts to look up the outcome of an intent.
	looks int
	// blind makes lookups fail.
	blind bool
}

func newWorld() *world { return &world{done: make(map[string]string), effects: make(map[string]int)} }

// act carries out op. Each call of act returns a different answer.
func (w *world) act(op *idempotency.Operation, what string) []byte {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.effects[what]++
	answer := fmt.Sprintf("%s number %d", what, w.effects[what])
	w.done[op.Intent.ID] = answer
	return []byte(answer)
}

func (w *world) count(what string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.effects[what]
}

func (w *world) setBlind(blind bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.blind = blind
}

func (w *world) looked() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.looks
}

func (w *world) recover(_ context.Context, op *idempotency.Operation) ([]byte, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.looks++
	if w.blind {
		return nil, fault.New(fault.Unavailable, "UPSTREAM_UNAVAILABLE", "away")
	}
	if answer, ok := w.done[op.Intent.ID]; ok {
		return []byte(answer), nil
	}
	return nil, fmt.Errorf("looked: %w", change.ErrNotDone)
}

// replica is a Coordinator with its test environment.
type replica struct {
	*idempotency.Coordinator
	link  *link
	world *world

	mu     sync.Mutex
	events map[idempotency.EventKind]int
}

func (r *replica) observe(e idempotency.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events[e.Kind]++
}

func (r *replica) seen(k idempotency.EventKind) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.events[k]
}

// crash stops r like SIGKILL: no later write reaches the disk.
func (r *replica) crash() {
	r.link.set(true, false)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_ = r.Close(ctx)
}

// life starts a Coordinator on a disk. edit may change the configuration.
func life(t testing.TB, d *disk, w *world, edit func(*idempotency.Config)) *replica {
	t.Helper()
	r := &replica{link: &link{disk: d}, world: w, events: make(map[idempotency.EventKind]int)}
	c := idempotency.Config{
		Store:   r.link,
		Replica: fmt.Sprintf("replica-%p", r),
		Alone:   true,
		Pepper:  []byte(strings.Repeat("p", 32)),
		Recover: w.recover,
		Observe: r.observe,
		// The patience is longer than any change of the tests that do not test the patience.
		Patience: 3 * time.Minute,
	}
	if edit != nil {
		edit(&c)
	}
	k, err := idempotency.New(c)
	if err != nil {
		t.Fatal(err)
	}
	r.Coordinator = k
	k.Start(t.Context())
	t.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		_ = k.Close(ctx)
	})
	return r
}

// together says that other replicas use the disk.
func together(c *idempotency.Config) { c.Alone = false }

// keyed is a call with a key.
func keyed(key, what string) idempotency.Call {
	return idempotency.Call{Caller: "anna", Key: key, Method: "/Create", Payload: []byte(what)}
}

// plain returns a call without a key.
func plain(what string) idempotency.Call { return keyed("", what) }

func again(c idempotency.Call) idempotency.Call {
	c.Retry = true
	return c
}

func on(c idempotency.Call, objects ...string) idempotency.Call {
	c.Objects = objects
	return c
}

// describe is the description of a change that may always be made, without an audit record.
type describe func() (idempotency.Intent, error)

func (describe) Admit(context.Context) error { return nil }

func (d describe) Intent(context.Context, <-chan struct{}) (idempotency.Intent, error) { return d() }

func (describe) Outcome(error) []audit.Record { return nil }

// ended is how a call went.
type ended struct {
	idempotency.Answer

	err *fault.Error
}

func (e ended) String() string {
	if e.err != nil {
		return e.err.Reason
	}
	return string(e.Body)
}

// do makes a call in the background. The change acts on the world.
func (r *replica) do(ctx context.Context, c idempotency.Call) <-chan ended {
	return r.run(ctx, c, func(_ context.Context, op *idempotency.Operation) ([]byte, error) {
		return r.world.act(op, string(c.Payload)), nil
	})
}

func (r *replica) run(
	ctx context.Context, c idempotency.Call, run func(ctx context.Context, op *idempotency.Operation) ([]byte, error),
) <-chan ended {
	out := make(chan ended, 1)
	go func() {
		a, err := r.Do(ctx, &c, run)
		e := ended{Answer: a}
		if err != nil {
			e.err = fault.From(err)
		}
		out <- e
	}()
	return out
}

// want checks an answer.
func want(t *testing.T, got <-chan ended, text string, replayed bool) {
	t.Helper()
	e := <-got
	if e.String() != text || e.Replayed != replayed {
		t.Errorf("answered %q, replayed %t (%v); want %q, replayed %t", e, e.Replayed, e.err, text, replayed)
	}
}

// pending checks that there is no answer yet.
func pending(t *testing.T, got <-chan ended) {
	t.Helper()
	select {
	case e := <-got:
		t.Fatalf("answered %q (%v) too early", e, e.err)
	default:
	}
}

// nothingOpen checks that no intent and no object is left.
func nothingOpen(t *testing.T, d *disk) {
	t.Helper()
	if left := append(d.names("open/"), d.locked()...); len(left) > 0 {
		t.Errorf("left open: %v", left)
	}
}

// locked returns the objects that are locked. The record of any other object names the last intent, and must
// expire.
func (d *disk) locked() []string {
	var found []string
	for _, k := range d.names("object/") {
		d.mu.Lock()
		e := d.entries[k]
		d.mu.Unlock()
		if !strings.HasPrefix(string(e.Value), " ") || e.Expires.IsZero() {
			found = append(found, k)
		}
	}
	return found
}

// slow acts after d.
func (r *replica) slow(what string, d time.Duration) func(ctx context.Context, op *idempotency.Operation) ([]byte, error) {
	return func(_ context.Context, op *idempotency.Operation) ([]byte, error) {
		answer := r.world.act(op, what)
		time.Sleep(d)
		return answer, nil
	}
}

var errLost = fault.New(fault.Unavailable, "UPSTREAM_ANSWER_LOST", "nobody knows").Because(errors.New("cut"))

// lost acts, and loses the answer.
func (r *replica) lost(what string) func(ctx context.Context, op *idempotency.Operation) ([]byte, error) {
	return func(_ context.Context, op *idempotency.Operation) ([]byte, error) {
		r.world.act(op, what)
		return nil, errLost
	}
}

// unsent sends nothing and returns errLost.
func unsent(context.Context, *idempotency.Operation) ([]byte, error) { return nil, errLost }
