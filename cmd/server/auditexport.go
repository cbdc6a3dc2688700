package main

import (
	"context"
	"errors"
	"flag"

	"platform.internal/storekeeper/internal/history"
)

// runAuditExport writes the records of a trail.
func runAuditExport(ctx context.Context, args []string, t terminal) error {
	var given auditFlags
	var since, until whenFlag
	flags := flag.NewFlagSet("audit export", flag.ContinueOnError)
	format := flags.String("format", "jsonl", "jsonl (the records as they are) or ocsf (events of class API Activity of OCSF 1.8.0, one for each change and each denial)")
	after := flags.Uint64("after", 0, "the `number` of the last record that is not wanted")
	flags.Var(&since, "since", "records of this `time` or later: 2026-01-31T12:00:00Z, 2026-01-31, or an age such as 30d or 12h")
	flags.Var(&until, "until", "records before this `time`")
	if err := given.parse(flags, args, t); err != nil {
		return err
	}
	if *format != "jsonl" && *format != "ocsf" {
		return usageError{"--format must be jsonl or ocsf"}
	}
	source, err := given.open(ctx)
	if err != nil {
		return err
	}
	wanted := history.Range{After: *after, Since: since.at, Until: until.at}
	if *format == "ocsf" {
		err = history.ExportOCSF(ctx, source.lines, wanted, buildVersion(), t.out)
	} else {
		err = history.ExportLines(ctx, source.lines, wanted, t.out)
	}
	return errors.Join(err, source.close())
}
