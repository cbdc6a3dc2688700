package reconcile_test

import (
	"context"
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"platform.internal/storekeeper/internal/change"
	"platform.internal/storekeeper/internal/emulator"
	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/reconcile"
	"platform.internal/storekeeper/internal/upstream"
)

func cut(times int) emulator.Fault {
	return emulator.Fault{Kind: emulator.KindCut, Method: "POST", AfterCommit: true, Times: times}
}

// shelf is a fake of the listings with a stale state and a fresh state.
type shelf struct {
	stale, fresh     []upstream.Secret
	staleS, freshS   []upstream.Store
	staleErr         error
	anyAge, anewRead int
}

// Secrets lists the secrets.
func (s *shelf) Secrets(_ context.Context, _, _ string, notBefore time.Time) ([]upstream.Secret, error) {
	if notBefore.IsZero() {
		s.anyAge++
		return s.stale, s.staleErr
	}
	s.anewRead++
	return s.fresh, nil
}

// Stores lists the stores.
func (s *shelf) Stores(_ context.Context, _ string, notBefore time.Time) ([]upstream.Store, error) {
	if notBefore.IsZero() {
		s.anyAge++
		return s.staleS, s.staleErr
	}
	s.anewRead++
	return s.freshS, nil
}

func TestBaselines(t *testing.T) {
	at := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	since := at.Add(3 * time.Second)
	a, b := upstream.Secret{ID: "1", Name: "A", Modified: at}, upstream.Secret{ID: "2", Name: "B", Modified: at}
	s, r := upstream.Store{ID: "s", Name: "S"}, upstream.Store{ID: "r", Name: "R"}
	none := map[string]string{}
	cases := []struct {
		name   string
		shelf  shelf
		target target
		want   change.Baseline
		anew   int
	}{
		{"a new secret", shelf{stale: []upstream.Secret{a, b}}, target{StoreID: "s", SecretNames: []string{"A", "C"}},
			change.Baseline{Since: since, Secrets: map[string]string{"A": "1"}, Modified: map[string]time.Time{}}, 0},
		{"a new secret in a store of known name", shelf{stale: []upstream.Secret{a}}, target{StoreID: "s", StoreName: "S", SecretNames: []string{"A"}},
			change.Baseline{Since: since, Secrets: map[string]string{"A": "1"}, Modified: map[string]time.Time{}}, 0},
		{"a secret that is known", shelf{stale: []upstream.Secret{a, b}}, target{StoreID: "s", SecretIDs: []string{"2"}},
			change.Baseline{Since: since, Secrets: none, Modified: map[string]time.Time{"2": at}}, 0},
		{"a secret that is not known yet", shelf{stale: []upstream.Secret{a}, fresh: []upstream.Secret{a, b}}, target{StoreID: "s", SecretIDs: []string{"1", "2"}},
			change.Baseline{Since: since, Secrets: none, Modified: map[string]time.Time{"1": at, "2": at}}, 1},
		{"a secret that is not there", shelf{}, target{StoreID: "s", SecretIDs: []string{"2"}},
			change.Baseline{Since: since, Secrets: none, Modified: map[string]time.Time{}}, 1},
		{"a store of secrets that is not known yet", shelf{staleErr: fault.New(fault.NotFound, "STORE_NOT_FOUND", "none"), fresh: []upstream.Secret{b}},
			target{StoreID: "s", SecretIDs: []string{"2"}},
			change.Baseline{Since: since, Secrets: none, Modified: map[string]time.Time{"2": at}}, 1},
		{"a new store", shelf{staleS: []upstream.Store{s, r}}, target{StoreName: "R"},
			change.Baseline{Since: since, Stores: map[string]string{"R": "r"}}, 0},
		{"a new store of a new name", shelf{staleS: []upstream.Store{s}}, target{StoreName: "R"},
			change.Baseline{Since: since, Stores: none}, 0},
		{"a store that goes", shelf{staleS: []upstream.Store{s, r}}, target{StoreID: "s"},
			change.Baseline{Since: since, Stores: map[string]string{"S": "s"}}, 0},
		{"a store that goes and is not known yet", shelf{freshS: []upstream.Store{s}}, target{StoreID: "s"},
			change.Baseline{Since: since, Stores: map[string]string{"S": "s"}}, 1},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			settler := reconcile.New(reconcile.Config{
				Listings: &c.shelf, Clock: func() time.Time { return at }, Ahead: func(string) time.Duration { return 3 * time.Second },
			})
			got, err := settler.Baseline(t.Context(), c.target.op())
			if err != nil || !reflect.DeepEqual(got, c.want) || c.shelf.anyAge != 1 || c.shelf.anewRead != c.anew {
				t.Errorf("got %+v, %v, with %d readings anew, want %+v with %d", got, err, c.shelf.anewRead, c.want, c.anew)
			}
			text, err := json.Marshal(got)
			if err != nil {
				t.Fatal(err)
			}
			var read change.Baseline
			if err := json.Unmarshal(text, &read); err != nil || !reflect.DeepEqual(read, got) {
				t.Errorf("%s reads as %+v, %v", text, read, err)
			}
		})
	}
}

func TestABaselineThatCannotBeHad(t *testing.T) {
	away := fault.New(fault.Unavailable, "AWAY", "away")
	settler := reconcile.New(reconcile.Config{Listings: &shelf{staleErr: away}})
	for _, at := range []target{{StoreName: "S"}, {StoreID: "s", SecretNames: []string{"A"}}, {StoreID: "s", SecretIDs: []string{"1"}}} {
		if _, err := settler.Baseline(t.Context(), at.op()); fault.From(err) != away {
			t.Errorf("%+v: got %v", at, err)
		}
	}
}

// finder is a listings that must not be asked for all there is at any age.
type finder struct {
	*testing.T

	stores  []upstream.Store
	secrets []upstream.Secret
	asked   []string
}

func (f *finder) Stores(_ context.Context, _ string, notBefore time.Time) ([]upstream.Store, error) {
	if notBefore.IsZero() {
		f.Error("all stores are asked for")
	}
	return f.stores, nil
}

func (f *finder) Secrets(_ context.Context, _, _ string, notBefore time.Time) ([]upstream.Secret, error) {
	if notBefore.IsZero() {
		f.Error("all secrets are asked for")
	}
	return f.secrets, nil
}

func (f *finder) FindStores(_ context.Context, _ string, names, ids []string) ([]upstream.Store, error) {
	f.asked = append(append(f.asked, names...), ids...)
	return f.stores, nil
}

func (f *finder) FindSecrets(_ context.Context, _, _ string, names, ids []string) ([]upstream.Secret, error) {
	f.asked = append(append(f.asked, names...), ids...)
	return f.secrets, nil
}

func TestABaselineLooksForWhatItIsAboutAlone(t *testing.T) {
	for _, tc := range []struct {
		name   string
		target target
		asked  []string
		want   change.Baseline
	}{
		{"a new store", target{StoreName: "S"}, []string{"S"}, change.Baseline{Stores: map[string]string{"S": "s"}}},
		{"a store that goes", target{StoreID: "s"}, []string{"s"}, change.Baseline{Stores: map[string]string{"S": "s"}}},
		{
			"new secrets", target{StoreID: "s", SecretNames: []string{"A", "B"}}, []string{"A", "B"},
			change.Baseline{Secrets: map[string]string{"A": "1"}, Modified: map[string]time.Time{}},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f := &finder{T: t, stores: []upstream.Store{{ID: "s", Name: "S"}}, secrets: []upstream.Secret{{ID: "1", Name: "A"}}}
			got, err := reconcile.New(reconcile.Config{Listings: f}).Baseline(t.Context(), tc.target.op())
			if err != nil {
				t.Fatal(err)
			}
			tc.want.Since = got.Since
			if !reflect.DeepEqual(got, tc.want) || !reflect.DeepEqual(f.asked, tc.asked) {
				t.Errorf("got %+v after asking for %v, want %+v after %v", got, f.asked, tc.want, tc.asked)
			}
		})
	}
}
