package reconcile_test

import (
	"errors"
	"testing"

	"platform.internal/storekeeper/internal/change"
	"platform.internal/storekeeper/internal/emulator"
	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/upstream"
)

// crash describes a change whose process dies. The client has sent the part given by done. Then the change is
// inspected.
type crash struct {
	name string
	// at returns the target of the change.
	at func(w *world) target
	// done is the effect at Cloudflare. Nil means none.
	done func(t *testing.T, w *world, at target)
	// inspect inspects the change.
	inspect func(w *world, at target, o *change.Attempt) (string, error)
	want    error
	told    string
}

func names(names ...string) func(*world) target {
	return func(w *world) target { return target{StoreID: w.store, SecretNames: names} }
}

func old(olds ...string) func(*world) target {
	return func(w *world) target {
		at := target{StoreID: w.store}
		for _, name := range olds {
			at.SecretIDs = append(at.SecretIDs, w.newSecret(name).ID)
		}
		return at
	}
}

// put makes secrets as they were asked for.
func put(names ...string) func(*testing.T, *world, target) {
	return func(_ *testing.T, w *world, _ target) {
		for _, name := range names {
			w.newSecret(name)
		}
	}
}

func inspectCreate(names ...string) func(*world, target, *change.Attempt) (string, error) {
	return func(w *world, _ target, o *change.Attempt) (string, error) {
		p := upstream.CreateSecretsParams{Account: accountID, StoreID: w.store}
		for _, name := range names {
			one := item(name)
			one.Value = ""
			p.Secrets = append(p.Secrets, one)
		}
		a, err := w.settler.CreateSecrets(change.With(w.t.Context(), o), p)
		told := ""
		for _, s := range a.Result {
			told += w.check(s) + ";"
		}
		return told, err
	}
}

func inspectUpdate(w *world, at target, o *change.Attempt) (string, error) {
	a, err := w.settler.UpdateSecret(change.With(w.t.Context(), o), upstream.UpdateSecretParams{
		Account: accountID, StoreID: w.store, SecretID: at.SecretIDs[0], Scopes: []string{"dex", "access"},
		Comment: upstream.CommentChange{Change: true},
	})
	return w.check(a.Result), err
}

func inspectValue(w *world, at target, o *change.Attempt) (string, error) {
	value := upstream.Value("new")
	a, err := w.settler.UpdateSecret(change.With(w.t.Context(), o), upstream.UpdateSecretParams{
		Account: accountID, StoreID: w.store, SecretID: at.SecretIDs[0], Value: &value,
	})
	return w.check(a.Result), err
}

func inspectDeletes(w *world, at target, o *change.Attempt) (string, error) {
	_, err := w.settler.DeleteSecrets(change.With(w.t.Context(), o), upstream.DeleteSecretsParams{
		Account: accountID, StoreID: w.store, IDs: at.SecretIDs,
	})
	return "", err
}

func inspectDelete(w *world, at target, o *change.Attempt) (string, error) {
	_, err := w.settler.DeleteSecret(change.With(w.t.Context(), o), upstream.SecretParams{
		Account: accountID, StoreID: w.store, SecretID: at.SecretIDs[0],
	})
	return "", err
}

func inspectDeleteStore(w *world, at target, o *change.Attempt) (string, error) {
	_, err := w.settler.DeleteStore(change.With(w.t.Context(), o), upstream.DeleteStoreParams{Account: accountID, StoreID: at.StoreID})
	return "", err
}

func inspectStore(w *world, at target, o *change.Attempt) (string, error) {
	a, err := w.settler.CreateStore(change.With(w.t.Context(), o), upstream.CreateStoreParams{Account: accountID, Name: at.StoreName})
	return a.Result.Name, err
}

func inspectCopy(w *world, at target, o *change.Attempt) (string, error) {
	a, err := w.settler.DuplicateSecret(change.With(w.t.Context(), o), upstream.DuplicateSecretParams{
		Account: accountID, StoreID: w.store, SecretID: "23bdc9c2e8ca470d82352c53ec8d2e67", Name: at.SecretNames[0],
		Scopes: item("X").Scopes, Comment: item(at.SecretNames[0]).Comment,
	})
	return w.check(a.Result), err
}

// drop deletes some of the secrets that the change is about.
func drop(n int) func(*testing.T, *world, target) {
	return func(t *testing.T, w *world, at target) {
		for _, id := range at.SecretIDs[:n] {
			if _, err := w.client.DeleteSecret(t.Context(), upstream.SecretParams{Account: accountID, StoreID: w.store, SecretID: id}); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func patch(scopes ...string) func(*testing.T, *world, target) {
	return func(t *testing.T, w *world, at target) {
		if _, err := w.client.UpdateSecret(t.Context(), upstream.UpdateSecretParams{
			Account: accountID, StoreID: w.store, SecretID: at.SecretIDs[0], Scopes: scopes, Comment: upstream.CommentChange{Change: true},
		}); err != nil {
			t.Fatal(err)
		}
	}
}

func crashes() []crash {
	freshStore := func(*world) target { return target{StoreName: "fresh"} }
	emptyStore := func(w *world) target { return target{StoreID: w.newStore("second")} }
	return []crash{
		{"create, not done", names("A"), nil, inspectCreate("A"), change.ErrNotDone, ""},
		{"create, done", names("A"), put("A"), inspectCreate("A"), nil, "A active workers of A;"},
		{"create of two, done", names("A", "B"), put("A", "B"), inspectCreate("A", "B"), nil, "A active workers of A;B active workers of B;"},
		{"create of two, one done", names("A", "B"), put("B"), inspectCreate("A", "B"), change.ErrPartlyDone, ""},
		{"create, done and changed since", names("A"), func(t *testing.T, w *world, _ target) {
			patch("dex")(t, w, target{SecretIDs: []string{w.newSecret("A").ID}})
		}, inspectCreate("A"), change.ErrPartlyDone, ""},
		{"create, of a name that is taken", func(w *world) target { w.newSecret("A"); return names("A")(w) }, nil, inspectCreate("A"), change.ErrNotDone, ""},
		{"store, not done", freshStore, nil, inspectStore, change.ErrNotDone, ""},
		{"store, done", freshStore, func(_ *testing.T, w *world, _ target) { w.newStore("fresh") }, inspectStore, nil, "fresh"},
		{"store, of a name that is taken", func(w *world) target { w.newStore("fresh"); return freshStore(w) }, nil, inspectStore, change.ErrNotDone, ""},
		{"duplicate, not done", names("C"), nil, inspectCopy, change.ErrNotDone, "none"},
		{"duplicate, done", names("C"), put("C"), inspectCopy, nil, "C active workers of C"},
		{"duplicate, changed since", names("C"), func(t *testing.T, w *world, _ target) {
			patch("dex")(t, w, target{SecretIDs: []string{w.newSecret("C").ID}})
		}, inspectCopy, change.ErrPartlyDone, "none"},
		{"update, not done", old("A"), nil, inspectUpdate, change.ErrNotDone, "none"},
		{"update, done", old("A"), patch("access", "dex"), inspectUpdate, nil, "A active access dex without comment"},
		{"update, as it was asked for before", func(w *world) target {
			at := old("A")(w)
			patch("access", "dex")(w.t, w, at)
			return at
		}, nil, inspectUpdate, change.ErrNotDone, "none"},
		{"update, of another kind", old("A"), patch("workers"), inspectUpdate, change.ErrUnproven, "none"},
		{"update, of what is gone", old("A"), drop(1), inspectUpdate, change.ErrUnproven, "none"},
		{"update of a value, not done", old("A"), nil, inspectValue, change.ErrNotDone, "none"},
		{"update of a value, done", old("A"), patch("access", "dex"), inspectValue, change.ErrUnproven, "none"},
		{"delete, not done", old("A"), nil, inspectDelete, change.ErrNotDone, ""},
		{"delete, done", old("A"), drop(1), inspectDelete, nil, ""},
		{"deletes, not done", old("A", "B"), nil, inspectDeletes, change.ErrNotDone, ""},
		{"deletes, one done", old("A", "B"), drop(1), inspectDeletes, change.ErrPartlyDone, ""},
		{"deletes of one twice, not done", func(w *world) target {
			at := old("A")(w)
			at.SecretIDs = append(at.SecretIDs, at.SecretIDs[0])
			return at
		}, nil, inspectDeletes, change.ErrNotDone, ""},
		{"deletes, one was never there, not done", func(w *world) target {
			at := old("A")(w)
			at.SecretIDs = append(at.SecretIDs, "23bdc9c2e8ca470d82352c53ec8d2e67")
			return at
		}, nil, inspectDeletes, change.ErrNotDone, ""},
		{"deletes, done", old("A", "B"), drop(2), inspectDeletes, nil, ""},
		{"delete of a store, not done", emptyStore, nil, inspectDeleteStore, change.ErrNotDone, ""},
		{"delete of a store, done", emptyStore, func(t *testing.T, w *world, at target) {
			if _, err := w.client.DeleteStore(t.Context(), upstream.DeleteStoreParams{Account: accountID, StoreID: at.StoreID}); err != nil {
				t.Fatal(err)
			}
		}, inspectDeleteStore, nil, ""},
	}
}

func TestInspectionTellsWhatBecameOfAChange(t *testing.T) {
	for _, c := range crashes() {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, nil)
			at := c.at(w)
			o := &change.Attempt{}
			w.with(o, at)
			if c.done != nil {
				c.done(t, w, at)
			}
			o.InspectOnly = true
			changed := w.changesSent()
			told, err := c.inspect(w, at, o)
			if !errors.Is(err, c.want) || told != c.told || errors.Is(err, change.ErrPartlyDone) != errors.Is(c.want, change.ErrPartlyDone) {
				t.Errorf("told %q, %v, want %q, %v", told, err, c.told, c.want)
			}
			if w.changesSent() != changed {
				t.Error("it sent a change")
			}
			w.strike(emulator.Fault{Kind: emulator.KindStatus, Status: 503})
			if _, err := c.inspect(w, at, o); err == nil || errors.Is(err, change.ErrNotDone) || fault.From(err).Kind != fault.Unavailable {
				t.Errorf("while Cloudflare was away it was told %v", err)
			}
			w.ClearFaults()
		})
	}
}

// changesSent counts the requests that change something.
func (w *world) changesSent() int {
	n := 0
	for _, r := range w.Requests() {
		if r.Method != "GET" {
			n++
		}
	}
	return n
}
