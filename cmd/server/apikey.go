package main

import (
	"context"
	"crypto/sha256"
	"flag"
	"runtime"
	"runtime/debug"
	"strings"
	"time"

	"platform.internal/storekeeper/internal/config"
	"platform.internal/storekeeper/internal/scaffold"
)

// runAPIKey creates a key of 192 random bits. The key is printed once and not
// stored.
func runAPIKey(_ context.Context, args []string, t terminal) error {
	var groups stringList
	flags := flag.NewFlagSet("apikey", flag.ContinueOnError)
	name := flags.String("name", "", "the `caller` who will hold the key")
	tenant := flags.String("tenant", "", "the `team` that the caller acts for")
	flags.Var(&groups, "group", "a `group` of the caller; may be repeated")
	valid := flags.Duration("valid-for", 0, "how `long` the key is valid, such as 2160h; 0 is for ever")
	if err := parse(flags, args, t); err != nil {
		return err
	}
	if *name == "" {
		return usageError{"--name CALLER is missing"}
	}
	given := map[string][]string{"--name": {*name}, "--group": groups}
	if *tenant != "" {
		given["--tenant"] = []string{*tenant}
	}
	for option, texts := range given {
		for _, text := range texts {
			if err := config.CheckCallerName(text); err != nil {
				return usageError{option + " " + err.Error()}
			}
		}
	}
	if *valid < 0 {
		return usageError{"--valid-for must not be below 0"}
	}
	key := scaffold.NewAPIKey()
	say(t.out, "The key, for the caller; it is shown this once:\n\n  %s\n\nIts entry under api_keys in callers.file, or under callers.api_keys in the configuration:\n\n", key)
	say(t.out, "  - name: %s\n    sha256: %x\n", *name, sha256.Sum256([]byte(key)))
	if *tenant != "" {
		say(t.out, "    tenant: %s\n", *tenant)
	}
	if len(groups) > 0 {
		say(t.out, "    groups: [%s]\n", strings.Join(groups, ", "))
	}
	if *valid > 0 {
		say(t.out, "    expires: %s\n", time.Now().Add(*valid).UTC().Truncate(time.Second).Format(time.RFC3339))
	}
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
