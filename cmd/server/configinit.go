package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"

	"platform.internal/storekeeper/internal/config"
	"platform.internal/storekeeper/internal/scaffold"
)

// runConfigInit writes a configuration that works on this machine.
func runConfigInit(_ context.Context, args []string, t terminal) error {
	o := scaffold.Options{}
	flags := flag.NewFlagSet("config init", flag.ContinueOnError)
	flags.StringVar(&o.Folder, "folder", "storekeeper", "the `folder` to make; nothing in it is overwritten")
	upstream := flags.String("upstream", "emulator", "cloudflare, or emulator for one on this machine")
	flags.StringVar(&o.Account, "account", "", "Cloudflare's `id` of the account; the emulator has one of its own")
	flags.StringVar(&o.AccountName, "account-name", "main", "the `name` of the account for callers and rules")
	flags.StringVar(&o.TokenFile, "token-file", "", "with --upstream cloudflare, the `file` with the API token; it stays where it is")
	flags.StringVar(&o.Caller, "caller", "admin", "the `name` of the first caller, who may do everything")
	flags.StringVar(&o.REST, "rest", "", "the `address` of REST; without it 127.0.0.1:8080, or a free port")
	flags.StringVar(&o.GRPC, "grpc", "", "the `address` of gRPC; without it 127.0.0.1:9090, or a free port")
	flags.StringVar(&o.Admin, "admin", "", "the `address` of probes and metrics; without it 127.0.0.1:9091, or a free port")
	flags.StringVar(&o.Emulator, "emulator", "", "the `address` of the emulator; without it 127.0.0.1:8787, or a free port")
	output := flags.String("output", "text", "the `format` of the result: text or json")
	if err := parse(flags, args, t); err != nil {
		return err
	}
	if err := checkOutput(*output); err != nil {
		return err
	}
	switch {
	case *upstream == "emulator" && o.TokenFile != "":
		return usageError{"--token-file goes with --upstream cloudflare"}
	case *upstream == "cloudflare" && o.Emulator != "":
		return usageError{"--emulator goes with --upstream emulator"}
	case *upstream == "emulator" && o.Account == "":
		o.Account = config.DevAccount
	case *upstream == "emulator":
	case *upstream != "cloudflare":
		return usageError{"--upstream must be emulator or cloudflare"}
	case o.Account == "" || o.TokenFile == "":
		return usageError{"--upstream cloudflare needs --account ID and --token-file FILE"}
	}
	made, err := scaffold.Write(o)
	if err != nil {
		return initError(err)
	}
	if *output == "json" {
		return printMadeJSON(t, made)
	}
	printMade(t, made, o)
	return nil
}

// initFlags are the flags that set keys of the configuration.
var initFlags = map[string]string{
	"accounts[0].id": "--account", "accounts[0].name": "--account-name", "callers.api_keys[0].name": "--caller",
	"accounts[0].credential.api_token_file": "--token-file", "accounts[0].base_url": "--emulator",
	"listen.rest": "--rest", "listen.grpc": "--grpc", "listen.admin": "--admin",
}

// initError names the flags in place of the keys of the configuration, which was not
// written.
func initError(err error) error {
	mistakes, ok := errors.AsType[config.Mistakes](err)
	if !ok {
		return err
	}
	var lines []string
	for _, m := range mistakes {
		name, known := initFlags[m.Key]
		if !known {
			return err
		}
		lines = append(lines, name+" "+m.Text)
	}
	return usageError{strings.Join(lines, "\n")}
}

// printMadeJSON prints what was written for scripts.
func printMadeJSON(t terminal, made scaffold.Written) error {
	names := make([]string, 0, len(made.Files))
	for _, f := range made.Files {
		names = append(names, f.Name)
	}
	text, err := json.MarshalIndent(map[string]any{
		"config": made.Config, "files": names, "api_key": made.Key,
		"rest": made.REST, "grpc": made.GRPC, "admin": made.Admin, "emulator": made.Emulator,
	}, "", "  ")
	if err != nil {
		return fmt.Errorf("writing the result: %w", err)
	}
	say(t.out, "%s\n", text)
	return nil
}

// programName returns the command that starts this program in a terminal.
func programName() string {
	if strings.Contains(os.Args[0], "go-build") {
		return "go run ./cmd/server"
	}
	return "server"
}

// printMade prints what was written and what to type next.
func printMade(t terminal, made scaffold.Written, o scaffold.Options) {
	server := programName()
	say(t.out, "%s holds a configuration that works on this machine:\n\n", o.Folder)
	for _, f := range made.Files {
		say(t.out, "  %-18s%s\n", f.Name, f.Purpose)
	}
	say(t.out, "\nThe API key of the caller %s, who may do everything; it is shown this once:\n\n  %s\n\n", o.Caller, made.Key)
	say(t.out, "Check the configuration:\n\n  %s config check --config %s\n\n", server, made.Config)
	if made.Emulator != "" {
		say(t.out, "Start the emulator in place of Cloudflare, in a terminal of its own:\n\n  %s emulator --listen %s --account %s\n\n", server, made.Emulator, o.Account)
	}
	say(t.out, "Start the service:\n\n  %s serve --config %s\n\n", server, made.Config)
	say(t.out, "List the stores:\n\n  curl -sS http://%s/client/v4/accounts/%s/secrets_store/stores -H 'Authorization: Bearer KEY'\n", made.REST, o.AccountName)
}
