package reconcile_test

import (
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"testing"
	"time"

	"platform.internal/storekeeper/internal/change"
	"platform.internal/storekeeper/internal/emulator"
	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/reconcile"
	"platform.internal/storekeeper/internal/upstream"
)

// trial is one of the seven kinds of change, made in a prepared world.
type trial struct {
	name   string
	method string
	// make makes the change and returns the parts of the answer that are equal in every run.
	make func(*world, *change.Attempt) (string, error)
}

func changes() []trial {
	return []trial{
		{"CreateStore", http.MethodPost, createStore},
		{"DeleteStore", http.MethodDelete, deleteStore},
		{"CreateSecrets of one", http.MethodPost, func(w *world, o *change.Attempt) (string, error) { return createSecrets(w, o, "ONE") }},
		{"CreateSecrets of three", http.MethodPost, func(w *world, o *change.Attempt) (string, error) {
			return createSecrets(w, o, "ONE", "TWO", "THREE")
		}},
		{"UpdateSecret", http.MethodPatch, updateSecret},
		{"DeleteSecret", http.MethodDelete, deleteSecret},
		{"DeleteSecrets", http.MethodDelete, deleteSecrets},
		{"DuplicateSecret", http.MethodPost, duplicateSecret},
	}
}

func createStore(w *world, o *change.Attempt) (string, error) {
	ctx := w.with(o, target{StoreName: "fresh"})
	a, err := w.settler.CreateStore(ctx, upstream.CreateStoreParams{Account: accountID, Name: "fresh"})
	if err == nil {
		// The answer must be of the store that is there.
		if _, err := w.client.GetStore(w.t.Context(), upstream.StoreParams{Account: accountID, StoreID: a.Result.ID}); err != nil {
			w.t.Error(err)
		}
	}
	return fmt.Sprint(a.Result.Name, a.Result.AccountID, a.Info, a.Notices), err
}

func deleteStore(w *world, o *change.Attempt) (string, error) {
	store := w.newStore("second")
	ctx := w.with(o, target{StoreID: store})
	a, err := w.settler.DeleteStore(ctx, upstream.DeleteStoreParams{Account: accountID, StoreID: store, Force: true})
	return fmt.Sprint(a.Result, a.Info, a.Notices), err
}

func createSecrets(w *world, o *change.Attempt, names ...string) (string, error) {
	ctx := w.with(o, target{StoreID: w.store, SecretNames: names})
	p := upstream.CreateSecretsParams{Account: accountID, StoreID: w.store}
	for _, name := range names {
		p.Secrets = append(p.Secrets, item(name))
	}
	a, err := w.settler.CreateSecrets(ctx, p)
	told := fmt.Sprint(a.Info, a.Notices)
	for _, s := range a.Result {
		told += "; " + w.check(s)
	}
	return told, err
}

func updateSecret(w *world, o *change.Attempt) (string, error) {
	id := w.newSecret("OLD").ID
	ctx := w.with(o, target{StoreID: w.store, SecretIDs: []string{id}})
	value := upstream.Value("new value")
	a, err := w.settler.UpdateSecret(ctx, upstream.UpdateSecretParams{
		Account: accountID, StoreID: w.store, SecretID: id, Value: &value, Scopes: []string{"dex", "access"},
		Comment: upstream.CommentChange{Change: true},
	})
	return w.check(a.Result) + fmt.Sprint(a.Info, a.Notices), err
}

func deleteSecret(w *world, o *change.Attempt) (string, error) {
	id := w.newSecret("OLD").ID
	w.newSecret("STAYS")
	ctx := w.with(o, target{StoreID: w.store, SecretIDs: []string{id}})
	a, err := w.settler.DeleteSecret(ctx, upstream.SecretParams{Account: accountID, StoreID: w.store, SecretID: id})
	return fmt.Sprint(a.Result, a.Info, a.Notices), err
}

func deleteSecrets(w *world, o *change.Attempt) (string, error) {
	ids := []string{w.newSecret("OLD").ID, w.newSecret("OLDER").ID}
	w.newSecret("STAYS")
	ctx := w.with(o, target{StoreID: w.store, SecretIDs: ids})
	a, err := w.settler.DeleteSecrets(ctx, upstream.DeleteSecretsParams{Account: accountID, StoreID: w.store, IDs: ids})
	return fmt.Sprint(a.Result, a.Info, a.Notices), err
}

func duplicateSecret(w *world, o *change.Attempt) (string, error) {
	id := w.newSecret("OLD").ID
	ctx := w.with(o, target{StoreID: w.store, SecretNames: []string{"COPY"}})
	a, err := w.settler.DuplicateSecret(ctx, upstream.DuplicateSecretParams{
		Account: accountID, StoreID: w.store, SecretID: id, Name: "COPY", Scopes: []string{"dex", "workers"},
	})
	return w.check(a.Result) + fmt.Sprint(a.Info, a.Notices), err
}

// check compares an answered secret with the secret at Cloudflare.
func (w *world) check(s upstream.Secret) string {
	if s.ID == "" {
		return "none"
	}
	there, err := w.client.GetSecret(w.t.Context(), upstream.SecretParams{Account: accountID, StoreID: w.store, SecretID: s.ID})
	// A late request updates the secret once more, to the same state.
	then := s
	then.Modified = there.Result.Modified
	if err != nil || !reflect.DeepEqual(there.Result, then) {
		w.t.Errorf("answered %+v, and there is %+v, %v", s, there.Result, err)
	}
	return describe(s)
}

// losses are the ways in which an answer is lost.
func losses() map[string]emulator.Fault {
	return map[string]emulator.Fault{
		"cut before":          {Kind: emulator.KindCut},
		"cut after":           {Kind: emulator.KindCut, AfterCommit: true},
		"503 before":          {Kind: emulator.KindStatus, Status: 503},
		"520 after":           {Kind: emulator.KindStatus, Status: 520, ContentType: "text/html", AfterCommit: true},
		"truncated":           {Kind: emulator.KindTruncate},
		"cut within the body": {Kind: emulator.KindCutMidBody},
		"late before":         {Kind: emulator.KindDelay, Delay: time.Minute},
		"late after":          {Kind: emulator.KindDelay, Delay: time.Minute, AfterCommit: true},
		"200 false after":     {Kind: emulator.KindSuccessFalse, AfterCommit: true},
		"302 before":          {Kind: emulator.KindStatus, Status: 302},
		"302 after":           {Kind: emulator.KindStatus, Status: 302, AfterCommit: true},
		"418 after":           {Kind: emulator.KindStatus, Status: 418, AfterCommit: true},
		"HTML 400 after":      {Kind: emulator.KindStatus, Status: 400, ContentType: "text/html", AfterCommit: true},
		"HTML 403 before":     {Kind: emulator.KindStatus, Status: 403, ContentType: "text/html"},
		"HTML 403 after":      {Kind: emulator.KindStatus, Status: 403, ContentType: "text/html", AfterCommit: true},
		"429 after":           {Kind: emulator.KindStatus, Status: 429, RetryAfter: time.Second, AfterCommit: true},
	}
}

// TestLostAnswersLeaveNoTrace makes each change with and without lost answers, and compares the answers and
// the final states.
func TestLostAnswersLeaveNoTrace(t *testing.T) {
	for _, c := range changes() {
		for name, loss := range losses() {
			for _, times := range []int{1, 3} {
				t.Run(fmt.Sprintf("%s/%s/%d times", c.name, name, times), func(t *testing.T) {
					t.Parallel()
					struck := loss
					struck.Method, struck.Times = c.method, times
					compare(t, c, struck)
				})
			}
		}
	}
}

func compare(t *testing.T, c trial, losses ...emulator.Fault) {
	t.Helper()
	hasty := func(c *reconcile.Config) {
		if slices.ContainsFunc(losses, func(f emulator.Fault) bool { return f.Kind == emulator.KindDelay }) {
			c.Attempt = attempt
		}
	}
	plain, struck := newWorld(t, nil), newWorld(t, nil, hasty)
	want, err := c.make(plain, &change.Attempt{})
	if err != nil {
		t.Fatal(err)
	}
	got, err := c.make(struck, &change.Attempt{Held: struck.striking(losses...)})
	if err != nil {
		t.Fatal(err)
	}
	if got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got, want := struck.secrets(), plain.secrets(); !reflect.DeepEqual(got, want) {
		t.Errorf("there are %v, want %v", got, want)
	}
	if got, want := struck.stores(), plain.stores(); !slices.Equal(got, want) {
		t.Errorf("there are %v, want %v", got, want)
	}
	if left := struck.Faults(); slices.Contains(left, losses[0]) {
		t.Error("the fault struck nothing")
	}
	if events := struck.seen(); len(events) != 1 || events[0].Outcome != reconcile.Done || len(plain.seen()) != 0 {
		t.Errorf("events %+v, and without faults %+v", events, plain.seen())
	}
}

// striking returns a Held function that injects faults at its first call, when the change is prepared.
func (w *world) striking(faults ...emulator.Fault) func() bool {
	ordered := false
	return func() bool {
		if !ordered {
			ordered = true
			w.strike(faults...)
		}
		return true
	}
}

// TestLooksThatFailAreRepeated takes the answers of looks away too.
func TestLooksThatFailAreRepeated(t *testing.T) {
	for _, c := range changes() {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			compare(t, c,
				emulator.Fault{Kind: emulator.KindCut, AfterCommit: true, Method: c.method, Times: 1},
				emulator.Fault{Kind: emulator.KindStatus, Status: 503, Times: 2},
				emulator.Fault{Kind: emulator.KindRateLimit, RetryAfter: time.Second, Times: 1},
			)
		})
	}
}

// TestOutageEndsWithTheContext lets Cloudflare be away for longer than the
// change may take.
func TestOutageEndsWithTheContext(t *testing.T) {
	for _, c := range changes() {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, nil)
			w.within = 500 * time.Millisecond
			_, err := c.make(w, &change.Attempt{Held: w.striking(emulator.Fault{Kind: emulator.KindStatus, Status: 530})})
			w.ClearFaults()
			if !lost(err) {
				t.Errorf("got %v", err)
			}
			if events := w.seen(); len(events) != 1 || events[0].Outcome != reconcile.Open {
				t.Errorf("events %+v", events)
			}
		})
	}
}

// TestAChangeThatAFirewallStopsIsSentAFewTimes has a firewall that stops each
// request that changes something.
func TestAChangeThatAFirewallStopsIsSentAFewTimes(t *testing.T) {
	for _, c := range changes() {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, nil)
			wall := emulator.Fault{Kind: emulator.KindStatus, Status: 403, ContentType: "text/html", Method: c.method}
			_, err := c.make(w, &change.Attempt{Held: w.striking(wall)})
			w.ClearFaults()
			if !lost(err) {
				t.Errorf("got %v", err)
			}
			if events := w.seen(); len(events) != 1 || events[0].Outcome != reconcile.Open || events[0].Sends > 4 {
				t.Errorf("events %+v", events)
			}
		})
	}
}

func TestRefusalsAreRelayedAsTheyAre(t *testing.T) {
	w := newWorld(t, nil)
	w.newSecret("ONE")
	_, want := w.client.CreateSecrets(t.Context(), upstream.CreateSecretsParams{
		Account: accountID, StoreID: w.store, Secrets: []upstream.NewSecret{item("ONE")},
	})
	_, got := createSecrets(w, &change.Attempt{}, "ONE")
	if a, b := fault.From(got), fault.From(want); a.Kind != fault.NameTaken || a.Reason != b.Reason || a.Detail != "ONE" {
		t.Errorf("got %v, want %v", got, want)
	}
	if events := w.seen(); len(events) != 0 {
		t.Errorf("events %+v", events)
	}
}

func lost(err error) bool {
	return err != nil && fault.From(err).Reason == fault.ReasonUpstreamAnswerLost
}
