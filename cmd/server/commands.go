package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
)

// The exit codes of every command.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
)

// terminal holds the outputs of a command: out for its result, err for
// messages.
type terminal struct {
	out, err io.Writer
}

// command is a command of the program. A name of two words belongs to a group,
// for example "policy test".
type command struct {
	name, usage, summary string
	run                  func(ctx context.Context, args []string, t terminal) error
}

func commands() []command {
	return []command{
		{"dev", "dev [--set KEY=VALUE]...", "run everything on this machine, with the emulator in place of Cloudflare", runDev},
		{"serve", "serve --config FILE [--set KEY=VALUE]...", "run the service", runServe},
		{"config init", "config init [--folder FOLDER] [--upstream cloudflare --account ID --token-file FILE]", "write a configuration that works on this machine, with keys, rules and a first caller", runConfigInit},
		{"config check", "config check --config FILE [--set KEY=VALUE]... [--output json]", "report all mistakes of a configuration, its files and its rules at once", runConfigCheck},
		{"doctor", "doctor --config FILE [--set KEY=VALUE]... [--output json]", "check a configuration, its files, certificates, issuers and credentials before a deploy", runDoctor},
		{"emulator", "emulator [--listen ADDRESS] [--token TOKEN]...", "run only the emulator of Cloudflare Secrets Store", runEmulator},
		{"health", "health [--admin ADDRESS] [--tls-cert FILE]", "ask a running service whether it is ready; the probe of containers", runHealth},
		{"policy test", "policy test --policy FILE", "run the expected decisions that stand beside the rules of a policy file", runPolicyTest},
		{"policy explain", "policy explain --policy FILE --as KEY=VALUE,... --do ACTION --on KEY=VALUE,... [--output json]", "tell whether a policy file allows something, and by which rule", runPolicyExplain},
		{"policy can-i", "policy can-i --policy FILE --as KEY=VALUE,... --list, or with --do ACTION --on KEY=VALUE,... in place of --list [--output json]", "list what a policy file allows a caller, or answer yes or no", runPolicyCanI},
		{"audit verify", "audit verify FILE... [--key-file FILE] [--after NUMBER:HASH], or audit verify --config FILE", "tell whether the audit trail is still what was written, and whether records are missing", runAuditVerify},
		{"audit query", "audit query {FILE... | --config FILE} [--secret NAME] [--store NAME] [--caller NAME] [--tenant NAME] [--since 30d] [--output table|jsonl|ocsf]", "find changes in the audit trail, newest first", runAuditQuery},
		{"audit export", "audit export {FILE... | --config FILE} [--format jsonl|ocsf] [--after NUMBER] [--since 30d]", "write the audit trail to standard output, one record or event a line", runAuditExport},
		{"audit partitions", "audit partitions --config FILE", "list the partitions of the audit trail of a database", runAuditPartitions},
		{"audit archive", "audit archive --config FILE --to FOLDER [--keep N] [--before TIME] [--unused-stream NAME]... [--drop]", "write full partitions of the audit trail of a database to files, verify these, and take the partitions out of the trail", runAuditArchive},
		{"apikey", "apikey --name CALLER [--tenant TEAM] [--group GROUP]... [--valid-for DURATION]", "make an API key for a caller, and the configuration entry for it", runAPIKey},
		{"version", "version", "print the version", runVersion},
	}
}

// usageError is the error of an invalid command line.
type usageError struct{ text string }

// Error describes the mistake in the command line.
func (e usageError) Error() string { return e.text }

// run executes a command line and returns the exit code.
func run(ctx context.Context, args []string, t terminal) int {
	err := dispatch(ctx, args, t)
	var usage usageError
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
		return exitOK
	case errors.Is(err, errNo):
		return exitFailed
	case errors.As(err, &usage):
		say(t.err, "server: %s\n", usage.text)
		return exitUsage
	default:
		say(t.err, "server: %s\n", err)
		return exitFailed
	}
}

func dispatch(ctx context.Context, args []string, t terminal) error {
	if len(args) == 0 {
		return usageError{"a command is missing\n" + help(commands())}
	}
	switch args[0] {
	case "help", "-h", "-help", "--help":
		return runHelp(ctx, args[1:], t)
	case "-version", "--version":
		return runVersion(ctx, args[1:], t)
	}
	found := matching(args)
	for _, c := range found {
		if words := strings.Fields(c.name); isPrefix(words, args) {
			return c.run(ctx, args[len(words):], t)
		}
	}
	switch {
	case len(found) == 0:
		return usageError{fmt.Sprintf("there is no command %q\n%s", args[0], help(commands()))}
	case len(args) == 1:
		return usageError{fmt.Sprintf("%s is a group of commands; name one of them\n%s", args[0], help(found))}
	case isHelp(args[1]):
		say(t.out, "%s", help(found))
		return nil
	}
	return usageError{fmt.Sprintf("there is no command %q\n%s", args[0]+" "+args[1], help(found))}
}

// runHelp prints help for all commands, or for the commands that the arguments
// name.
func runHelp(ctx context.Context, args []string, t terminal) error {
	if len(args) == 0 || len(args) == 1 && isHelp(args[0]) {
		say(t.out, "%s", help(commands()))
		return nil
	}
	found := slices.DeleteFunc(commands(), func(c command) bool { return !isPrefix(args, strings.Fields(c.name)) })
	if len(found) == 0 {
		return usageError{fmt.Sprintf("there is no command %q\n%s", strings.Join(args, " "), help(commands()))}
	}
	say(t.out, "%s", help(found))
	if len(found) > 1 {
		return nil
	}
	say(t.out, "\n")
	return found[0].run(ctx, []string{"-h"}, t)
}

// matching returns the commands that the first words of a command line name:
// one command, or all of a group.
func matching(args []string) []command {
	var group []command
	for _, c := range commands() {
		words := strings.Fields(c.name)
		switch {
		case isPrefix(words, args):
			return []command{c}
		case words[0] == args[0]:
			group = append(group, c)
		}
	}
	return group
}

func isPrefix(words, args []string) bool {
	return len(words) <= len(args) && slices.Equal(words, args[:len(words)])
}

func isHelp(arg string) bool { return slices.Contains([]string{"help", "-h", "-help", "--help"}, arg) }

func help(listed []command) string {
	var b strings.Builder
	b.WriteString("Usage: server COMMAND\n\n")
	for _, c := range listed {
		fmt.Fprintf(&b, "  server %s\n        %s\n", c.usage, c.summary)
	}
	b.WriteString("\nserver help COMMAND lists the flags of a command. Every key of the configuration file can be given as --set,\n" +
		"for example --set listen.rest=127.0.0.1:18080. The keys are in docs/configuration.md.\n")
	return b.String()
}

// parse parses the flags of a command without other arguments.
func parse(flags *flag.FlagSet, args []string, t terminal) error {
	if err := parseFlags(flags, args, t); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return usageError{fmt.Sprintf("%s takes no argument %q", flags.Name(), flags.Arg(0))}
	}
	return nil
}

// parseFlags parses the flags up to the first argument. Requested help is
// printed to out; after a mistake, the help is part of the error.
func parseFlags(flags *flag.FlagSet, args []string, t terminal) error {
	flags.SetOutput(io.Discard)
	err := flags.Parse(args)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, flag.ErrHelp):
		flags.SetOutput(t.out)
		flags.Usage()
		return err
	default:
		var usage strings.Builder
		flags.SetOutput(&usage)
		flags.Usage()
		return usageError{err.Error() + "\n" + strings.TrimSuffix(usage.String(), "\n")}
	}
}

// stringList is a flag that may be repeated.
type stringList []string

// String returns the values so far.
func (r *stringList) String() string { return strings.Join(*r, " ") }

// Set appends a value.
func (r *stringList) Set(value string) error {
	*r = append(*r, value)
	return nil
}

// say writes to a terminal. Errors are ignored, because no other output is left
// to report them.
func say(w io.Writer, format string, args ...any) { _, _ = fmt.Fprintf(w, format, args...) }
