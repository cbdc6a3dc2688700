package main

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"flag"
	"runtime"
	"runtime/debug"

	"platform.internal/storekeeper/internal/config"
)

// keyPrefix identifies the keys for people and for secret scanners.
const keyPrefix = "sk_"

// keyBytes is the number of random bytes of a key. With the prefix and two
// digits per byte a key has 51 characters: the Terraform provider accepts an
// api_token of 40 to 80 and an api_key of 37 to 60.
const keyBytes = 24

// runAPIKey creates a key of 192 random bits. The key is printed once and not
// stored.
func runAPIKey(_ context.Context, args []string, t terminal) error {
	flags := flag.NewFlagSet("apikey", flag.ContinueOnError)
	name := flags.String("name", "", "the `caller` who will hold the key")
	if err := parse(flags, args, t); err != nil {
		return err
	}
	if *name == "" {
		return usageError{"--name CALLER is missing"}
	}
	if err := config.CheckCallerName(*name); err != nil {
		return usageError{"--name " + err.Error()}
	}
	random := make([]byte, keyBytes)
	// crypto/rand never fails: without randomness it ends the program.
	_, _ = rand.Read(random)
	key := keyPrefix + hex.EncodeToString(random)
	say(t.out, "The key, for the caller; it is shown this once:\n\n  %s\n\nIts entry under callers.api_keys in the configuration:\n\n  - name: %s\n    sha256: %x\n",
		key, *name, sha256.Sum256([]byte(key)))
	return nil
}

// version is set by the linker in a release build.
var version = ""

// buildVersion returns the version of a release, or the version in Go's build
// information.
func buildVersion() string {
	if version != "" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(devel)"
}

func runVersion(_ context.Context, args []string, t terminal) error {
	if err := parse(flag.NewFlagSet("version", flag.ContinueOnError), args, t); err != nil {
		return err
	}
	say(t.out, "storekeeper %s %s %s/%s\n", buildVersion(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return nil
}
