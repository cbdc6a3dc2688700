package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"google.golang.org/protobuf/encoding/protojson"

	"platform.internal/storekeeper/internal/audit"
	"platform.internal/storekeeper/internal/changes"
	"platform.internal/storekeeper/internal/history"
)

// runAuditQuery finds changes in a trail.
func runAuditQuery(ctx context.Context, args []string, t terminal) error {
	var given auditFlags
	var f history.Filter
	var since, until whenFlag
	flags := flag.NewFlagSet("audit query", flag.ContinueOnError)
	flags.StringVar(&f.Secret, "secret", "", "changes of this `secret`: a name or an identifier")
	flags.StringVar(&f.Store, "store", "", "changes in this `store`: a name or an identifier")
	flags.StringVar(&f.Caller, "caller", "", "changes that this `caller` made")
	flags.StringVar(&f.Tenant, "tenant", "", "changes that this `tenant` made")
	flags.StringVar(&f.Account, "account", "", "changes in this `account`, as the trail names it")
	outcome := flags.String("outcome", "", "changes that ended like this: succeeded, failed, unknown, not_sent or open")
	flags.Var(&since, "since", "changes that began at this `time` or later: 2026-01-31T12:00:00Z, 2026-01-31, or an age such as 30d or 12h")
	flags.Var(&until, "until", "changes that began before this `time`")
	limit := flags.Int("limit", 100, "the most changes; 0 means all")
	output := flags.String("output", "table", "table, jsonl (as ListChanges shows them) or ocsf (events of class API Activity)")
	if err := given.parse(flags, args, t); err != nil {
		return err
	}
	f.Outcome, f.Since, f.Until = history.Outcome(*outcome), since.at, until.at
	if *outcome != "" && !slices.Contains(history.Outcomes(), f.Outcome) {
		return usageError{fmt.Sprintf("--outcome must be one of %v", history.Outcomes())}
	}
	if *limit < 0 {
		return usageError{"--limit must not be below 0"}
	}
	out := bufio.NewWriter(t.out)
	show, end, err := changePrinter(*output, out)
	if err != nil {
		return err
	}
	source, err := given.open(ctx)
	if err != nil {
		return err
	}
	index, err := source.index(ctx)
	if err != nil {
		return errors.Join(err, source.close())
	}
	more, err := query(ctx, index, f, *limit, show)
	if err == nil {
		err = source.damaged()
	}
	// The changes that were found before an error are shown too.
	err = errors.Join(err, end(), out.Flush())
	if more {
		say(t.err, "server: there are older changes; these are the newest %d, and --limit 0 lists all\n", *limit)
	}
	return errors.Join(err, source.close())
}

// query shows the changes that a filter wants, newest first, at most limit. more reports whether the filter wants
// further changes.
func query(ctx context.Context, index history.Index, f history.Filter, limit int, show func(*history.Change) error) (more bool, err error) {
	shown := 0
	r := history.Reader{Index: index}
	for q := (history.Request{Filter: f, Size: history.MostPerPage}); ; {
		p, err := r.Read(ctx, q)
		if errors.Is(err, audit.ErrIndexing) {
			continue // a database goes on where the last call stopped
		}
		if err != nil {
			return false, err
		}
		for i := range p.Changes {
			if limit > 0 && shown == limit {
				return true, nil
			}
			if err := show(&p.Changes[i]); err != nil {
				return false, err
			}
			shown++
		}
		if q.Token = p.Next; q.Token == "" {
			return false, nil
		}
	}
}

// changePrinter returns the function that prints a change, and the function that ends
// the output.
func changePrinter(output string, w io.Writer) (show func(*history.Change) error, end func() error, err error) {
	end = func() error { return nil }
	switch output {
	case "table":
		table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
		say(table, "BEGAN\tOUTCOME\tACTION\tOBJECTS\tCALLER\tTENANT\tREQUEST\n")
		return func(c *history.Change) error {
			r := &c.Record
			_, err := fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", c.Begun.UTC().Format(time.RFC3339), outcomeText(c),
				dash(r.Action), dash(objects(r)), dash(r.Caller), dash(r.Tenant), dash(r.RequestID))
			return err
		}, table.Flush, nil
	case "jsonl":
		return func(c *history.Change) error {
			text, err := protojson.MarshalOptions{EmitDefaultValues: true}.Marshal(changes.Message(c))
			if err != nil {
				return err
			}
			// protojson inserts random blanks.
			return writeLine(w, json.RawMessage(text))
		}, end, nil
	case "ocsf":
		return func(c *history.Change) error { return writeLine(w, history.OCSF(c, buildVersion())) }, end, nil
	}
	return nil, nil, usageError{"--output must be table, jsonl or ocsf"}
}

// writeLine writes a value as JSON in a line.
func writeLine(w io.Writer, v any) error {
	to := json.NewEncoder(w)
	to.SetEscapeHTML(false)
	return to.Encode(v)
}

func outcomeText(c *history.Change) string {
	text := string(c.Record.Outcome)
	if c.Record.Reason != "" {
		text += " (" + c.Record.Reason + ")"
	}
	return text
}

// objects names the objects of a change: ACCOUNT/STORE/SECRET, and further secrets.
func objects(r *audit.Record) string {
	text := dash(r.Account) + "/" + dash(either(r.Store.Name, r.Store.ID))
	var secrets []string
	for _, s := range r.Secrets {
		secrets = append(secrets, either(s.Name, s.ID))
	}
	if more := r.SecretCount - len(r.Secrets); more > 0 {
		secrets = append(secrets, "+"+strconv.Itoa(more))
	}
	if len(secrets) == 0 {
		return text
	}
	return text + "/" + strings.Join(secrets, ",")
}

func either(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// dash shows a text of the trail on a terminal. Names are free text, so control
// characters are escaped.
func dash(text string) string {
	if text == "" {
		return "-"
	}
	quoted := strconv.QuoteToGraphic(text)
	if inner := quoted[1 : len(quoted)-1]; strings.Trim(inner, " ") == inner {
		return inner
	}
	return quoted
}
