// Command protoarchive packs proto files, their imports and a descriptor set into
// an archive, for clients in languages without a Storekeeper library.
//
// Usage: protoarchive ARCHIVE.tar.gz SET.binpb FOLDER...
//
// The archive has the folder storekeeper-protos with the descriptor set, as
// storekeeper.binpb, and the proto files below proto/. Equal files give an equal
// archive.
package main

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"io/fs"
	"log"
	"os"
	"path"
	"path/filepath"
	"slices"
)

// root is the only folder of the archive.
const root = "storekeeper-protos"

func main() {
	log.SetFlags(0)
	if len(os.Args) < 4 {
		log.Fatal("usage: protoarchive ARCHIVE.tar.gz SET.binpb FOLDER...")
	}
	if err := run(os.Args[1], os.Args[2], os.Args[3:]); err != nil {
		log.Fatal("protoarchive: ", err)
	}
}

// run writes the archive anew.
func run(archive, set string, folders []string) error {
	files := map[string]string{path.Join(root, "storekeeper.binpb"): set}
	for _, folder := range folders {
		if err := collect(files, folder); err != nil {
			return err
		}
	}
	out, err := os.Create(archive)
	if err != nil {
		return err
	}
	packed := gzip.NewWriter(out)
	return errors.Join(pack(packed, files), packed.Close(), out.Close())
}

// collect adds the proto files of a folder by their names in the archive.
func collect(files map[string]string, folder string) error {
	return filepath.WalkDir(folder, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || filepath.Ext(name) != ".proto" {
			return err
		}
		below, err := filepath.Rel(folder, name)
		files[path.Join(root, "proto", filepath.ToSlash(below))] = name
		return err
	})
}

// pack writes the files in the order of their names.
func pack(to *gzip.Writer, files map[string]string) error {
	w := tar.NewWriter(to)
	names := make([]string, 0, len(files))
	for name := range files {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		content, err := os.ReadFile(files[name])
		if err != nil {
			return err
		}
		if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(content)), Format: tar.FormatPAX}); err != nil {
			return err
		}
		if _, err := w.Write(content); err != nil {
			return err
		}
	}
	return w.Close()
}
