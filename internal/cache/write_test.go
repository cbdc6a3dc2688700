package cache_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"platform.internal/storekeeper/internal/emulator"
	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/scope"
	"platform.internal/storekeeper/internal/upstream"
)

// changes are all kinds of changes of a store with the secrets A, B and C, with the resulting list.
var changes = []struct {
	name string
	do   func(ctx context.Context, by cloud, store string, made []upstream.Secret) error
	want string
}{
	{"create", func(ctx context.Context, by cloud, store string, _ []upstream.Secret) error {
		_, err := by.CreateSecrets(ctx, upstream.CreateSecretsParams{Account: account, StoreID: store, Secrets: []upstream.NewSecret{
			{Name: "D", Value: "v", Scopes: []string{"dex"}}, {Name: "E", Value: "v", Scopes: []string{"dex"}},
		}})
		return err
	}, "[E D C B A]"},
	{"duplicate", func(ctx context.Context, by cloud, store string, made []upstream.Secret) error {
		_, err := by.DuplicateSecret(ctx, upstream.DuplicateSecretParams{Account: account, StoreID: store, SecretID: made[0].ID, Name: "D", Scopes: []string{"dex"}})
		return err
	}, "[D C B A]"},
	{"update", func(ctx context.Context, by cloud, store string, made []upstream.Secret) error {
		_, err := by.UpdateSecret(ctx, upstream.UpdateSecretParams{Account: accountID, StoreID: store, SecretID: made[1].ID, Scopes: []string{"dex"}})
		return err
	}, "[C B+dex A]"},
	{"delete", func(ctx context.Context, by cloud, store string, made []upstream.Secret) error {
		_, err := by.DeleteSecret(ctx, secret(store, made[1].ID))
		return err
	}, "[C A]"},
	{"delete several", func(ctx context.Context, by cloud, store string, made []upstream.Secret) error {
		_, err := by.DeleteSecrets(ctx, upstream.DeleteSecretsParams{Account: account, StoreID: store, IDs: []string{made[0].ID, made[2].ID}})
		return err
	}, "[B]"},
	{"delete the store", func(ctx context.Context, by cloud, store string, _ []upstream.Secret) error {
		_, err := by.DeleteStore(ctx, upstream.DeleteStoreParams{Account: account, StoreID: store, Force: true})
		return err
	}, "NotFound"},
}

// shown is the list of a store, with a scope that tells of an update.
func shown(t testing.TB, by cloud, store string) string {
	t.Helper()
	a, err := by.ListSecrets(t.Context(), all(store))
	if kindOf(err) == fault.NotFound {
		return "NotFound"
	}
	must(t, err)
	list := []string{}
	for _, s := range a.Result {
		name := s.Name
		if s.Name == "B" && s.Scopes[0] == "dex" {
			name += "+dex"
		}
		list = append(list, name)
	}
	return fmt.Sprint(list)
}

func TestAReaderSeesWhatWasWritten(t *testing.T) {
	for _, c := range changes {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			store := w.store("s")
			client, _ := w.cache()
			made := secrets(t, client, store, "A", "B", "C")
			names(t, client, store)
			must(t, c.do(t.Context(), client, store, made))
			w.costs(listSecrets, 0, func() {
				if got := shown(t, client, store); got != c.want {
					t.Errorf("got %s, want %s", got, c.want)
				}
			})
		})
	}
}

// TestAListingThatBeganBeforeAChangeDoesNotUndoIt holds the answer to a listing
// back until a change has been made and acknowledged.
func TestAListingThatBeganBeforeAChangeDoesNotUndoIt(t *testing.T) {
	for _, c := range changes {
		for _, first := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, first listing %t", c.name, first), func(t *testing.T) {
				w := newWorld(t)
				store := w.store("s")
				g, slow := viaGate(w)
				client, _ := w.cache(slow)
				made := secrets(t, client, store, "A", "B", "C")
				if !first {
					names(t, client, store)
					w.clock.move(staleness + 1)
				}
				arrived, release := g.held("ListSecrets")
				ended := make(chan struct{})
				go func() { _ = shown(t, client, store); close(ended) }()
				<-arrived
				must(t, c.do(t.Context(), client, store, made))
				release()
				<-ended
				w.costs(listSecrets, 0, func() {
					if got := shown(t, client, store); got != c.want {
						t.Errorf("got %s, want %s", got, c.want)
					}
				})
			})
		}
	}
}

// TestWhatAReadHasShownStays lets a read discover a change that is not acknowledged yet, and then
// makes another read.
func TestWhatAReadHasShownStays(t *testing.T) {
	reads := map[string]func(ctx context.Context, client *client, at upstream.SecretParams) error{
		"one that must ask": func(ctx context.Context, client *client, at upstream.SecretParams) error {
			_, err := client.GetSecret(scope.WithFresh(ctx), at)
			return err
		},
		"a list that is handed on": func(ctx context.Context, client *client, at upstream.SecretParams) error {
			p := all(at.StoreID)
			p.Search = "a"
			a, err := client.ListSecrets(ctx, p)
			if err == nil && len(a.Result) == 0 {
				return fault.New(fault.NotFound, "", "")
			}
			return err
		},
	}
	for name, read := range reads {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			store := w.store("s")
			g, slow := viaGate(w)
			client, _ := w.cache(slow)
			made := secrets(t, client, store, "A")[0]
			names(t, client, store)
			arrived, release := g.held("DeleteSecret")
			ended := make(chan error)
			go func() {
				_, err := client.DeleteSecret(t.Context(), secret(store, made.ID))
				ended <- err
			}()
			<-arrived
			if err := read(t.Context(), client, secret(store, made.ID)); kindOf(err) != fault.NotFound {
				t.Errorf("the read got %v", err)
			}
			if got := names(t, client, store); got != "[]" {
				t.Errorf("the next read shows %s", got)
			}
			if _, err := client.GetSecret(t.Context(), secret(store, made.ID)); kindOf(err) != fault.NotFound {
				t.Errorf("the next read got %v", err)
			}
			release()
			must(t, <-ended)
		})
	}
}

// TestAnOldAnswerChangesNothing delays the response of a read of a secret until the secret was
// changed.
func TestAnOldAnswerChangesNothing(t *testing.T) {
	for _, c := range changes[2:4] {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			store := w.store("s")
			g, slow := viaGate(w)
			client, _ := w.cache(slow)
			made := secrets(t, client, store, "A", "B", "C")
			names(t, client, store)
			arrived, release := g.held("GetSecret")
			ended := make(chan error)
			go func() {
				_, err := client.GetSecret(scope.WithFresh(t.Context()), secret(store, made[1].ID))
				ended <- err
			}()
			<-arrived
			must(t, c.do(t.Context(), client, store, made))
			release()
			must(t, <-ended)
			if got := shown(t, client, store); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

func TestADeletedSecretDoesNotReturnWithALateListing(t *testing.T) {
	w := newWorld(t)
	store := w.store("s")
	client, _ := w.cache()
	made := secrets(t, client, store, "A", "B")
	names(t, client, store)
	w.clock.move(time.Second)
	_, err := client.DeleteSecret(t.Context(), secret(store, made[0].ID))
	must(t, err)
	w.faults(emulator.Fault{Kind: emulator.KindLag, Lag: time.Second, Operation: listSecrets})
	a, err := client.ListSecrets(scope.WithFresh(t.Context()), all(store))
	must(t, err)
	if len(a.Result) != 1 {
		t.Errorf("got %v", a.Result)
	}
}

func TestStores(t *testing.T) {
	w := newWorld(t)
	client, _ := w.cache()
	list := func() string {
		t.Helper()
		a, err := client.ListStores(t.Context(), upstream.ListStoresParams{Account: account})
		must(t, err)
		found := []string{}
		for _, s := range a.Result {
			found = append(found, s.Name)
		}
		return fmt.Sprint(found)
	}
	if got := list(); got != "[]" {
		t.Errorf("got %s", got)
	}
	made, err := client.CreateStore(t.Context(), upstream.CreateStoreParams{Account: account, Name: "one"})
	must(t, err)
	w.costs(listStores, 0, func() {
		if got := list(); got != "[one]" {
			t.Errorf("got %s", got)
		}
		if _, err := client.GetStore(t.Context(), upstream.StoreParams{Account: accountID, StoreID: made.Result.ID}); err != nil {
			t.Error(err)
		}
	})
	secrets(t, w.direct, made.Result.ID, "A")
	names(t, client, made.Result.ID)
	w.costs(listStores, 0, func() {
		_, err := client.DeleteStore(t.Context(), upstream.DeleteStoreParams{Account: account, StoreID: made.Result.ID})
		if kindOf(err) != fault.NotEmpty || list() != "[one]" {
			t.Errorf("got %v, then %s", err, list())
		}
		_, err = client.DeleteStore(t.Context(), upstream.DeleteStoreParams{Account: account, StoreID: made.Result.ID, Force: true})
		must(t, err)
		if got := list(); got != "[]" {
			t.Errorf("got %s", got)
		}
	})
}
