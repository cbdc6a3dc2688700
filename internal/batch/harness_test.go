package batch_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"platform.internal/storekeeper/internal/batch"
	"platform.internal/storekeeper/internal/budget"
	"platform.internal/storekeeper/internal/change"
	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/upstream"
)

const (
	account = "main"
	store   = "3fd85f74b32742f1bff64a85009dda07"
	// attempt bounds a call for several.
	attempt = 5 * time.Second
	// window is the wait of calls after the budget of one call is spent.
	window = 10 * time.Second
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// cloud is a fake Cloudflare that stores names and refuses configured items.
type cloud struct {
	mu      sync.Mutex
	secrets map[string]upstream.Secret
	batches []string
	// answer decides about a call, before anything is made. Nil makes all.
	answer func(ctx context.Context, names []string) error
	// partly creates the items before the first refused item.
	partly bool
	// idle leaves the permit unused.
	idle bool
	// reversed answers in the wrong order.
	reversed bool
	// unlisted is the fault of a listing.
	unlisted error
}

// CreateSecrets creates secrets unless one of their names is taken.
func (c *cloud) CreateSecrets(ctx context.Context, p upstream.CreateSecretsParams) (upstream.Answer[[]upstream.Secret], error) {
	if t := change.From(ctx).Permit; t != nil && !c.idle {
		defer t.Done(budget.Result{Sent: true, Answered: true})
	}
	var names []string
	for _, s := range p.Secrets {
		names = append(names, s.Name)
	}
	c.mu.Lock()
	c.batches = append(c.batches, strings.Join(names, " "))
	answer := c.answer
	c.mu.Unlock()
	if answer != nil {
		if err := answer(ctx, names); err != nil {
			return upstream.Answer[[]upstream.Secret]{}, err
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, name := range names {
		if err := c.refuse(name, i, slices.Contains(names[:i], name)); err != nil {
			return upstream.Answer[[]upstream.Secret]{}, err
		}
		if c.partly {
			c.put(name)
		}
	}
	answered := upstream.Answer[[]upstream.Secret]{
		Ray: fmt.Sprintf("ray%d", len(c.batches)), Notices: []upstream.Notice{{Message: "about " + names[0]}},
	}
	for _, name := range names {
		answered.Result = append(answered.Result, c.put(name))
	}
	if c.reversed {
		slices.Reverse(answered.Result)
	}
	return answered, nil
}

// refuse returns the refusal of an item, nil if there is none. The caller holds mu.
func (c *cloud) refuse(name string, place int, repeated bool) error {
	if strings.HasPrefix(name, "BAD") {
		f := fault.Invalid(fault.Field{Pointer: fmt.Sprintf("/%d/scopes/0", place), Reason: "SECRET_SCOPE_INVALID", Text: "must be right"})
		f.Notices = []fault.Notice{{Text: "of " + name}}
		return f
	}
	if _, there := c.secrets[name]; there || repeated {
		f := fault.New(fault.NameTaken, "SECRET_NAME_ALREADY_EXISTS", "The store has a secret with this name already.")
		f.Detail = name
		return f
	}
	return nil
}

func (c *cloud) put(name string) upstream.Secret {
	if c.secrets == nil {
		c.secrets = map[string]upstream.Secret{}
	}
	s := upstream.Secret{ID: "id of " + name, Name: name, Created: time.Now()}
	c.secrets[name] = s
	return s
}

// Secrets lists all secrets.
func (c *cloud) Secrets(context.Context, string, string, time.Time) ([]upstream.Secret, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var all []upstream.Secret
	for _, s := range c.secrets {
		all = append(all, s)
	}
	return all, c.unlisted
}

func (c *cloud) sent() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]string(nil), c.batches...)
}

// result is the result of one caller.
type result struct {
	answer upstream.Answer[[]upstream.Secret]
	err    error
}

// told formats a result.
func (r result) told() string {
	if r.err != nil {
		f := fault.From(r.err)
		text := f.Reason
		if f.Detail != "" {
			text += " " + f.Detail
		}
		for _, field := range f.Fields {
			text += " " + field.Pointer
		}
		for _, n := range f.Notices {
			text += " " + n.Text
		}
		return text
	}
	var names []string
	for _, s := range r.answer.Result {
		names = append(names, s.ID)
	}
	for _, n := range r.answer.Notices {
		names = append(names, n.Message)
	}
	return strings.Join(names, ", ")
}

// scene has several callers that wait for one permit. It runs in a synctest bubble.
type scene struct {
	t         *testing.T
	cloud     *cloud
	scheduler *budget.Scheduler
	coalescer coalescer
}

// inScene spends the whole budget, so that later callers wait for the same permit.
func inScene(t *testing.T, play func(*scene)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := &scene{t: t, cloud: &cloud{}}
		s.scheduler = budget.New(budget.Config{Calls: 1, Window: window})
		defer s.scheduler.Close()
		s.coalescer = newCoalescer(batch.Config{
			Listings: s.cloud, Attempt: attempt,
			Acquire: func(ctx context.Context, _ *change.Attempt, a budget.Ask) (*budget.Permit, error) {
				return s.scheduler.Acquire(ctx, a)
			},
		}, s.cloud)
		s.spend()
		play(s)
		s.coalescer.Close()
	})
}

// spend uses up the budget of this window.
func (s *scene) spend() {
	s.t.Helper()
	turn, err := s.scheduler.Acquire(s.t.Context(), budget.Ask{})
	if err != nil {
		s.t.Fatal(err)
	}
	turn.Done(budget.Result{Sent: true, Answered: true})
}

// sameStart compares results, ignoring Cloudflare's notices to a request with one item.
func sameStart(told, want string) bool {
	return told == want || strings.HasPrefix(told, want+", about ")
}

// create lets a caller create secrets, as soon as all before wait. Their names
// are separated by spaces.
func (s *scene) create(ctx context.Context, names string) <-chan result {
	done := make(chan result, 1)
	go func() {
		a, err := s.coalescer.CreateSecrets(ctx, params(names))
		done <- result{a, err}
	}()
	synctest.Wait()
	return done
}

func params(names string) upstream.CreateSecretsParams {
	p := upstream.CreateSecretsParams{Account: account, StoreID: store}
	for name := range strings.FieldsSeq(names) {
		p.Secrets = append(p.Secrets, upstream.NewSecret{Name: name, Value: upstream.Value("value of " + name), Scopes: []string{"workers"}})
	}
	return p
}

// createAll starts the callers in order and returns their results.
func (s *scene) createAll(callers ...string) []string {
	var waiting []<-chan result
	for _, names := range callers {
		waiting = append(waiting, s.create(s.t.Context(), names))
	}
	var told []string
	for _, done := range waiting {
		told = append(told, (<-done).told())
	}
	return told
}
