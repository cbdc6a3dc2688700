package server_test

import (
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	secretsstorev1 "platform.internal/storekeeper/gen/secretsstore/v1"
	"platform.internal/storekeeper/internal/server/servertest"
)

// unmade takes the identifier of a new object out of two records.
func unmade(t *testing.T, before, after string) (string, string) {
	t.Helper()
	if before != "" || len(after) != 32 {
		t.Errorf("an object is %q before it is made, and %q after", before, after)
	}
	return "", ""
}

func TestADeletionOfAStoreWithItsSecretsSaysSo(t *testing.T) {
	for _, force := range []bool{true, false} {
		w := start(t, servertest.Config{})
		_, err := w.As(root).DeleteStore(within(t), &secretsstorev1.DeleteStoreRequest{AccountId: main, StoreId: w.store, Force: force})
		if (err == nil) != force {
			t.Fatal(err)
		}
		for _, e := range w.Trail.Written() {
			if said := strings.Join(e.Changed, " ") == "force"; said != force {
				t.Errorf("of a deletion with force %v the %s says %v", force, e.Kind, e.Changed)
			}
		}
	}
}

func TestAnUpdateTellsWhichFieldsChanged(t *testing.T) {
	for want, edit := range map[string]func(*secretsstorev1.UpdateSecretRequest){
		"value":  func(r *secretsstorev1.UpdateSecretRequest) { r.Value = proto.String("v9") },
		"scopes": func(r *secretsstorev1.UpdateSecretRequest) { r.Scopes = []string{"dex"} },
		"comment value": func(r *secretsstorev1.UpdateSecretRequest) {
			r.Value, r.Comment = proto.String("v9"), proto.String("c")
		},
		"comment": func(r *secretsstorev1.UpdateSecretRequest) {
			r.Comment, r.UpdateMask = proto.String("c"), &fieldmaskpb.FieldMask{Paths: []string{"comment", "comment"}}
		},
	} {
		t.Run(want, func(t *testing.T) {
			w := start(t, servertest.Config{})
			request := &secretsstorev1.UpdateSecretRequest{AccountId: main, StoreId: w.store, SecretId: w.payA}
			edit(request)
			if _, err := w.As(root).UpdateSecret(within(t), request); err != nil {
				t.Fatal(err)
			}
			for _, e := range w.Trail.Written() {
				if got := strings.Join(e.Changed, " "); got != want {
					t.Errorf("the %s says that %q changed", e.Kind, got)
				}
			}
		})
	}
}
