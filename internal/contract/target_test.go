package contract_test

import (
	"reflect"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	secretsstorev1 "platform.internal/storekeeper/gen/secretsstore/v1"
	identityv1 "platform.internal/storekeeper/gen/storekeeper/identity/v1"
	storekeeperv1 "platform.internal/storekeeper/gen/storekeeper/v1"
	"platform.internal/storekeeper/internal/contract"
)

func TestTarget(t *testing.T) {
	const secrets, identity, native = "/secretsstore.v1.SecretsStoreService/", "/storekeeper.identity.v1.IdentityService/", "/storekeeper.v1."
	value, comment, name := "v", "c", "SAME"
	cases := []struct {
		name    string
		method  string
		request proto.Message
		want    contract.Target
	}{
		{"a new store has a name", secrets + "CreateStore", &secretsstorev1.CreateStoreRequest{AccountId: "a", Name: "n"}, contract.Target{Account: "a", StoreName: "n"}},
		{"a list of stores is of an account", secrets + "ListStores", &secretsstorev1.ListStoresRequest{AccountId: "a", Order: "name", Page: 3}, contract.Target{Account: "a"}},
		{"a store has an identifier", secrets + "GetStore", &secretsstorev1.GetStoreRequest{AccountId: "a", StoreId: "s"}, contract.Target{Account: "a", StoreID: "s"}},
		{"also where it is deleted", secrets + "DeleteStore", &secretsstorev1.DeleteStoreRequest{AccountId: "a", StoreId: "s", Force: true}, contract.Target{Account: "a", StoreID: "s"}},
		{"new secrets have names and scopes, each its own", secrets + "CreateSecrets",
			&secretsstorev1.CreateSecretsRequest{AccountId: "a", StoreId: "s", Secrets: []*secretsstorev1.NewSecret{
				{Name: "A", Value: value, Scopes: []string{"x", "y"}, Comment: &comment}, {Name: "B"}, {Name: "C", Scopes: []string{"z"}},
			}},
			contract.Target{Account: "a", StoreID: "s", Secrets: []contract.CreatedSecret{{Name: "A", Scopes: []string{"x", "y"}}, {Name: "B"}, {Name: "C", Scopes: []string{"z"}}}}},
		{"an item without anything counts, wherever it stands", secrets + "CreateSecrets",
			&secretsstorev1.CreateSecretsRequest{StoreId: "s", Secrets: []*secretsstorev1.NewSecret{{}, {Name: "B"}, {Value: value}, {Scopes: []string{"z"}}, nil}},
			contract.Target{StoreID: "s", Secrets: []contract.CreatedSecret{{}, {Name: "B"}, {}, {Scopes: []string{"z"}}, {}}}},
		{"a batch of nothing is about the store", secrets + "CreateSecrets", &secretsstorev1.CreateSecretsRequest{AccountId: "a", StoreId: "s"}, contract.Target{Account: "a", StoreID: "s"}},
		{"a list of secrets gives no scopes", secrets + "ListSecrets",
			&secretsstorev1.ListSecretsRequest{AccountId: "a", StoreId: "s", Search: "q", Scopes: []string{"x"}}, contract.Target{Account: "a", StoreID: "s"}},
		{"a secret has an identifier", secrets + "GetSecret", &secretsstorev1.GetSecretRequest{AccountId: "a", StoreId: "s", SecretId: "i"}, contract.Target{Account: "a", StoreID: "s", SecretIDs: []string{"i"}}},
		{"a change gives scopes to the secret that exists", secrets + "UpdateSecret",
			&secretsstorev1.UpdateSecretRequest{AccountId: "a", StoreId: "s", SecretId: "i", Value: &value, Comment: &comment, Name: &name, Scopes: []string{"x"},
				UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"value"}}},
			contract.Target{Account: "a", StoreID: "s", SecretIDs: []string{"i"}, Scopes: []string{"x"}}},
		{"a secret is deleted", secrets + "DeleteSecret", &secretsstorev1.DeleteSecretRequest{AccountId: "a", StoreId: "s", SecretId: "i"}, contract.Target{Account: "a", StoreID: "s", SecretIDs: []string{"i"}}},
		{"several are, in their order", secrets + "DeleteSecrets", &secretsstorev1.DeleteSecretsRequest{AccountId: "a", StoreId: "s", Ids: []string{"i", "j", "i", ""}},
			contract.Target{Account: "a", StoreID: "s", SecretIDs: []string{"i", "j", "i", ""}}},
		{"a copy is of one and makes another, which gets the scopes", secrets + "DuplicateSecret",
			&secretsstorev1.DuplicateSecretRequest{AccountId: "a", StoreId: "s", SecretId: "i", Name: "B", Scopes: []string{"x", "y"}},
			contract.Target{Account: "a", StoreID: "s", SecretIDs: []string{"i"}, Secrets: []contract.CreatedSecret{{Name: "B", Scopes: []string{"x", "y"}}}}},
		{"a quota is of an account", secrets + "GetQuota", &secretsstorev1.GetQuotaRequest{AccountId: "a"}, contract.Target{Account: "a"}},
		{"a token may be verified for an account", identity + "VerifyToken", &identityv1.VerifyTokenRequest{AccountId: "a"}, contract.Target{Account: "a"}},
		{"or for none", identity + "VerifyToken", &identityv1.VerifyTokenRequest{}, contract.Target{}},
		{"a user is about nothing", identity + "GetUser", &identityv1.GetUserRequest{}, contract.Target{}},
		{"nor are accounts", identity + "ListAccounts", &identityv1.ListAccountsRequest{Page: 2}, contract.Target{}},
		{"nor memberships", identity + "ListMemberships", &identityv1.ListMembershipsRequest{}, contract.Target{}},
		{"a put names the store, the secret and the scopes that it gets", native + "SecretService/PutSecret",
			&storekeeperv1.PutSecretRequest{Account: "a", Store: "s", Name: "A", Value: value, Scopes: []string{"x"}, RequestId: "r"},
			contract.Target{Account: "a", InStore: "s", Secrets: []contract.CreatedSecret{{Name: "A", Scopes: []string{"x"}}}}},
		{"the store may be an identifier", native + "SecretService/PutSecrets",
			&storekeeperv1.PutSecretsRequest{Account: "a", Store: id, Secrets: []*storekeeperv1.SecretPut{{Name: "A"}, {Name: "B", Scopes: []string{"y"}}}},
			contract.Target{Account: "a", StoreID: id, Secrets: []contract.CreatedSecret{{Name: "A"}, {Name: "B", Scopes: []string{"y"}}}}},
		{"a name that is no identifier is a name", native + "SecretService/GetSecret", &storekeeperv1.GetSecretRequest{Account: "a", Store: strings.ToUpper(id), Name: "A"},
			contract.Target{Account: "a", InStore: strings.ToUpper(id), Secrets: []contract.CreatedSecret{{Name: "A"}}}},
		{"a deletion by name", native + "SecretService/DeleteSecret", &storekeeperv1.DeleteSecretRequest{Account: "a", Store: "s", Name: "A", AllowMissing: true},
			contract.Target{Account: "a", InStore: "s", Secrets: []contract.CreatedSecret{{Name: "A"}}}},
		{"nor is the caller", native + "SelfService/WhoAmI", &storekeeperv1.WhoAmIRequest{}, contract.Target{}},
		{"nor its permissions", native + "SelfService/ListPermissions", &storekeeperv1.ListPermissionsRequest{PageSize: 3}, contract.Target{}},
		{"nor what it would do", native + "SelfService/TestPermissions", &storekeeperv1.TestPermissionsRequest{
			Checks: []*storekeeperv1.PermissionCheck{{Action: "secret.get", Account: "a", Store: "s", Secret: "n", Scopes: []string{"x"}}}}, contract.Target{}},
		{"nor its usage", native + "SelfService/GetUsage", &storekeeperv1.GetUsageRequest{}, contract.Target{}},
		{"nor Storekeeper", native + "OperatorService/GetStatus", &storekeeperv1.GetStatusRequest{}, contract.Target{}},
		{"nor all tenants", native + "OperatorService/ListTenants", &storekeeperv1.ListTenantsRequest{PageToken: "t"}, contract.Target{}},
	}
	all := methods(t)
	tested := map[string]bool{}
	for _, c := range cases {
		tested[c.method] = true
		t.Run(c.name, func(t *testing.T) {
			if got := all[c.method].Target(c.request); !reflect.DeepEqual(got, c.want) {
				t.Errorf("got  %+v\nwant %+v", got, c.want)
			}
		})
	}
	for name := range all {
		if !tested[name] {
			t.Errorf("%s has no case", name)
		}
	}
}

// TestALongListIsCheckedAsFarAsItMustBe sends a batch whose items each break several rules.
func TestALongListIsCheckedAsFarAsItMustBe(t *testing.T) {
	items := make([]*secretsstorev1.NewSecret, 1_000_000)
	for i := range items {
		items[i] = &secretsstorev1.NewSecret{}
	}
	long := create(items...)
	ids := &secretsstorev1.DeleteSecretsRequest{AccountId: "main", StoreId: id, Ids: make([]string, 1_000_000)}
	v := validator(t)
	for name, request := range map[string]proto.Message{"secrets": long, "ids": ids} {
		allocated := testing.AllocsPerRun(1, func() {
			if err := v.Check(t.Context(), request); err == nil || !strings.Contains(err.Error(), name+": must have at most 100 items") {
				t.Errorf("got %v", err)
			}
		})
		if allocated > 200_000 {
			t.Errorf("%s: %.0f allocations", name, allocated)
		}
	}
	if len(long.GetSecrets()) != 1_000_000 || len(ids.GetIds()) != 1_000_000 {
		t.Error("the request was changed")
	}
}

func BenchmarkTarget(b *testing.B) {
	batch := create()
	for range 100 {
		batch.Secrets = append(batch.Secrets, good())
	}
	all := methods(b)
	for name, request := range map[string]proto.Message{
		"GetSecret":     &secretsstorev1.GetSecretRequest{AccountId: "main", StoreId: id, SecretId: id},
		"CreateSecrets": batch,
	} {
		m := all["/secretsstore.v1.SecretsStoreService/"+name]
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				m.Target(request)
			}
		})
	}
}
