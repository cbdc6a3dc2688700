package cache_test

import (
	"errors"
	"reflect"
	"testing"

	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/upstream"
)

func TestThatAPictureLacksItIsNotTheWord(t *testing.T) {
	w := newWorld(t)
	store := w.store("s")
	client, _ := w.cache()
	names(t, client, store)
	other := secrets(t, w.direct, store, "LATER")[0]
	w.costs(getSecret, 1, func() {
		a, err := client.GetSecret(t.Context(), secret(store, other.ID))
		must(t, err)
		if !reflect.DeepEqual(a.Result, other) {
			t.Errorf("got %+v, want %+v", a.Result, other)
		}
	})
	w.costs(getSecret, 0, func() {
		if got := names(t, client, store); got != "[LATER]" {
			t.Errorf("what was learned is not shown: %s", got)
		}
	})
	w.costs(getSecret, 1, func() {
		if _, err := client.GetSecret(t.Context(), secret(store, noSuchID)); kindOf(err) != fault.NotFound {
			t.Errorf("got %v", err)
		}
	})
}

func TestWhatStorekeeperDeletedIsNotAskedFor(t *testing.T) {
	w := newWorld(t)
	store := w.store("s")
	client, _ := w.cache()
	made := secrets(t, client, store, "A", "B", "C", "D")
	names(t, client, store)
	_, err := client.DeleteSecret(t.Context(), secret(store, made[0].ID))
	must(t, err)
	_, err = client.DeleteSecrets(t.Context(), upstream.DeleteSecretsParams{Account: account, StoreID: store, IDs: []string{made[1].ID, made[2].ID}})
	must(t, err)
	_, said := w.direct.GetSecret(t.Context(), secret(store, made[0].ID))
	w.costs(getSecret, 0, func() {
		for _, s := range made[:3] {
			if _, err := client.GetSecret(t.Context(), secret(store, s.ID)); !equalFaults(err, said) {
				t.Errorf("got %v, want %v", err, said)
			}
		}
	})
	_, err = client.DeleteStore(t.Context(), upstream.DeleteStoreParams{Account: account, StoreID: store, Force: true})
	must(t, err)
	_, said = w.direct.ListSecrets(t.Context(), all(store))
	w.costs(listSecrets, 0, func() {
		if _, err := client.ListSecrets(t.Context(), all(store)); !equalFaults(err, said) {
			t.Errorf("got %v, want %v", err, said)
		}
		if _, err := client.GetSecret(t.Context(), secret(store, made[3].ID)); !equalFaults(err, said) {
			t.Errorf("got %v, want %v", err, said)
		}
		if _, err := client.GetStore(t.Context(), upstream.StoreParams{Account: account, StoreID: store}); !equalFaults(err, said) {
			t.Errorf("got %v, want %v", err, said)
		}
	})
}

func equalFaults(x, y error) bool {
	f, _ := errors.AsType[*fault.Error](x)
	g, _ := errors.AsType[*fault.Error](y)
	return f != nil && g != nil && f.Kind == g.Kind && f.Reason == g.Reason && f.Public == g.Public
}
