package contract_test

import (
	"slices"
	"strings"
	"testing"

	"buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go/buf/validate"
	"google.golang.org/genproto/googleapis/api/annotations"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"

	storekeeperv1 "platform.internal/storekeeper/gen/storekeeper/v1"
	"platform.internal/storekeeper/internal/authz"
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

// declared formats a declaration in one line.
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

// TestWhatEachMethodDeclares makes every change of a declaration visible, because rules and the audit trail
// depend on the declarations.
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
		"/storekeeper.v1.SelfService/ListPermissions":              "self",
		"/storekeeper.v1.SelfService/TestPermissions":              "self",
		"/storekeeper.v1.SelfService/GetUsage":                     "self",
		"/storekeeper.v1.OperatorService/GetStatus":                "operator.status",
		"/storekeeper.v1.OperatorService/ListTenants":              "operator.tenants",
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
			// A question with too many parts for a query is asked by POST.
			if reads := rule.GetGet() != "" || strings.HasSuffix(rule.GetPost(), ":test"); m.Changes == reads || m.Changes == pure {
				t.Errorf("%s: changes %t, read by GET %t, without side effects %t", md.Name(), m.Changes, reads, pure)
			}
			if m.Changes && m.Lists {
				t.Errorf("%s changes and lists", md.Name())
			}
		}
	}
}

// TestEveryIdentifierIsDeclared finds fields whose name suggests an identifier without a declaration.
func TestEveryIdentifierIsDeclared(t *testing.T) {
	all := methods(t)
	for _, s := range services() {
		for i := range s.Methods().Len() {
			md := s.Methods().Get(i)
			// A list is filtered by a name. The object of that name is not the target.
			lists := all["/"+string(s.FullName())+"/"+string(md.Name())].Lists
			fields(md.Input(), func(fd protoreflect.FieldDescriptor) {
				p := contract.FieldPolicy(fd)
				name := string(fd.Name())
				switch {
				case name == "request_id":
					// This field names the call.
				case strings.HasSuffix(name, "_id") && p.GetIdentifies() != strings.TrimSuffix(name, "_id"),
					name == "ids" && p.GetIdentifies() == "",
					name == "scopes" && !p.GetGrants() && fd.Parent().Name() != "ListSecretsRequest" && fd.Parent().Name() != "PermissionCheck",
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

// TestEveryActionCanBeTested compares the actions of rules with those of TestPermissions and of the methods.
func TestEveryActionCanBeTested(t *testing.T) {
	field := storekeeperv1.File_storekeeper_v1_self_proto.Messages().ByName("PermissionCheck").Fields().ByName("action")
	rules, _ := proto.GetExtension(field.Options(), validate.E_Field).(*validate.FieldRules)
	tested := rules.GetString().GetIn()
	known := slices.Sorted(slices.Values(authz.Actions()))
	if !slices.Equal(tested, known) {
		t.Errorf("TestPermissions takes %v, and rules know %v", tested, known)
	}
	for name, m := range methods(t) {
		if m.Action != contract.Self && !slices.Contains(known, m.Action) {
			t.Errorf("%s declares %s, which rules do not know", name, m.Action)
		}
	}
}
