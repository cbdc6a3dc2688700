package apidoc_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"

	_ "platform.internal/storekeeper/gen/secretsstore/v1"
	_ "platform.internal/storekeeper/gen/storekeeper/identity/v1"
	_ "platform.internal/storekeeper/gen/storekeeper/v1"
	"platform.internal/storekeeper/internal/apidoc"
)

func TestTheDescriptorSetIsWhole(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(apidoc.Handler())
	defer server.Close()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+apidoc.Protos, nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := server.Client().Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil || answer.Header.Get("Content-Type") != "application/x-protobuf" {
		t.Fatalf("%v, content type %q", err, answer.Header.Get("Content-Type"))
	}
	set := &descriptorpb.FileDescriptorSet{}
	if err := proto.Unmarshal(body, set); err != nil {
		t.Fatal(err)
	}
	// protoc reads a set in order and refuses a file before its imports.
	seen := map[string]bool{}
	for _, file := range set.GetFile() {
		for _, needed := range file.GetDependency() {
			if !seen[needed] {
				t.Errorf("%s stands before %s, which it imports", file.GetName(), needed)
			}
		}
		seen[file.GetName()] = true
	}
	files, err := protodesc.NewFiles(set)
	if err != nil {
		t.Fatal(err)
	}
	for _, service := range []protoreflect.FullName{"secretsstore.v1.SecretsStoreService", "storekeeper.identity.v1.IdentityService", "storekeeper.v1.SelfService", "storekeeper.v1.SecretService", "storekeeper.v1.OperatorService"} {
		if _, err := files.FindDescriptorByName(service); err != nil {
			t.Errorf("%s: %v", service, err)
		}
	}
}
