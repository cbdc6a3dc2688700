package apidoc

import (
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
)

// ours are the folders of Storekeeper's proto files.
var ours = []string{"secretsstore/", "storekeeper/"}

// descriptorSet returns Storekeeper's linked proto files and their imports as a
// google.protobuf.FileDescriptorSet, each file after its imports. Linked files
// have no comments.
func descriptorSet(linked *protoregistry.Files) string {
	set := &descriptorpb.FileDescriptorSet{}
	added := map[string]bool{}
	var add func(protoreflect.FileDescriptor)
	add = func(file protoreflect.FileDescriptor) {
		if added[file.Path()] {
			return
		}
		added[file.Path()] = true
		for i := range file.Imports().Len() {
			add(file.Imports().Get(i).FileDescriptor)
		}
		set.File = append(set.File, protodesc.ToFileDescriptorProto(file))
	}
	for _, file := range sortedFiles(linked) {
		add(file)
	}
	// Marshal fails for a missing required field or text that is no UTF-8. A linked
	// descriptor was read from bytes that passed both checks.
	out, _ := proto.MarshalOptions{Deterministic: true}.Marshal(set)
	return string(out)
}

// sortedFiles returns Storekeeper's files sorted by path.
func sortedFiles(linked *protoregistry.Files) []protoreflect.FileDescriptor {
	var files []protoreflect.FileDescriptor
	linked.RangeFiles(func(file protoreflect.FileDescriptor) bool {
		for _, folder := range ours {
			if strings.HasPrefix(file.Path(), folder) {
				files = append(files, file)
			}
		}
		return true
	})
	slices.SortFunc(files, func(a, b protoreflect.FileDescriptor) int { return strings.Compare(a.Path(), b.Path()) })
	return files
}
