package reconcile_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"platform.internal/storekeeper/internal/change"
	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/reconcile"
	"platform.internal/storekeeper/internal/upstream"
)

// TestNamesThatRepeatAreRefused asks for a name twice, and loses the refusal.
func TestNamesThatRepeatAreRefused(t *testing.T) {
	w := newWorld(t, nil)
	_, err := createSecrets(w, &change.Attempt{Held: w.striking()}, "A", "A")
	_, struck := createSecrets(w, &change.Attempt{Held: w.striking(cut(1))}, "A", "A")
	if !taken(err) || !taken(struck) {
		t.Errorf("got %v, and without faults %v", struck, err)
	}
}

func taken(err error) bool { return err != nil && fault.From(err).Kind == fault.NameTaken }

// TestNamesThatRepeatAreNotAdopted creates a batch with a repeated name while another client creates that
// name.
func TestNamesThatRepeatAreNotAdopted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &stage{
			create: func(context.Context, upstream.CreateSecretsParams) ([]upstream.Secret, error) {
				return nil, fault.New(fault.NameTaken, "SECRET_NAME_ALREADY_EXISTS", "taken")
			},
			list: func(context.Context, time.Time) ([]upstream.Secret, error) {
				return []upstream.Secret{{ID: "1", Name: "A", Created: time.Now()}}, nil
			},
		}
		ctx := change.With(t.Context(), &change.Attempt{Resume: true})
		if _, err := s.settler().CreateSecrets(ctx, params("A", "A")); !taken(err) {
			t.Errorf("got %v", err)
		}
	})
}

// TestAnOldChangeIsNotThisOne inspects an update of a secret. Another client made the same update after the
// last read of the listings and before this change began.
func TestAnOldChangeIsNotThisOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now := time.Now()
		s := &stage{list: func(context.Context, time.Time) ([]upstream.Secret, error) {
			return []upstream.Secret{{ID: "1", Name: "A", Scopes: []string{"dex"}, Modified: now.Add(-10 * time.Second)}}, nil
		}}
		o := &change.Attempt{InspectOnly: true, Baseline: change.Baseline{
			Since: now, Modified: map[string]time.Time{"1": now.Add(-time.Minute)},
		}}
		p := upstream.UpdateSecretParams{SecretID: "1", Scopes: []string{"dex"}}
		if _, err := s.settler().UpdateSecret(change.With(t.Context(), o), p); !errors.Is(err, change.ErrNotDone) {
			t.Errorf("got %v", err)
		}
	})
}

// TestFaultsOfAPartPointIntoTheWhole refuses the second of three after the
// first has been made.
func TestFaultsOfAPartPointIntoTheWhole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		s := &stage{
			create: func(context.Context, upstream.CreateSecretsParams) ([]upstream.Secret, error) {
				if calls++; calls == 1 {
					return nil, gone(fault.Unavailable)
				}
				f := fault.Invalid(fault.Field{Pointer: "/0/scopes/1", Reason: "SECRET_SCOPE_INVALID"}, fault.Field{Pointer: "/1", Reason: "R"}, fault.Field{Pointer: "/9/name", Reason: "R"})
				f.Notices = []fault.Notice{{Text: "[0].scopes[1]: no"}}
				return nil, f
			},
			list: func(context.Context, time.Time) ([]upstream.Secret, error) {
				return []upstream.Secret{{ID: "1", Name: "A", Created: time.Now()}}, nil
			},
		}
		_, err := s.settler().CreateSecrets(t.Context(), params("A", "B", "C"))
		f := fault.From(err)
		if f.Kind != fault.BadInput || len(f.Fields) != 3 || f.Notices != nil ||
			f.Fields[0].Pointer != "/1/scopes/1" || f.Fields[1].Pointer != "/2" || f.Fields[2].Pointer != "/9/name" {
			t.Errorf("got %+v", f)
		}
	})
}

// TestAdoptionIsRefusedAtItsPlace refuses the update of the second of two adopted secrets. In the first
// attempt another client deletes that secret.
func TestAdoptionIsRefusedAtItsPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		updates := 0
		s := &stage{
			create: func(context.Context, upstream.CreateSecretsParams) ([]upstream.Secret, error) {
				return nil, gone(fault.Unavailable)
			},
			update: func(context.Context) error {
				switch updates++; updates {
				case 2:
					return fault.New(fault.NotFound, "SECRET_NOT_FOUND", "gone")
				case 3:
					return fault.Invalid(fault.Field{Pointer: "/scopes/0", Reason: "SECRET_SCOPE_INVALID"})
				}
				return nil
			},
			list: func(context.Context, time.Time) ([]upstream.Secret, error) {
				return []upstream.Secret{{ID: "1", Name: "A", Created: time.Now()}, {ID: "2", Name: "B", Created: time.Now()}}, nil
			},
		}
		_, err := s.settler().CreateSecrets(t.Context(), params("A", "B"))
		if f := fault.From(err); f.Kind != fault.BadInput || f.Fields[0].Pointer != "/1/scopes/0" || updates != 3 {
			t.Errorf("got %+v after %d updates", f, updates)
		}
	})
}

// shared is an Owners that gives every object to another change.
type shared struct{ err error }

// Take gives no object to the change.
func (s shared) Take(_ context.Context, _, _ string, ids []string) ([]string, error) {
	return ids, s.err
}

// TestWhatAnotherHasClaimedIsNotAdopted finds an object that another replica has adopted.
func TestWhatAnotherHasClaimedIsNotAdopted(t *testing.T) {
	for name, m := range makers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, nil, func(c *reconcile.Config) { c.Owners = shared{} })
			for _, faults := range [][]int{{}, {1}} {
				o := &change.Attempt{}
				if len(faults) > 0 {
					o.Held = w.striking(cut(1))
				}
				if _, err := m.change.make(w, o); err == nil || fault.From(err).Kind != fault.NameTaken {
					t.Errorf("with %d faults: %v", len(faults), err)
				}
				w.Reset()
				w.store = w.newStore("home")
			}
		})
	}
}

// TestClaimsThatFail: an error of Owners does not fail a create, but prevents adoption.
func TestClaimsThatFail(t *testing.T) {
	w := newWorld(t, nil, func(c *reconcile.Config) { c.Owners = shared{errors.New("away")} })
	w.within = 300 * time.Millisecond
	if _, err := createSecrets(w, &change.Attempt{}, "A"); err != nil {
		t.Error(err)
	}
	if _, err := createSecrets(w, &change.Attempt{Held: w.striking(cut(1))}, "B"); !lost(err) {
		t.Errorf("got %v", err)
	}
}

// TestACopyIsBroughtToWhatWasAskedFor finds a copy with other scopes and a
// comment.
func TestACopyIsBroughtToWhatWasAskedFor(t *testing.T) {
	w := newWorld(t, nil)
	o := &change.Attempt{Resume: true}
	ctx := w.with(o, names("COPY")(w))
	found := w.newSecret("COPY")
	a, err := w.settler.DuplicateSecret(ctx, upstream.DuplicateSecretParams{
		Account: accountID, StoreID: w.store, SecretID: found.ID, Name: "COPY", Scopes: []string{"dex", "access"},
	})
	if err != nil || a.Result.ID != found.ID || w.check(a.Result) != "COPY active access dex without comment" {
		t.Errorf("got %+v, %v", a.Result, err)
	}
}

// TestWhatWasGivenIsRememberedForAWhile creates a name and asks for the name again with the same baseline,
// early and late.
func TestWhatWasGivenIsRememberedForAWhile(t *testing.T) {
	now := time.Now()
	w := newWorld(t, nil, func(c *reconcile.Config) { c.Clock = func() time.Time { return now } })
	o := change.Attempt{ID: "1"}
	w.with(&o, names("A")(w))
	create := func(id string) error {
		again := change.Attempt{ID: id, Baseline: o.Baseline, Resume: id != "1"}
		_, err := w.settler.CreateSecrets(change.With(t.Context(), &again), upstream.CreateSecretsParams{
			Account: accountID, StoreID: w.store, Secrets: []upstream.NewSecret{item("A")},
		})
		return err
	}
	if err := create("1"); err != nil {
		t.Fatal(err)
	}
	for i := range 2 {
		if err := create(fmt.Sprint("early", i)); err == nil || fault.From(err).Kind != fault.NameTaken {
			t.Errorf("early: %v", err)
		}
		now = now.Add(61 * time.Minute)
	}
}

// TestEmptyCommentsMayComeBackAsNone inspects a create with an empty comment.
func TestEmptyCommentsMayComeBackAsNone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &stage{list: func(context.Context, time.Time) ([]upstream.Secret, error) {
			return []upstream.Secret{{ID: "1", Name: "A", Created: time.Now(), Scopes: []string{"workers", "dex"}}}, nil
		}}
		p := params("A")
		empty := ""
		p.Secrets[0].Comment, p.Secrets[0].Scopes = &empty, []string{"dex", "workers", "dex"}
		ctx := change.With(t.Context(), &change.Attempt{InspectOnly: true})
		if a, err := s.settler().CreateSecrets(ctx, p); err != nil || a.Result[0].ID != "1" {
			t.Errorf("got %+v, %v", a, err)
		}
	})
}
