package filewatch

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"
)

// errChanging is the error of files that changed while they were read.
var errChanging = errors.New("the files changed while they were read")

// version identifies the content of all files of a group.
type version struct {
	status []fileStat
	digest [sha256.Size]byte
}

func (v version) empty() bool { return v.status == nil }

func (v version) same(other version) bool {
	return v.digest == other.digest && equal(v.status, other.status)
}

// fileStat is the file system's status of a file. Linux updates the change time at each change of content, mode
// or owner, and no program can set the change time.
type fileStat struct {
	file    os.FileInfo
	changed time.Time // zero where the system does not say
}

func newStatus(info os.FileInfo) fileStat { return fileStat{file: info, changed: changeTime(info)} }

func equal(a, b []fileStat) bool {
	return slices.EqualFunc(a, b, func(x, y fileStat) bool {
		return os.SameFile(x.file, y.file) && x.file.Mode() == y.file.Mode() && x.file.Size() == y.file.Size() &&
			x.file.ModTime().Equal(y.file.ModTime()) && x.changed.Equal(y.changed)
	})
}

func (g *FileGroup) names() string { return strings.Join(g.Files, ", ") }

// status returns the status of each file. It follows symbolic links.
func (g *FileGroup) status() ([]fileStat, error) {
	all := make([]fileStat, 0, len(g.Files))
	for _, name := range g.Files {
		info, err := os.Stat(name)
		if err != nil {
			return nil, err
		}
		if !info.Mode().IsRegular() {
			// Opening a pipe would block.
			return nil, fmt.Errorf("%s is not a regular file", name)
		}
		all = append(all, newStatus(info))
	}
	return all, nil
}

// read reads all files. The contents are consistent: if a file changes while
// they are read, read returns errChanging.
func (g *FileGroup) read() (version, [][]byte, error) {
	before, err := g.status()
	if err != nil {
		return version{}, nil, err
	}
	sum, contents := sha256.New(), make([][]byte, 0, len(g.Files))
	for _, name := range g.Files {
		content, err := readFile(name, g.MaxBytes)
		if err != nil {
			return version{}, nil, err
		}
		contents = append(contents, content)
		_ = binary.Write(sum, binary.BigEndian, int64(len(content))) // a hash never fails
		_, _ = sum.Write(content)
	}
	after, err := g.status()
	if err != nil {
		return version{}, nil, err
	}
	if !equal(before, after) {
		return version{}, nil, errChanging
	}
	return version{status: before, digest: [sha256.Size]byte(sum.Sum(nil))}, contents, nil
}

func readFile(name string, limit int64) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // opened for reading: nothing can be lost
	content, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(content)) > limit {
		return nil, fmt.Errorf("%s must be at most %d bytes", name, limit)
	}
	return content, nil
}
