package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"platform.internal/storekeeper/internal/audit"
	"platform.internal/storekeeper/internal/config"
	"platform.internal/storekeeper/internal/store/postgres"
)

// errNotInDatabase says that a trail has no partitions.
var errNotInDatabase = errors.New("audit.sink is not store: the trail is in files, which are rotated at audit.rotate_size")

// openPartitions opens the trail of a database.
func openPartitions(ctx context.Context, given configFlags) (*postgres.Store, *config.Config, error) {
	if given.file == "" {
		return nil, nil, usageError{"--config FILE is missing"}
	}
	c, err := config.Load(given.file, given.sets)
	if err != nil {
		return nil, nil, err
	}
	if c.Audit.Sink != config.AuditStore {
		return nil, nil, errNotInDatabase
	}
	kept, err := openTrail(ctx, c)
	return kept, c, err
}

// runAuditPartitions lists the partitions of the trail of a database.
func runAuditPartitions(ctx context.Context, args []string, t terminal) error {
	var given configFlags
	flags := flag.NewFlagSet("audit partitions", flag.ContinueOnError)
	given.register(flags)
	if err := parse(flags, args, t); err != nil {
		return err
	}
	kept, _, err := openPartitions(ctx, given)
	if err != nil {
		return err
	}
	defer func() { _ = kept.Close() }() // Nothing was written.
	all, err := kept.Partitions(ctx)
	if err != nil {
		return err
	}
	for _, p := range all {
		state := "in use"
		switch {
		case p.Missing && p.First > 0:
			state = "missing"
		case p.First == 0:
			state = "empty"
		case !p.Attached:
			state = "archived"
		case p.Full:
			state = "full"
		}
		records := "no records"
		if p.First > 0 {
			records = fmt.Sprintf("records %d to %d", p.First, p.Last)
		}
		say(t.out, "%s  %s  %s to %s  %s\n", p.Name, state, p.Starts.Format(time.DateOnly), p.Ends.Format(time.DateOnly), records)
	}
	return nil
}

// runAuditArchive writes the full partitions of the trail of a database to files, and
// takes them out of the trail.
func runAuditArchive(ctx context.Context, args []string, t terminal) error {
	var given configFlags
	flags := flag.NewFlagSet("audit archive", flag.ContinueOnError)
	given.register(flags)
	var before whenFlag
	var unused stringList
	to := flags.String("to", "", "the `folder` that the files are written to")
	keep := flags.Int("keep", 1, "how many of the newest full partitions stay in the trail")
	flags.Var(&before, "before", "only partitions that end before this `time`: 2006-01-02, or an age like 90d")
	flags.Var(&unused, "unused-stream", "the `name` of a stream that is no longer used and need not have written the records (audit.stream_name); may be repeated")
	drop := flags.Bool("drop", false, "delete the tables of partitions whose files are verified")
	if err := parse(flags, args, t); err != nil {
		return err
	}
	switch {
	case *to == "":
		return usageError{"--to FOLDER is missing"}
	case *keep < 0:
		return usageError{"--keep must not be below 0"}
	}
	kept, c, err := openPartitions(ctx, given)
	if err != nil {
		return err
	}
	defer func() { _ = kept.Close() }() // What was done is committed.
	key, err := auditKey(c.Audit.KeyFile)
	if err != nil {
		return err
	}
	a := archiver{store: kept, folder: *to, before: before.at, key: key, drop: *drop, unused: unused, t: t}
	return a.run(ctx, *keep)
}

// archiver archives partitions.
type archiver struct {
	store  *postgres.Store
	folder string
	// before, unless zero, is the time before which the partitions end.
	before time.Time
	key    []byte
	drop   bool
	// unused are the streams that need not have written the records.
	unused []string
	t      terminal
}

func (a *archiver) run(ctx context.Context, keep int) error {
	all, err := a.store.Partitions(ctx)
	if err != nil {
		return err
	}
	full, late, removed := 0, 0, 0
	for _, p := range all {
		if p.Full && p.Attached && p.First > 0 {
			full++
		}
	}
	left, last := full, ""
	for _, p := range all {
		switch {
		case !p.Full || p.Missing:
			continue
		case !a.before.IsZero() && p.Ends.After(a.before):
			if p.First > 0 {
				late++
			}
			continue
		case p.First == 0:
			if err := a.remove(ctx, p); err != nil {
				return fmt.Errorf("%s: %w", p.Name, err)
			}
			removed++
			continue
		case p.Attached && left <= keep:
			continue
		case p.Attached:
			left--
		}
		report, err := a.archive(ctx, p)
		if err != nil {
			return fmt.Errorf("%s: %w", p.Name, err)
		}
		last = fmt.Sprintf("%d:%s", report.Last.Seq, report.Last.Hash)
		say(a.t.out, "%s: records %d to %d are in %s, the last is %s\n", p.Name, p.First, p.Last, a.path(p), last)
	}
	switch {
	case last != "":
		say(a.t.out, "verify the rest with: server audit verify --config FILE --after %s\n", last)
	case removed == 0:
		a.sayNothing(full, keep, late)
	}
	return nil
}

// sayNothing says why no partition is archived.
func (a *archiver) sayNothing(full, keep, late int) {
	say(a.t.out, "nothing to archive: %d full partitions, and the newest %d stay (--keep)", full, keep)
	if late > 0 {
		say(a.t.out, "; %d end after %s (--before)", late, a.before.UTC().Format(time.RFC3339))
	}
	say(a.t.out, "\n")
}

// remove deletes a partition without records, for which there is no file.
func (a *archiver) remove(ctx context.Context, p postgres.Partition) error {
	err := a.store.Archive(ctx, p.Name, a.unused...)
	if err == nil {
		err = a.store.Drop(ctx, p.Name)
	}
	if err == nil {
		say(a.t.out, "%s: it has no records, and is deleted\n", p.Name)
	}
	return err
}

// path is the file of a partition. The names of files sort as the records do.
func (a *archiver) path(p postgres.Partition) string {
	return filepath.Join(a.folder, fmt.Sprintf("trail-%020d.jsonl", p.First))
}

// archive writes the file of a partition, verifies the file, and only then
// detaches the partition. After a failure at any step, archive can be repeated.
func (a *archiver) archive(ctx context.Context, p postgres.Partition) (audit.Report, error) {
	path := a.path(p)
	report, err := a.verify(ctx, path, p)
	if errors.Is(err, os.ErrNotExist) {
		if err = a.export(ctx, path, p); err == nil {
			report, err = a.verify(ctx, path, p)
		}
	}
	if err != nil {
		return report, err
	}
	// An earlier attempt may have ended after the detach, so this is repeated too.
	if err := a.store.Archive(ctx, p.Name, a.unused...); err != nil {
		if errors.Is(err, postgres.ErrNotShipped) {
			err = fmt.Errorf("%w: wait until it has, or name a stream that is no longer used with --unused-stream", err)
		}
		return report, err
	}
	if a.drop {
		err = a.store.Drop(ctx, p.Name)
	}
	return report, err
}

// export writes the file of a partition and its head file.
func (a *archiver) export(ctx context.Context, path string, p postgres.Partition) error {
	made, err := os.OpenFile(path+".new", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	out := bufio.NewWriterSize(made, 1<<20)
	head, err := a.store.Export(ctx, p.Name, out)
	if err = errors.Join(err, out.Flush()); err == nil {
		err = made.Sync()
	}
	if err = errors.Join(err, made.Close()); err != nil {
		return err
	}
	if err := keep(audit.HeadPath(path), head); err != nil {
		return err
	}
	if err := os.Rename(path+".new", path); err != nil {
		return err
	}
	folder, err := os.Open(a.folder)
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}

// verify checks that the file of a partition is unaltered and complete, from the first
// record to the last.
func (a *archiver) verify(ctx context.Context, path string, p postgres.Partition) (audit.Report, error) {
	if _, err := os.Stat(path); err != nil {
		return audit.Report{}, err
	}
	report, err := audit.VerifyAfter(ctx, audit.Mark{}, []string{path}, a.key)
	switch {
	case err != nil:
		return report, err
	case !report.OK():
		return report, fmt.Errorf("%s: %w: %s", path, errTrailAltered, problems(report))
	case report.First.Seq != p.First || report.Last.Seq != p.Last:
		return report, fmt.Errorf("%s holds records %d to %d, and the partition %d to %d: move the file away", path, report.First.Seq, report.Last.Seq, p.First, p.Last)
	}
	return report, nil
}

func problems(r audit.Report) string {
	var texts []string
	for _, p := range r.Problems {
		texts = append(texts, p.String())
	}
	if more := int(r.Broken) - len(texts); more > 0 { //nolint:gosec // It counts lines.
		texts = append(texts, "and "+strconv.Itoa(more)+" more")
	}
	return strings.Join(texts, "; ")
}
