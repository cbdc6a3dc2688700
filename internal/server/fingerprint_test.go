package server_test

import (
	"context"
	"slices"
	"testing"

	secretsstorev1 "platform.internal/storekeeper/gen/secretsstore/v1"
	"platform.internal/storekeeper/internal/audit"
	"platform.internal/storekeeper/internal/server"
	"platform.internal/storekeeper/internal/server/servertest"
)

func TestAnIntentHoldsFingerprintsWhereTheyAreWanted(t *testing.T) {
	of := func(v string) string { return "of " + v }
	comment := func(w *world) call {
		text := "c"
		return func(ctx context.Context, c servertest.Client) error {
			_, err := c.UpdateSecret(ctx, &secretsstorev1.UpdateSecretRequest{AccountId: main, StoreId: w.store, SecretId: w.payA, Comment: &text})
			return err
		}
	}
	batch := func(w *world) call {
		return w.create(
			&secretsstorev1.NewSecret{Name: "A", Value: "one", Scopes: []string{"workers"}},
			&secretsstorev1.NewSecret{Name: "B", Value: "two", Scopes: []string{"workers"}},
		)
	}
	for name, c := range map[string]struct {
		of   func(string) string
		call func(*world) call
		want []string
	}{
		"of a batch":                    {of, batch, []string{"of one", "of two"}},
		"of a change":                   {of, func(w *world) call { return w.update(w.payA) }, []string{"of another value"}},
		"of a change of something else": {of, comment, []string{""}},
		"where none are wanted":         {nil, batch, []string{"", ""}},
	} {
		t.Run(name, func(t *testing.T) {
			w := start(t, servertest.Config{Change: func(chain *server.Chain) { chain.Fingerprint = c.of }})
			if err := c.call(w)(within(t), w.As(root)); err != nil {
				t.Fatal(err)
			}
			written := w.Trail.Written()
			if len(written) != 2 || written[0].Kind != audit.KindIntent {
				t.Fatalf("the trail has %+v", written)
			}
			for _, r := range written {
				var got []string
				for _, s := range r.Secrets {
					got = append(got, s.Fingerprint)
				}
				if !slices.Equal(got, c.want) {
					t.Errorf("the %s has %q, want %q", r.Kind, got, c.want)
				}
			}
		})
	}
}
