package contract_test

import (
	"os"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"

	"platform.internal/storekeeper/internal/contract"
)

const inventoryFile = "testdata/fields.txt"

// The classes of the inventory.
const (
	classMetadata = "metadata"
	classSecret   = "secret"
)

// holders lists, by full name, every field of the services' requests and
// answers that could hold a secret: texts, bytes, maps and messages of any
// type.
func holders(services []protoreflect.ServiceDescriptor) map[string]protoreflect.FieldDescriptor {
	found, seen := map[string]protoreflect.FieldDescriptor{}, map[protoreflect.FullName]bool{}
	for _, s := range services {
		for i := range s.Methods().Len() {
			m := s.Methods().Get(i)
			addHolders(m.Input(), found, seen)
			addHolders(m.Output(), found, seen)
		}
	}
	return found
}

func addHolders(md protoreflect.MessageDescriptor, found map[string]protoreflect.FieldDescriptor, seen map[protoreflect.FullName]bool) {
	if seen[md.FullName()] {
		return
	}
	seen[md.FullName()] = true
	for i := range md.Fields().Len() {
		fd := md.Fields().Get(i)
		if holds(fd) {
			found[string(fd.FullName())] = fd
		}
		if fd.Message() != nil {
			addHolders(fd.Message(), found, seen)
		}
	}
}

func holds(fd protoreflect.FieldDescriptor) bool {
	switch {
	case fd.Kind() == protoreflect.StringKind, fd.Kind() == protoreflect.BytesKind, fd.IsMap():
		return true
	case fd.Message() == nil:
		return false
	}
	return slices.Contains([]protoreflect.FullName{"google.protobuf.Any", "google.protobuf.Struct", "google.protobuf.Value"}, fd.Message().FullName())
}

// readInventory reads the classes by field.
func readInventory(t *testing.T) map[string]string {
	t.Helper()
	content, err := os.ReadFile(inventoryFile)
	if err != nil {
		t.Fatal(err)
	}
	classes := map[string]string{}
	var order []string
	for line := range strings.Lines(string(content)) {
		line, _, _ = strings.Cut(line, "#")
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		if len(words) != 2 || words[1] != classMetadata && words[1] != classSecret || classes[words[0]] != "" {
			t.Errorf("%s: a line must be one field, once, and %s or %s: %s", inventoryFile, classMetadata, classSecret, line)
			continue
		}
		classes[words[0]] = words[1]
		order = append(order, words[0])
	}
	if !slices.IsSorted(order) {
		t.Errorf("%s must be sorted", inventoryFile)
	}
	return classes
}

func TestEveryFieldThatCouldHoldASecretIsClassed(t *testing.T) {
	classes, fields := readInventory(t), holders(services())
	for name, fd := range fields {
		class, known := classes[name]
		switch {
		case !known: // no flag writes the file: a class is a person's decision
			t.Errorf("%s is in no class: decide, and add it to %s", name, inventoryFile)
		case (class == classSecret) != contract.Secret(fd):
			t.Errorf("%s is %s in %s, and its proto file declares otherwise", name, class, inventoryFile)
		}
	}
	for name := range classes {
		if fields[name] == nil {
			t.Errorf("%s names %s, which no service has", inventoryFile, name)
		}
	}
}

// TestSecretsAreRedactedByOtherToolsToo: debug_redact hides a value when other tools print a message. Go
// ignores the option.
func TestSecretsAreRedactedByOtherToolsToo(t *testing.T) {
	secrets := 0
	for name, fd := range holders(services()) {
		options, _ := fd.Options().(*descriptorpb.FieldOptions)
		if options.GetDebugRedact() != contract.Secret(fd) {
			t.Errorf("%s: debug_redact is %t", name, options.GetDebugRedact())
		}
		if contract.Secret(fd) {
			secrets++
		}
	}
	if secrets < 2 {
		t.Errorf("only %d secrets", secrets)
	}
}

// TestNoAnswerHasASecretField: an answer cannot hold the value of a secret.
func TestNoAnswerHasASecretField(t *testing.T) {
	for _, s := range services() {
		for i := range s.Methods().Len() {
			found := map[string]protoreflect.FieldDescriptor{}
			addHolders(s.Methods().Get(i).Output(), found, map[protoreflect.FullName]bool{})
			for name, fd := range found {
				if contract.Secret(fd) {
					t.Errorf("%s answers with %s", s.Methods().Get(i).FullName(), name)
				}
			}
		}
	}
}
