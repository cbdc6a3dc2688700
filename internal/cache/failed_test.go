package cache_test

import (
	"context"
	"testing"
	"time"

	"platform.internal/storekeeper/internal/emulator"
	"platform.internal/storekeeper/internal/upstream"
)

func TestChangesThatFailSayThatThePictureIsWrong(t *testing.T) {
	cases := []struct {
		name string
		// before is done past the cache.
		before func(t *testing.T, w *world, store string, made []upstream.Secret)
		do     func(ctx context.Context, by cloud, store string, made []upstream.Secret) error
		want   string
		listed int
	}{
		{"an answer was lost", func(_ *testing.T, w *world, _ string, _ []upstream.Secret) {
			w.faults(emulator.Fault{Kind: emulator.KindCut, AfterCommit: true, Times: 1})
		}, changes[0].do, "[E D C B A]", 1},
		{"something is gone", func(t *testing.T, w *world, store string, made []upstream.Secret) {
			must(t, changes[3].do(t.Context(), w.direct, store, made))
		}, changes[2].do, "[C A]", 1},
		{"a name is taken", func(t *testing.T, w *world, store string, _ []upstream.Secret) {
			secrets(t, w.direct, store, "D")
		}, changes[1].do, "[D C B A]", 1},
		{"a name is taken, as was known", func(*testing.T, *world, string, []upstream.Secret) {},
			func(ctx context.Context, by cloud, store string, made []upstream.Secret) error {
				_, err := by.DuplicateSecret(ctx, upstream.DuplicateSecretParams{Account: account, StoreID: store, SecretID: made[0].ID, Name: "A", Scopes: []string{"dex"}})
				return err
			}, "[C B A]", 0},
		{"something is gone, as was known", func(*testing.T, *world, string, []upstream.Secret) {},
			func(ctx context.Context, by cloud, store string, _ []upstream.Secret) error {
				_, err := by.DeleteSecret(ctx, secret(store, noSuchID))
				return err
			}, "[C B A]", 0},
		{"the store is gone", func(t *testing.T, w *world, store string, made []upstream.Secret) {
			must(t, changes[5].do(t.Context(), w.direct, store, made))
		}, changes[2].do, "NotFound", 1},
		{"the account is full", func(t *testing.T, w *world, store string, _ []upstream.Secret) {
			secrets(t, w.direct, store, "OTHER")
			w.clock.move(2 * time.Second)
			w.faults(emulator.Fault{Kind: emulator.KindStatus, Status: 400, Times: 1, Body: `{"success":false,"errors":[{"code":1003,"message":"maximum_secrets_exceeded: max 100"}],"messages":[]}`})
		}, changes[1].do, "[OTHER C B A]", 1},
		{"nothing was sent", func(_ *testing.T, w *world, _ string, _ []upstream.Secret) {
			w.faults(emulator.Fault{Kind: emulator.KindRateLimit, Times: 1})
		}, changes[0].do, "[C B A]", 0},
		{"a refusal that proves nothing", func(_ *testing.T, w *world, _ string, _ []upstream.Secret) {
			w.faults(emulator.Fault{Kind: emulator.KindStatus, Status: 418, Times: 1})
		}, changes[0].do, "[C B A]", 1},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			store := w.store("s")
			client, _ := w.cache()
			made := secrets(t, client, store, "A", "B", "C")
			names(t, client, store)
			c.before(t, w, store, made)
			if c.do(t.Context(), client, store, made) == nil {
				t.Fatal("the change did not fail")
			}
			w.costs(listSecrets, c.listed, func() {
				for range 2 {
					if got := shown(t, client, store); got != c.want {
						t.Errorf("got %s, want %s", got, c.want)
					}
					if c.want == "NotFound" {
						break
					}
				}
			})
		})
	}
}
