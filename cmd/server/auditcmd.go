package main

import (
	"context"
	"errors"
	"flag"
	"time"

	"platform.internal/storekeeper/internal/audit"
)

// errTrail says that an audit file is not what was written; what is wrong has
// been said.
var errTrail = errors.New("the audit file is not what was written")

// runAuditVerify tells whether an audit file is still what was written.
func runAuditVerify(ctx context.Context, args []string, t terminal) error {
	var files repeated
	flags := flag.NewFlagSet("audit verify", flag.ContinueOnError)
	flags.Var(&files, "file", "an audit `file`; of a chain that goes over several files, repeated, oldest first")
	keyFile := flags.String("key-file", "", "the `file` with the key of the chain")
	if err := parse(flags, args, t); err != nil {
		return err
	}
	if len(files) == 0 {
		return usageError{"--file FILE is missing"}
	}
	key, err := auditKey(*keyFile)
	if err != nil {
		return err
	}
	report, err := audit.VerifyFiles(ctx, files, key)
	if err != nil {
		return err
	}
	return tellReport(report, t)
}

func tellReport(r audit.Report, t terminal) error {
	say(t.out, "chain %s: %d records, number %d of %s to number %d of %s\n", r.Chain, r.Records,
		r.First.Seq, r.First.Time.Format(time.RFC3339), r.Last.Seq, r.Last.Time.Format(time.RFC3339))
	say(t.out, "%d intents have no outcome yet\n", r.Open)
	for _, p := range r.Problems {
		say(t.out, "FAIL  %s\n", p)
	}
	if !r.OK() {
		return errTrail
	}
	say(t.out, "ok    every record is what was written\n")
	return nil
}
