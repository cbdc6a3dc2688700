package main

import (
	"context"
	"errors"
	"flag"
	"slices"
	"strconv"
	"strings"
	"time"

	"platform.internal/storekeeper/internal/audit"
)

var (
	// errTrailAltered reports an altered audit trail. The findings are printed
	// before.
	errTrailAltered = errors.New("the audit trail is not what was written")
	// errMissing says that records of the chain are in none of the files.
	errMissing = errors.New("records of the audit trail are missing")
)

// runAuditVerify checks that an audit trail is unaltered: files, or the trail of
// a configuration.
func runAuditVerify(ctx context.Context, args []string, t terminal) error {
	var files stringList
	var after afterFlag
	var given configFlags
	flags := flag.NewFlagSet("audit verify", flag.ContinueOnError)
	flags.Var(&files, "file", "an audit `file`, as without --file")
	flags.Var(&after, "after", "`NUMBER:HASH` of the last record of earlier files, as verify printed it, where those are kept elsewhere")
	keyFile := flags.String("key-file", "", "the `file` with the key of the chain")
	given.register(flags)
	rest, err := parseWithFiles(flags, args, t)
	if err != nil {
		return err
	}
	files = append(files, rest...)
	switch {
	case given.file != "" && (len(files) > 0 || *keyFile != ""):
		return usageError{"--config names the trail and its key, so FILE and --key-file must not be given"}
	case given.file != "":
		return verifyConfigured(ctx, given, after, t)
	case len(files) == 0:
		return usageError{"FILE is missing: audit verify FILE..., oldest first, or audit verify --config FILE"}
	}
	return verifyFiles(ctx, files, after, *keyFile, t)
}

// verifyFiles verifies files and prints the report.
func verifyFiles(ctx context.Context, files []string, after afterFlag, keyFile string, t terminal) error {
	key, err := auditKey(keyFile)
	if err != nil {
		return err
	}
	report, err := verifyTrail(ctx, files, after, key)
	if err != nil {
		return err
	}
	return printReport(report, t)
}

// verifyTrail verifies files. If a file is rotated during the check, it starts again.
func verifyTrail(ctx context.Context, files []string, after afterFlag, key []byte) (audit.Report, error) {
	const attempts = 3
	for attempt := 1; ; attempt++ {
		paths, err := withRotatedFiles(files, after.given)
		if err != nil {
			return audit.Report{}, err
		}
		report, err := audit.VerifyAfter(ctx, after.mark, paths, key)
		if err == nil && report.Complete() || attempt == attempts {
			return report, err
		}
		if now, failed := withRotatedFiles(files, after.given); failed != nil || slices.Equal(now, paths) {
			return report, err
		}
	}
}

// parseWithFiles reads flags and file names in any order.
func parseWithFiles(flags *flag.FlagSet, args []string, t terminal) (files []string, err error) {
	for {
		if err := parseFlags(flags, args, t); err != nil {
			return nil, err
		}
		if flags.NArg() == 0 {
			return files, nil
		}
		files = append(files, flags.Arg(0))
		args = flags.Args()[1:]
	}
}

// withRotatedFiles puts the rotated files of a trail before its current file.
func withRotatedFiles(files []string, partly bool) ([]string, error) {
	if len(files) != 1 || partly {
		return files, nil
	}
	earlier, err := audit.RotatedFiles(files[0])
	return append(earlier, files...), err
}

// afterFlag is the last record of files that were verified before.
type afterFlag struct {
	mark  audit.Mark
	given bool
}

// String returns "": there is no default.
func (a *afterFlag) String() string { return "" }

// Set parses NUMBER:HASH.
func (a *afterFlag) Set(text string) error {
	number, hash, ok := strings.Cut(text, ":")
	seq, err := strconv.ParseUint(number, 10, 64)
	if !ok || err != nil || seq == 0 {
		return errors.New("must be the number of a record, a colon and its hash")
	}
	a.mark, a.given = audit.Mark{Seq: seq, Hash: hash}, true
	return nil
}

func printReport(r audit.Report, t terminal) error {
	if r.Records == 0 {
		say(t.out, "no records\n")
		return printFindings(r, t)
	}
	say(t.out, "chain %s: %d records, number %d of %s to number %d of %s\n", r.Chain, r.Records,
		r.First.Seq, r.First.Time.Format(time.RFC3339), r.Last.Seq, r.Last.Time.Format(time.RFC3339))
	say(t.out, "last record %d:%s\n", r.Last.Seq, r.Last.Hash)
	say(t.out, "%d intents have no outcome yet\n", r.Open)
	return printFindings(r, t)
}

// printFindings prints the findings.
func printFindings(r audit.Report, t terminal) error {
	for _, p := range r.Problems {
		say(t.out, "FAIL  %s\n", p)
	}
	for _, m := range r.Missing {
		say(t.out, "GAP   %s\n", m)
	}
	switch {
	case !r.OK():
		return errTrailAltered
	case !r.Complete():
		return errMissing
	}
	say(t.out, "ok    every record is what was written, and none is missing\n")
	return nil
}
