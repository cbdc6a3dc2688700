package main

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"flag"
	"runtime"
	"runtime/debug"
)

// keyPrefix lets people and scanners see what a key is for.
const keyPrefix = "sk_"

// runAPIKey makes a key of 256 random bits. The key is printed once and kept
// nowhere.
func runAPIKey(_ context.Context, args []string, t terminal) error {
	flags := flag.NewFlagSet("apikey", flag.ContinueOnError)
	name := flags.String("name", "", "the `caller` who will hold the key")
	if err := parse(flags, args, t); err != nil {
		return err
	}
	if *name == "" {
		return usageError{"--name CALLER is missing"}
	}
	random := make([]byte, 32)
	// crypto/rand never fails: where no randomness can be had, it ends the program.
	_, _ = rand.Read(random)
	key := keyPrefix + hex.EncodeToString(random)
	say(t.out, "The key, for the caller; it is shown this once:\n\n  %s\n\nIts entry under callers.api_keys in the configuration:\n\n  - name: %s\n    sha256: %x\n",
		key, *name, sha256.Sum256([]byte(key)))
	return nil
}

// version is set by the linker in a release build.
var version = ""

// buildVersion is the version of a release, or what Go knows of the build.
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
