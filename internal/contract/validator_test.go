package contract_test

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	secretsstorev1 "platform.internal/storekeeper/gen/secretsstore/v1"
	identityv1 "platform.internal/storekeeper/gen/storekeeper/identity/v1"
	storekeeperv1 "platform.internal/storekeeper/gen/storekeeper/v1"
	"platform.internal/storekeeper/internal/contract"
	"platform.internal/storekeeper/internal/fault"
)

const id = "3fd85f74b32742f1bff64a85009dda07"

func services() []protoreflect.ServiceDescriptor {
	return []protoreflect.ServiceDescriptor{
		secretsstorev1.File_secretsstore_v1_service_proto.Services().Get(0),
		identityv1.File_storekeeper_identity_v1_identity_proto.Services().Get(0),
		storekeeperv1.File_storekeeper_v1_self_proto.Services().Get(0),
		storekeeperv1.File_storekeeper_v1_secrets_proto.Services().Get(0),
		storekeeperv1.File_storekeeper_v1_operator_proto.Services().Get(0),
	}
}

func validator(t testing.TB) *contract.Validator {
	t.Helper()
	v, err := contract.NewValidator(services()...)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func create(secrets ...*secretsstorev1.NewSecret) *secretsstorev1.CreateSecretsRequest {
	return &secretsstorev1.CreateSecretsRequest{AccountId: "main", StoreId: id, Secrets: secrets}
}

func good() *secretsstorev1.NewSecret {
	return &secretsstorev1.NewSecret{Name: "API_KEY", Value: "v", Scopes: []string{"workers"}}
}

func with(change func(*secretsstorev1.NewSecret)) *secretsstorev1.NewSecret {
	s := good()
	change(s)
	return s
}

func update(change func(*secretsstorev1.UpdateSecretRequest)) *secretsstorev1.UpdateSecretRequest {
	r := &secretsstorev1.UpdateSecretRequest{AccountId: "main", StoreId: id, SecretId: id}
	change(r)
	return r
}

// TestEveryRuleCompiles checks an empty request of each method, because a rule is compiled with the first
// check of its request.
func TestEveryRuleCompiles(t *testing.T) {
	all := append(services(), storekeeperv1.File_storekeeper_v1_changes_proto.Services().Get(0))
	v, err := contract.NewValidator(all...)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range all {
		for i := range s.Methods().Len() {
			kind, err := protoregistry.GlobalTypes.FindMessageByName(s.Methods().Get(i).Input().FullName())
			if err != nil {
				t.Fatal(err)
			}
			err = v.Check(t.Context(), kind.New().Interface())
			if _, is := errors.AsType[*fault.Error](err); err != nil && !is {
				t.Errorf("%s: %v", s.Methods().Get(i).FullName(), err)
			}
		}
	}
}

func TestCheckNamesEveryWrongField(t *testing.T) {
	cases := []struct {
		name    string
		request proto.Message
		want    []string // "path WORD text"
	}{
		{"a good secret keeps the rules", create(good()), nil},
		{"a name is needed", create(with(func(s *secretsstorev1.NewSecret) { s.Name = "" })), []string{"secrets[0].name SECRET_NAME_EMPTY must not be empty"}},
		{"a name has no dots", create(with(func(s *secretsstorev1.NewSecret) { s.Name = "a.b" })), []string{"secrets[0].name SECRET_NAME_INVALID must match ^[A-Za-z0-9_-]*$"}},
		{"a name has a longest length", create(with(func(s *secretsstorev1.NewSecret) { s.Name = strings.Repeat("a", 257) })), []string{"secrets[0].name SECRET_NAME_TOO_LONG must be at most 256 characters"}},
		{"one place is blamed once", create(with(func(s *secretsstorev1.NewSecret) { s.Name = strings.Repeat("a.", 200) })), []string{"secrets[0].name SECRET_NAME_TOO_LONG must be at most 256 characters"}},
		{"of a batch that is too long no item is looked at", create(make([]*secretsstorev1.NewSecret, 101)...), []string{"secrets INVALID_JSON_BODY must have at most 100 items"}},
		{"a value is needed", create(with(func(s *secretsstorev1.NewSecret) { s.Value = "" })), []string{"secrets[0].value SECRET_VALUE_EMPTY must not be empty"}},
		{"the longest value is allowed", create(with(func(s *secretsstorev1.NewSecret) { s.Value = strings.Repeat("x", 65536) })), nil},
		{"a value is measured in bytes", create(with(func(s *secretsstorev1.NewSecret) { s.Value = strings.Repeat("é", 32769) })), []string{"secrets[0].value SECRET_VALUE_TOO_LONG must be at most 65536 bytes"}},
		{"a scope is needed", create(with(func(s *secretsstorev1.NewSecret) { s.Scopes = nil })), []string{"secrets[0].scopes SECRET_SCOPES_EMPTY must have at least 1 item"}},
		{"a scope that is not known here is allowed", create(with(func(s *secretsstorev1.NewSecret) { s.Scopes = []string{"brand_new"} })), nil},
		{"several mistakes come in the order of the request",
			create(with(func(s *secretsstorev1.NewSecret) { s.Scopes = nil; s.Name = "a b" }), good(), &secretsstorev1.NewSecret{}),
			[]string{
				"secrets[0].name SECRET_NAME_INVALID must match ^[A-Za-z0-9_-]*$",
				"secrets[0].scopes SECRET_SCOPES_EMPTY must have at least 1 item",
				"secrets[2].name SECRET_NAME_EMPTY must not be empty",
				"secrets[2].value SECRET_VALUE_EMPTY must not be empty",
				"secrets[2].scopes SECRET_SCOPES_EMPTY must have at least 1 item",
			}},
		{"a batch is not empty", create(), []string{"secrets INVALID_JSON_BODY must have at least 1 item"}},
		{"a bulk delete names something", &secretsstorev1.DeleteSecretsRequest{AccountId: "main", StoreId: id}, []string{"ids INVALID_JSON_BODY must have at least 1 item"}},
		{"a change changes something", update(func(*secretsstorev1.UpdateSecretRequest) {}), []string{"body INVALID_JSON_BODY must set at least one of value, scopes, comment"}},
		{"a repeated name alone changes nothing", update(func(r *secretsstorev1.UpdateSecretRequest) { r.Name = proto.String("A") }), []string{"body INVALID_JSON_BODY must set at least one of value, scopes, comment"}},
		{"a masked value is there", update(func(r *secretsstorev1.UpdateSecretRequest) { r.UpdateMask = mask("value") }), []string{"value SECRET_VALUE_EMPTY must not be empty"}},
		{"a masked list of scopes is not empty", update(func(r *secretsstorev1.UpdateSecretRequest) { r.UpdateMask = mask("scopes") }), []string{"scopes SECRET_SCOPES_EMPTY must have at least 1 item"}},
		{"a masked comment may be absent", update(func(r *secretsstorev1.UpdateSecretRequest) { r.UpdateMask = mask("comment") }), nil},
		{"a mask names no part of a field", update(func(r *secretsstorev1.UpdateSecretRequest) { r.UpdateMask = mask("value.x") }), []string{"update_mask UPDATE_MASK_INVALID must be one of value, scopes, comment"}},
		{"a mask names known fields", update(func(r *secretsstorev1.UpdateSecretRequest) { r.UpdateMask = mask("name") }), []string{"update_mask UPDATE_MASK_INVALID must be one of value, scopes, comment"}},
		{"a time has a second that there is", put(&timestamppb.Timestamp{Seconds: 1 << 60}), []string{"expected_modified EXPECTED_MODIFIED_INVALID must be a time from year 1 to year 9999, with nanos from 0 to 999999999"}},
		{"a time has nanoseconds that there are", put(&timestamppb.Timestamp{Nanos: -1}), []string{"expected_modified EXPECTED_MODIFIED_INVALID must be a time from year 1 to year 9999, with nanos from 0 to 999999999"}},
		{"a time is allowed", put(&timestamppb.Timestamp{Seconds: 1}), nil},
		{"a new value is not empty", update(func(r *secretsstorev1.UpdateSecretRequest) { r.Value = proto.String("") }), []string{"value SECRET_VALUE_EMPTY must not be empty"}},
		{"a page is not negative", &secretsstorev1.ListStoresRequest{AccountId: "main", Page: -1, PerPage: -2}, []string{"page PAGE_INVALID must be at least 0", "per_page PER_PAGE_INVALID must be at least 0"}},
		{"an order is known", &secretsstorev1.ListStoresRequest{AccountId: "main", Order: "size", Direction: "up"}, []string{"order ORDER_INVALID must be one of name, created, modified", "direction DIRECTION_INVALID must be one of asc, desc"}},
		{"a large page is allowed", &secretsstorev1.ListStoresRequest{AccountId: "main", PerPage: 1000}, nil},
		{"an account is needed", &secretsstorev1.GetQuotaRequest{}, []string{"account_id ACCOUNT_ID_EMPTY must not be empty"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			err := validator(t).Check(context.Background(), c.request)
			if got := told(t, err); !reflect.DeepEqual(got, c.want) {
				t.Errorf("got  %q\nwant %q", got, c.want)
			}
		})
	}
}

func put(modified *timestamppb.Timestamp) *storekeeperv1.PutSecretRequest {
	return &storekeeperv1.PutSecretRequest{Account: "main", Store: "s", Name: "A", Value: "v", Scopes: []string{"workers"}, ExpectedModified: modified}
}

func mask(paths ...string) *fieldmaskpb.FieldMask { return &fieldmaskpb.FieldMask{Paths: paths} }

func told(t *testing.T, err error) []string {
	t.Helper()
	if err == nil {
		return nil
	}
	f := fault.From(err)
	if f.Kind != fault.BadInput {
		t.Fatalf("got %v", err)
	}
	var lines []string
	for _, field := range f.Fields {
		lines = append(lines, field.Path+" "+field.Reason+" "+field.Text)
	}
	return lines
}

func TestAnIdentifierOfAnotherFormNamesNothing(t *testing.T) {
	cases := map[string]struct {
		request proto.Message
		reason  string
	}{
		"a store with dashes":                      {&secretsstorev1.GetStoreRequest{AccountId: "main", StoreId: "3fd85f74-b327-42f1-bff6-4a85009dda07"}, "STORE_NOT_FOUND"},
		"a store with a path":                      {&secretsstorev1.GetStoreRequest{AccountId: "main", StoreId: "../" + id[3:]}, "STORE_NOT_FOUND"},
		"a store that is empty":                    {&secretsstorev1.GetStoreRequest{AccountId: "main"}, "STORE_NOT_FOUND"},
		"a secret in capitals":                     {&secretsstorev1.GetSecretRequest{AccountId: "main", StoreId: id, SecretId: strings.ToUpper(id)}, "SECRET_NOT_FOUND"},
		"the store comes first":                    {&secretsstorev1.GetSecretRequest{AccountId: "main", StoreId: "x", SecretId: "y"}, "STORE_NOT_FOUND"},
		"one of several secrets":                   {&secretsstorev1.DeleteSecretsRequest{AccountId: "main", StoreId: id, Ids: []string{id, "x"}}, "SECRET_NOT_FOUND"},
		"a store comes before a body":              {&secretsstorev1.DeleteSecretsRequest{AccountId: "main", StoreId: "x"}, "STORE_NOT_FOUND"},
		"the store comes before what is in a body": {&secretsstorev1.CreateSecretsRequest{AccountId: "main", StoreId: "x"}, "STORE_NOT_FOUND"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			f := fault.From(validator(t).Check(context.Background(), c.request))
			if f.Kind != fault.NotFound || f.Reason != c.reason {
				t.Errorf("got %v", f)
			}
		})
	}
}

func TestMistakesOfTheDecoderAreToldWithTheRest(t *testing.T) {
	found := &contract.Mistakes{}
	found.Add("secrets[0].valeu", "INVALID_JSON_BODY", "unknown field")
	found.Add("secrets[0].name", "INVALID_JSON_BODY", "must be a string")
	ctx := contract.WithMistakes(context.Background(), found)
	got := told(t, validator(t).Check(ctx, create(&secretsstorev1.NewSecret{Scopes: []string{"workers"}})))
	want := []string{
		"secrets[0].name INVALID_JSON_BODY must be a string",
		"secrets[0].value SECRET_VALUE_EMPTY must not be empty",
		"secrets[0].valeu INVALID_JSON_BODY unknown field",
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func TestABodyComesBeforeItsSecret(t *testing.T) {
	got := told(t, validator(t).Check(context.Background(), &secretsstorev1.UpdateSecretRequest{AccountId: "main", StoreId: id, SecretId: "x"}))
	if want := []string{"body INVALID_JSON_BODY must set at least one of value, scopes, comment"}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %q", got)
	}
}

func TestAnItemThatIsNoObjectIsBlamedOnce(t *testing.T) {
	found := &contract.Mistakes{}
	found.Add("secrets[0]", "INVALID_JSON_BODY", "must be an object")
	got := told(t, validator(t).Check(contract.WithMistakes(context.Background(), found), create(&secretsstorev1.NewSecret{})))
	if want := []string{"secrets[0] INVALID_JSON_BODY must be an object"}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %q", got)
	}
}

func TestAnUnreadableBodyIsTheOnlyMistake(t *testing.T) {
	found := &contract.Mistakes{}
	found.Add(contract.Body, "INVALID_JSON_BODY", "must be valid JSON")
	got := told(t, validator(t).Check(contract.WithMistakes(context.Background(), found), create()))
	if want := []string{"body INVALID_JSON_BODY must be valid JSON"}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %q", got)
	}
}

// TestValuesAreDeclaredSecret: every value field of the API must be declared secret, because other fields may
// be logged.
func TestValuesAreDeclaredSecret(t *testing.T) {
	secret := 0
	for _, s := range services() {
		for i := range s.Methods().Len() {
			walk(s.Methods().Get(i).Input(), func(fd protoreflect.FieldDescriptor) {
				if contract.Secret(fd) != (fd.Name() == "value") {
					t.Errorf("%s: secret is %v", fd.FullName(), contract.Secret(fd))
				}
				if contract.Secret(fd) {
					secret++
				}
			})
		}
	}
	if secret == 0 {
		t.Error("no field is declared secret")
	}
}

func walk(md protoreflect.MessageDescriptor, visit func(protoreflect.FieldDescriptor)) {
	for i := range md.Fields().Len() {
		fd := md.Fields().Get(i)
		visit(fd)
		if fd.Message() != nil {
			walk(fd.Message(), visit)
		}
	}
}
