// Command protoimports writes the third-party imports of our proto files into a
// folder, so that buf finds them without a schema registry.
//
// Each imported file is compiled into a Go module that go.sum pins; this
// command prints the descriptor as source. It must not know our files.
//
// Usage: protoimports FOLDER. The former content of the folder is removed.
package main

import (
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strings"

	// Linked for the files that they register.
	_ "buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go/buf/validate"
	"github.com/jhump/protoreflect/v2/protoprint"
	_ "google.golang.org/genproto/googleapis/api/annotations"
	_ "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
)

func main() {
	log.SetFlags(0)
	if len(os.Args) != 2 {
		log.Fatal("usage: protoimports FOLDER")
	}
	if err := run(os.Args[1]); err != nil {
		log.Fatal("protoimports: ", err)
	}
}

// run replaces the content of folder by every registered file, except the files
// of google/protobuf, which buf has.
func run(folder string) error {
	if err := os.RemoveAll(folder); err != nil {
		return err
	}
	printer := &protoprint.Printer{}
	var failed error
	protoregistry.GlobalFiles.RangeFiles(func(file protoreflect.FileDescriptor) bool {
		if !strings.HasPrefix(file.Path(), "google/protobuf/") {
			failed = write(printer, folder, file)
		}
		return failed == nil
	})
	return failed
}

// write prints one file below folder.
func write(printer *protoprint.Printer, folder string, file protoreflect.FileDescriptor) error {
	text, err := printer.PrintProtoToString(file)
	if err != nil {
		return fmt.Errorf("print %s: %w", file.Path(), err)
	}
	path := filepath.Join(folder, filepath.FromSlash(file.Path()))
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return err
	}
	return os.WriteFile(path, []byte(text), 0o600)
}
