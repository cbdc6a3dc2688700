package contract_test

import (
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	secretsstorev1 "platform.internal/storekeeper/gen/secretsstore/v1"
	"platform.internal/storekeeper/internal/contract"
)

func TestACopyWithoutValuesHasAllElse(t *testing.T) {
	const value = "canary-value"
	for name, tc := range map[string]struct{ request, want proto.Message }{
		"new secrets": {
			&secretsstorev1.CreateSecretsRequest{AccountId: "a", Secrets: []*secretsstorev1.NewSecret{
				{Name: "x", Value: value, Scopes: []string{"workers", "dex"}, Comment: proto.String("")}, {Name: "y", Value: value},
			}},
			&secretsstorev1.CreateSecretsRequest{AccountId: "a", Secrets: []*secretsstorev1.NewSecret{
				{Name: "x", Scopes: []string{"workers", "dex"}, Comment: proto.String("")}, {Name: "y"},
			}},
		},
		"a new value": {
			&secretsstorev1.UpdateSecretRequest{SecretId: "s", Value: proto.String(value), UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"value"}}},
			&secretsstorev1.UpdateSecretRequest{SecretId: "s", Value: proto.String(""), UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"value"}}},
		},
		"no value": {&secretsstorev1.DeleteSecretsRequest{Ids: []string{"1", "2"}}, &secretsstorev1.DeleteSecretsRequest{Ids: []string{"1", "2"}}},
	} {
		t.Run(name, func(t *testing.T) {
			before := proto.Clone(tc.request)
			got := contract.WithoutValues(tc.request)
			if !proto.Equal(got, tc.want) || !proto.Equal(tc.request, before) {
				t.Errorf("got %v of %v", got, tc.request)
			}
			if raw, err := proto.Marshal(got); err != nil || strings.Contains(string(raw), value) {
				t.Errorf("%q %v", raw, err)
			}
		})
	}
}
