package reconcile_test

import (
	"errors"
	"testing"

	"platform.internal/storekeeper/internal/change"
	"platform.internal/storekeeper/internal/emulator"
	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/upstream"
)

// TestWhatWasNeverThereWasNotDeleted inspects deletes of objects that the baseline lacks.
func TestWhatWasNeverThereWasNotDeleted(t *testing.T) {
	w := newWorld(t, nil)
	const nowhere = "23bdc9c2e8ca470d82352c53ec8d2e67"
	secrets, stores := target{StoreID: w.store, SecretIDs: []string{nowhere}}, target{StoreID: nowhere}
	for name, c := range map[string]struct {
		at      target
		inspect func(*world, target, *change.Attempt) (string, error)
	}{
		"a secret":       {secrets, inspectDelete},
		"secrets":        {secrets, inspectDeletes},
		"a store":        {stores, inspectDeleteStore},
		"a secret, live": {secrets, struckDelete(inspectDelete)},
		"secrets, live":  {secrets, struckDelete(inspectDeletes)},
		"a store, live":  {stores, struckDelete(inspectDeleteStore)},
	} {
		o := &change.Attempt{InspectOnly: true}
		w.with(o, c.at)
		if _, err := c.inspect(w, c.at, o); err == nil || errors.Is(err, change.ErrNotDone) || fault.From(err).Kind != fault.NotFound {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

// struckDelete makes the delete and cuts the connection before the answer.
func struckDelete(inspect func(*world, target, *change.Attempt) (string, error)) func(*world, target, *change.Attempt) (string, error) {
	return func(w *world, at target, o *change.Attempt) (string, error) {
		live := &change.Attempt{Baseline: o.Baseline, Held: w.striking(
			emulator.Fault{Kind: emulator.KindCut, Method: "DELETE", AfterCommit: true, Times: 1})}
		return inspect(w, at, live)
	}
}

// TestAPartIsFinishedByResuming creates one of two secrets and then resumes the create of both.
func TestAPartIsFinishedByResuming(t *testing.T) {
	w := newWorld(t, nil)
	o := &change.Attempt{Resume: true}
	ctx := w.with(o, target{StoreID: w.store, SecretNames: []string{"A", "B"}})
	foreign := item("B")
	foreign.Value, foreign.Scopes = "another value", []string{"dex"}
	made, err := w.client.CreateSecrets(ctx, upstream.CreateSecretsParams{Account: accountID, StoreID: w.store, Secrets: []upstream.NewSecret{foreign}})
	if err != nil {
		t.Fatal(err)
	}
	a, err := w.settler.CreateSecrets(ctx, upstream.CreateSecretsParams{
		Account: accountID, StoreID: w.store, Secrets: []upstream.NewSecret{item("A"), item("B")},
	})
	if err != nil {
		t.Fatal(err)
	}
	if a.Result[0].Name != "A" || a.Result[1].ID != made.Result[0].ID {
		t.Errorf("got %+v", a.Result)
	}
	for _, s := range a.Result {
		w.check(s)
		value, _ := w.Value(accountID, w.store, s.Name)
		if value != "value of "+s.Name || describe(s) != s.Name+" active workers of "+s.Name {
			t.Errorf("%s is %s with the value %q", s.Name, describe(s), value)
		}
	}
}

// TestDeletesAreResumed deletes one of two secrets and then resumes the delete of both.
func TestDeletesAreResumed(t *testing.T) {
	w := newWorld(t, nil)
	at := old("A", "B")(w)
	o := &change.Attempt{Resume: true}
	w.with(o, at)
	drop(1)(t, w, at)
	if _, err := inspectDeletes(w, at, o); err != nil || len(w.secrets()) != 0 {
		t.Errorf("got %v, there are %v", err, w.secrets())
	}
}
