package cache_test

import (
	"slices"
	"testing"

	"platform.internal/storekeeper/internal/scope"
	"platform.internal/storekeeper/internal/upstream"
)

func TestFindingGivesWhatIsAskedForAndNothingElse(t *testing.T) {
	w := newWorld(t)
	store := w.store("s")
	made := secrets(t, w.direct, store, "A", "B", "C", "D")
	client, listings := w.cache()
	found := func(names, ids []string) []string {
		t.Helper()
		list, err := listings.FindSecrets(t.Context(), "main", store, names, ids)
		must(t, err)
		var got []string
		for _, s := range list {
			got = append(got, s.Name)
		}
		slices.Sort(got)
		return got
	}
	w.costs(listSecrets, 1, func() {
		for _, tc := range []struct{ names, ids, want []string }{
			{nil, nil, nil},
			{[]string{"A", "X"}, nil, []string{"A"}},
			{nil, []string{made[1].ID, "0"}, []string{"B"}},
			{[]string{"A"}, []string{made[0].ID, made[2].ID}, []string{"A", "C"}},
		} {
			if got := found(tc.names, tc.ids); !slices.Equal(got, tc.want) {
				t.Errorf("%v %v: got %v", tc.names, tc.ids, got)
			}
		}
		_, err := client.DeleteSecret(t.Context(), secret(store, made[0].ID))
		must(t, err)
		if got := found([]string{"A"}, []string{made[0].ID}); got != nil {
			t.Errorf("of what is gone got %v", got)
		}
		// The name is free for another.
		again := secrets(t, client, store, "A")
		w.clock.move(staleness * 100)
		if _, err := listings.FindSecrets(scope.WithFresh(t.Context()), "main", store, []string{"A"}, nil); err != nil {
			t.Errorf("for a caller that wants a fresh answer: %v", err)
		}
		if got := found([]string{"A"}, nil); !slices.Equal(got, []string{"A"}) || again[0].ID == made[0].ID {
			t.Errorf("of a name that is used again got %v", got)
		}
	})
	if _, err := listings.FindSecrets(t.Context(), "nobody", store, nil, nil); err == nil {
		t.Error("an account that is not served is served")
	}
}

func TestFindingStoresGivesWhatIsAskedForAndNothingElse(t *testing.T) {
	w := newWorld(t)
	first, second := w.store("first"), w.store("second")
	w.store("third")
	client, listings := w.cache()
	found := func(names, ids []string) []string {
		t.Helper()
		list, err := listings.FindStores(t.Context(), account, names, ids)
		must(t, err)
		var got []string
		for _, s := range list {
			got = append(got, s.Name)
		}
		slices.Sort(got)
		return got
	}
	w.costs(listStores, 1, func() {
		for _, tc := range []struct{ names, ids, want []string }{
			{nil, nil, nil},
			{[]string{"first", "none"}, nil, []string{"first"}},
			{nil, []string{second, noSuchID}, []string{"second"}},
			{[]string{"first"}, []string{first, second}, []string{"first", "second"}},
		} {
			if got := found(tc.names, tc.ids); !slices.Equal(got, tc.want) {
				t.Errorf("%v %v: got %v", tc.names, tc.ids, got)
			}
		}
		made, err := client.CreateStore(t.Context(), upstream.CreateStoreParams{Account: account, Name: "fourth"})
		must(t, err)
		if got := found([]string{"fourth"}, nil); !slices.Equal(got, []string{"fourth"}) {
			t.Errorf("of what was just made got %v", got)
		}
		_, err = client.DeleteStore(t.Context(), upstream.DeleteStoreParams{Account: account, StoreID: made.Result.ID})
		must(t, err)
		if got := found([]string{"fourth"}, []string{made.Result.ID}); got != nil {
			t.Errorf("of what is gone got %v", got)
		}
	})
	if _, err := listings.FindStores(t.Context(), "nobody", nil, nil); err == nil {
		t.Error("an account that is not served is served")
	}
}

// TestFindingMissesNoChangeOfAnotherReplica: FindSecrets provides the state before a change, so the
// result must not lack the changes of other replicas.
func TestFindingMissesNoChangeOfAnotherReplica(t *testing.T) {
	unseen := map[string]func(log *memory, change func()){
		"while the log is away": func(log *memory, change func()) {
			log.set(true)
			change()
		},
		"a moment after it was away": func(log *memory, change func()) {
			log.set(true)
			change()
			log.set(false)
		},
		"after the log was lost": func(log *memory, change func()) {
			change()
			log.lose()
		},
	}
	for name, lose := range unseen {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			store := w.store("s")
			log := &memory{}
			one, _ := w.cache(withLog(log))
			two, listings := w.cache(withLog(log))
			made := secrets(t, one, store, "A", "B")
			names(t, one, store)
			names(t, two, store)
			lose(log, func() {
				// The other replica notices first that the log is away.
				_, _ = two.GetSecret(t.Context(), secret(store, made[1].ID))
				_, err := one.DeleteSecret(t.Context(), secret(store, made[0].ID))
				must(t, err)
			})
			got, err := listings.FindSecrets(t.Context(), "main", store, nil, []string{made[0].ID})
			must(t, err)
			if len(got) > 0 {
				t.Errorf("found %v, which another replica has deleted", got)
			}
		})
	}
}
