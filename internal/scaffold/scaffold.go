// Package scaffold writes an initial configuration that works on this machine: configuration, callers, rules
// and generated keys, in a new folder.
//
// The package must not know how the service is run. It checks the files with packages config and authz, like
// the service at its start.
package scaffold

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"syscall"

	"platform.internal/storekeeper/internal/authz"
	"platform.internal/storekeeper/internal/config"
)

// KeyPrefix identifies API keys for people and for secret scanners.
const KeyPrefix = "sk_"

// keyBytes is the number of random bytes of a key. With the prefix and two
// digits per byte a key has 51 characters: the Terraform provider accepts an
// api_token of 40 to 80 and an api_key of 37 to 60.
const keyBytes = 24

// NewAPIKey returns an API key of 192 random bits.
func NewAPIKey() string { return KeyPrefix + random(keyBytes) }

// random returns n random bytes in hexadecimal digits.
func random(n int) string {
	b := make([]byte, n)
	// crypto/rand never fails: without randomness it ends the program.
	_, _ = rand.Read(b)
	return hex.EncodeToString(b)
}

// Options are the options of Write.
type Options struct {
	// Folder is the folder to create. It must be missing or empty.
	Folder string
	// Account is Cloudflare's identifier of the account. AccountName is the name that callers may use
	// instead.
	Account, AccountName string
	// TokenFile is an existing file with an API token of Cloudflare. Empty: the configuration uses the
	// emulator, and Write generates a token for the emulator.
	TokenFile string
	// Caller is the name of the first caller, who has all rights.
	Caller string
	// REST, GRPC and Admin are the addresses of the listeners, and Emulator is the address of the emulator,
	// each HOST:PORT. Empty: the usual port on loopback, or a free port if the usual port is in use.
	REST, GRPC, Admin, Emulator string
}

// Written is the result of Write.
type Written struct {
	// Config is the configuration file.
	Config string
	// Files are the names of all files in the folder, in reading order.
	Files []WrittenFile
	// Key is the API key of the first caller. It is not stored.
	Key string
	// REST, GRPC and Admin are the addresses of the listeners. Emulator is the address of the emulator, "" with
	// Cloudflare.
	REST, GRPC, Admin, Emulator string
}

// WrittenFile is a generated file.
type WrittenFile struct {
	// Name is the name in the folder, and Purpose describes the file.
	Name, Purpose string
	content       string
}

// ErrExists is in the error if the folder has files.
var ErrExists = errors.New("the folder is not empty, and nothing in it is overwritten")

// Write creates the folder with all files, atomically. Other users cannot read the files. If an option is
// wrong, the error is config.Mistakes with the keys of the configuration.
func Write(o Options) (Written, error) {
	r := Written{
		Config: filepath.Join(o.Folder, "config.yaml"), Key: NewAPIKey(),
		REST: o.REST, GRPC: o.GRPC, Admin: o.Admin, Emulator: o.Emulator,
	}
	if err := r.chooseAddresses(o.TokenFile == ""); err != nil {
		return r, err
	}
	if o.TokenFile != "" {
		var err error
		if o.TokenFile, err = filepath.Abs(o.TokenFile); err != nil {
			return r, err
		}
	}
	r.Files = files(o, &r)
	parent := filepath.Dir(filepath.Clean(o.Folder))
	if err := os.MkdirAll(parent, 0o700); err != nil {
		return r, err
	}
	draft, err := os.MkdirTemp(parent, ".storekeeper-init-")
	if err != nil {
		return r, err
	}
	defer func() { _ = os.RemoveAll(draft) }() // nothing is there after the rename
	for _, f := range r.Files {
		if err := os.WriteFile(filepath.Join(draft, f.Name), []byte(f.content), 0o600); err != nil {
			return r, err
		}
	}
	if err := check(draft); err != nil {
		return r, err
	}
	return r, publish(draft, o.Folder)
}

// check validates the files like the service at its start.
func check(folder string) error {
	c, mistakes := config.Check(filepath.Join(folder, "config.yaml"), nil)
	if mistakes != nil {
		return mistakes
	}
	_, _, err := authz.ReadFile(c.Policy.File)
	return err
}

// publish renames the draft to the final name, in place of an empty folder. The system refuses to remove a
// folder with files.
func publish(draft, folder string) error {
	err := syscall.Rmdir(folder)
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		err = os.Rename(draft, folder)
	}
	switch {
	case errors.Is(err, fs.ErrExist), errors.Is(err, syscall.ENOTEMPTY), errors.Is(err, syscall.ENOTDIR):
		return fmt.Errorf("%s: %w", folder, ErrExists)
	default:
		return err
	}
}

// chooseAddresses chooses an address on loopback for each listener without an address: the usual port, or
// another port if the usual port is in use.
func (r *Written) chooseAddresses(emulator bool) error {
	usual := []struct {
		address *string
		port    string
	}{{&r.REST, "8080"}, {&r.GRPC, "9090"}, {&r.Admin, "9091"}, {&r.Emulator, "8787"}}
	if !emulator {
		usual = usual[:3]
	}
	for _, u := range usual {
		if *u.address != "" {
			continue
		}
		l, err := net.Listen("tcp", "127.0.0.1:"+u.port)
		if errors.Is(err, syscall.EADDRINUSE) {
			l, err = net.Listen("tcp", "127.0.0.1:0")
		}
		if err != nil {
			return err
		}
		// The listeners are closed together, so that each gets a different port.
		defer func() { _ = l.Close() }()
		*u.address = l.Addr().String()
	}
	return nil
}

// digestOf returns the digest of an API key in the form of callers.file.
func digestOf(key string) string { return fmt.Sprintf("%x", sha256.Sum256([]byte(key))) }
