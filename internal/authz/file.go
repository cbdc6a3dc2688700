package authz

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"

	"go.yaml.in/yaml/v3"
)

// maxFile is the maximum size of a policy file, in bytes.
const maxFile = 16 << 20

// PolicyFile is a policy file: rules and tests of these rules.
type PolicyFile struct {
	// Rules allow calls. A call that no rule allows is denied.
	Rules []Rule `yaml:"rules"`
	// Tests are decisions that the rules must give. They run before the rules
	// are used.
	Tests []Test `yaml:"tests"`
}

// ReadFile reads, compiles and tests a policy file. It returns an error if a
// test fails. An error about the content is of the type Mistakes.
func ReadFile(name string) (*Engine, *PolicyFile, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = f.Close() }()
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, nil, err
	}
	if len(data) > maxFile {
		return nil, nil, Mistakes{{File: name, Text: fmt.Sprintf("must be at most %d bytes", maxFile)}}
	}
	engine, file, err := Parse(data)
	if err != nil {
		return nil, nil, inFile(name, err)
	}
	return engine, file, nil
}

// Parse is ReadFile for bytes that were already read.
func Parse(data []byte) (*Engine, *PolicyFile, error) {
	file, plain := readPlain(data)
	if !plain {
		var err error
		if file, err = readYAML(data); err != nil {
			return nil, nil, err
		}
	}
	engine, err := NewEngine(file.Rules)
	if err != nil {
		return nil, nil, located(err, data)
	}
	engine.digest = digestOf(data)
	return engine, file, located(engine.Run(file.Tests), data)
}

// readYAML reads a policy file with the YAML library.
func readYAML(data []byte) (*PolicyFile, error) {
	file := &PolicyFile{}
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	decoder.KnownFields(true)
	switch err := decoder.Decode(file); {
	case errors.Is(err, io.EOF):
		// The file may just be written. A policy that denies everything is
		// written as rules: [].
		return nil, Mistakes{{Text: "must not be empty"}}
	case err != nil:
		return nil, unreadable(err)
	}
	if err := decoder.Decode(&PolicyFile{}); !errors.Is(err, io.EOF) {
		return nil, Mistakes{{Text: "must be one YAML document"}}
	}
	return file, nil
}

// digestOf returns the digest of a policy file.
func digestOf(data []byte) string { return fmt.Sprintf("sha256:%x", sha256.Sum256(data)) }
