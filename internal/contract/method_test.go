package contract_test

import (
	"strings"
	"testing"

	"google.golang.org/genproto/googleapis/api/annotations"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"

	"platform.internal/storekeeper/internal/contract"
)

func methods(t testing.TB) map[string]*contract.Method {
	t.Helper()
	m, err := contract.Methods(services()...)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// declared says in one line what a method declares.
func declared(m *contract.Method) string {
	text := m.Action
	if m.OrAction != "" {
		text += " or " + m.OrAction
	}
	if m.ByName {
		text += " by name"
	}
	if m.Changes {
		text += " changes"
	}
	if m.Lists {
		text += " lists"
	}
	return text
}

// TestWhatEachMethodDeclares is here to be read when it changes: it is what
// rules and the audit trail go by.
func TestWhatEachMethodDeclares(t *testing.T) {
	want := map[string]string{
		"/secretsstore.v1.SecretsStoreService/CreateStore":         "store.create changes",
		"/secretsstore.v1.SecretsStoreService/ListStores":          "store.get lists",
		"/secretsstore.v1.SecretsStoreService/GetStore":            "store.get",
		"/secretsstore.v1.SecretsStoreService/DeleteStore":         "store.delete changes",
		"/secretsstore.v1.SecretsStoreService/CreateSecrets":       "secret.create changes",
		"/secretsstore.v1.SecretsStoreService/ListSecrets":         "secret.get lists",
		"/secretsstore.v1.SecretsStoreService/GetSecret":           "secret.get",
		"/secretsstore.v1.SecretsStoreService/UpdateSecret":        "secret.update changes",
		"/secretsstore.v1.SecretsStoreService/DeleteSecret":        "secret.delete changes",
		"/secretsstore.v1.SecretsStoreService/DeleteSecrets":       "secret.delete changes",
		"/secretsstore.v1.SecretsStoreService/DuplicateSecret":     "secret.duplicate changes",
		"/secretsstore.v1.SecretsStoreService/GetQuota":            "quota.get",
		"/storekeeper.identity.v1.IdentityService/VerifyToken":     "self",
		"/storekeeper.identity.v1.IdentityService/GetUser":         "self",
		"/storekeeper.identity.v1.IdentityService/ListAccounts":    "account.get lists",
		"/storekeeper.identity.v1.IdentityService/ListMemberships": "account.get lists",
		"/storekeeper.v1.SelfService/WhoAmI":                       "self",
		"/storekeeper.v1.SecretService/PutSecret":                  "secret.create or secret.update by name changes",
		"/storekeeper.v1.SecretService/PutSecrets":                 "secret.create or secret.update by name changes",
		"/storekeeper.v1.SecretService/GetSecret":                  "secret.get by name",
		"/storekeeper.v1.SecretService/DeleteSecret":               "secret.delete by name changes",
	}
	got := methods(t)
	for name, m := range got {
		if declared(m) != want[name] {
			t.Errorf("%s declares %q, want %q", name, declared(m), want[name])
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d methods, want %d", len(got), len(want))
	}
}

// TestWhatChangesIsDeclaredSo holds the declaration against the two others that
// say the same: the HTTP method and the idempotency level.
func TestWhatChangesIsDeclaredSo(t *testing.T) {
	all := methods(t)
	for _, s := range services() {
		for i := range s.Methods().Len() {
			md := s.Methods().Get(i)
			rule := proto.GetExtension(md.Options(), annotations.E_Http).(*annotations.HttpRule)
			pure := md.Options().(*descriptorpb.MethodOptions).GetIdempotencyLevel() == descriptorpb.MethodOptions_NO_SIDE_EFFECTS
			m := all["/"+string(s.FullName())+"/"+string(md.Name())]
			if reads := rule.GetGet() != ""; m.Changes == reads || m.Changes == pure {
				t.Errorf("%s: changes %t, read by GET %t, without side effects %t", md.Name(), m.Changes, reads, pure)
			}
			if m.Changes && m.Lists {
				t.Errorf("%s changes and lists", md.Name())
			}
		}
	}
}

// TestEveryIdentifierIsDeclared finds a field by its name that rules would not
// know of.
func TestEveryIdentifierIsDeclared(t *testing.T) {
	all := methods(t)
	for _, s := range services() {
		for i := range s.Methods().Len() {
			md := s.Methods().Get(i)
			// A list is filtered by a name; it is not done to the object of that name.
			lists := all["/"+string(s.FullName())+"/"+string(md.Name())].Lists
			fields(md.Input(), func(fd protoreflect.FieldDescriptor) {
				p := contract.FieldPolicy(fd)
				name := string(fd.Name())
				switch {
				case name == "request_id":
					// It names the call.
				case strings.HasSuffix(name, "_id") && p.GetIdentifies() != strings.TrimSuffix(name, "_id"),
					name == "ids" && p.GetIdentifies() == "",
					name == "scopes" && !p.GetGrants() && fd.Parent().Name() != "ListSecretsRequest",
					name == "name" && p.GetNames() == "" && !lists && fd.Parent().Name() != "UpdateSecretRequest":
					t.Errorf("%s does not say what it is", fd.FullName())
				}
			})
		}
	}
}

func fields(md protoreflect.MessageDescriptor, visit func(protoreflect.FieldDescriptor)) {
	for i := range md.Fields().Len() {
		fd := md.Fields().Get(i)
		visit(fd)
		if fd.Message() != nil && fd.Message().ParentFile() == md.ParentFile() {
			fields(fd.Message(), visit)
		}
	}
}

func TestAMethodWithoutADeclarationStopsTheStart(t *testing.T) {
	health := healthv1.File_grpc_health_v1_health_proto.Services().Get(0)
	_, err := contract.Methods(append(services(), health)...)
	if err == nil {
		t.Fatal("it does not")
	}
	for _, name := range []string{"/grpc.health.v1.Health/Check", "/grpc.health.v1.Health/Watch"} {
		if !strings.Contains(err.Error(), name+" declares no action") {
			t.Errorf("%s is not named: %v", name, err)
		}
	}
}
