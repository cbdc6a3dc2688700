package main

import (
	"context"
	"flag"

	"platform.internal/storekeeper/internal/authz"
)

// runPolicyTest runs the tests of a policy file.
func runPolicyTest(_ context.Context, args []string, t terminal) error {
	flags := flag.NewFlagSet("policy test", flag.ContinueOnError)
	name := flags.String("policy", "", "the policy `file`")
	if err := parse(flags, args, t); err != nil {
		return err
	}
	if *name == "" {
		return usageError{"--policy FILE is missing"}
	}
	_, file, err := authz.ReadFile(*name)
	if err != nil {
		return err
	}
	say(t.out, "%s: %d rules, and %d of %d tests pass\n", *name, len(file.Rules), len(file.Tests), len(file.Tests))
	return nil
}
