package cache_test

import (
	"sync/atomic"
	"testing"

	"platform.internal/storekeeper/internal/upstream"
)

// TestAStateOfASecretHasOneForm reads a secret twice, changes it, and reads it again.
func TestAStateOfASecretHasOneForm(t *testing.T) {
	w := newWorld(t)
	store := w.store("s")
	made := secrets(t, w.direct, store, "A", "B")
	client, _ := w.cache()
	form := func(id string) *atomic.Value {
		t.Helper()
		one, err := client.GetSecret(t.Context(), secret(store, id))
		must(t, err)
		list, err := client.ListSecrets(t.Context(), all(store))
		must(t, err)
		for _, s := range list.Result {
			if s.ID == id && s.Form != one.Result.Form {
				t.Errorf("a list has another form of %s", s.Name)
			}
		}
		return one.Result.Form
	}
	a, b := form(made[0].ID), form(made[1].ID)
	if a == nil || a == b || form(made[0].ID) != a {
		t.Errorf("the forms are %p and %p", a, b)
	}
	_, err := client.UpdateSecret(t.Context(), upstream.UpdateSecretParams{
		Account: account, StoreID: store, SecretID: made[0].ID, Scopes: []string{"access"},
	})
	must(t, err)
	if now := form(made[0].ID); now == nil || now == a {
		t.Error("a changed secret keeps its form")
	}
	if form(made[1].ID) != b {
		t.Error("the other secret lost its form")
	}
}
