package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"time"

	"platform.internal/storekeeper/internal/audit"
	"platform.internal/storekeeper/internal/config"
	"platform.internal/storekeeper/internal/history"
	"platform.internal/storekeeper/internal/history/fileindex"
)

// auditFlags name a trail: files, or that of a configuration.
type auditFlags struct {
	configFlags

	files stringList
}

// parse reads the command line.
func (a *auditFlags) parse(flags *flag.FlagSet, args []string, t terminal) error {
	a.register(flags)
	files, err := parseWithFiles(flags, args, t)
	if err != nil {
		return err
	}
	a.files = files
	switch {
	case a.file != "" && len(a.files) > 0:
		return usageError{"--config names the trail, so FILE must not be given"}
	case a.file == "" && len(a.files) == 0:
		return usageError{"FILE is missing: " + flags.Name() + " FILE..., oldest first, or " + flags.Name() + " --config FILE"}
	}
	return nil
}

// auditSource is a trail that can be read.
type auditSource struct {
	// lines reads the whole trail, and index finds changes. damaged is the error of parts of the trail that
	// the index left out, because they are no records.
	lines   history.Trail
	index   func(ctx context.Context) (history.Index, error)
	damaged func() error
	close   func() error
}

// open opens the trail.
func (a *auditFlags) open(ctx context.Context) (*auditSource, error) {
	if a.file == "" {
		return openFiles(a.files), nil
	}
	c, err := config.Load(a.file, a.sets)
	if err != nil {
		return nil, err
	}
	switch c.Audit.Sink {
	case config.AuditFile:
		return openFiles([]string{c.Audit.File}), nil
	case config.AuditStdout:
		return nil, errTrailOnStdout
	}
	kept, err := openTrail(ctx, c)
	if err != nil {
		return nil, err
	}
	return &auditSource{
		lines: kept.Trail, close: kept.Close, damaged: func() error { return nil },
		index: func(context.Context) (history.Index, error) { return kept, nil },
	}, nil
}

// openFiles opens files, or one file with its rotated files. For a single file, the
// index of the running service is read and not changed. Missing parts are indexed in a
// temporary folder.
func openFiles(paths []string) *auditSource {
	c := fileindex.Config{Paths: paths}
	if len(paths) == 1 {
		c = fileindex.Config{Path: paths[0], Known: indexFolder(paths[0])}
	}
	s := &auditSource{close: func() error { return nil }, damaged: func() error { return nil }}
	s.lines = func(ctx context.Context, after uint64, visit func([]byte) error) error {
		if err := exist(paths); err != nil {
			return err
		}
		return fileindex.Scan(ctx, c, after, visit)
	}
	s.index = func(ctx context.Context) (history.Index, error) {
		if err := exist(paths); err != nil {
			return nil, err
		}
		folder, err := os.MkdirTemp("", "storekeeper-index-")
		if err != nil {
			return nil, err
		}
		c.Folder = folder
		x := fileindex.New(c)
		s.damaged = x.Damaged
		s.close = func() error { return errors.Join(x.Close(), os.RemoveAll(folder)) }
		return x, x.Build(ctx)
	}
	return s
}

// exist returns the error of a missing file, and of a file that is no trail. A single file with rotated files is
// not checked: after a rotation it may be missing, or have only a part of its first line. The read reports damage.
func exist(paths []string) error {
	for _, path := range paths {
		err := existOne(path)
		if err == nil {
			continue
		}
		rotated, listErr := audit.RotatedFiles(path)
		if len(paths) > 1 || listErr != nil || len(rotated) == 0 {
			return err
		}
	}
	return nil
}

// existOne is exist for one file.
func existOne(path string) error {
	file, err := os.Stat(path)
	if err != nil {
		return err
	}
	first, err := fileindex.First(path)
	if err != nil {
		return err
	}
	// The file may have been rotated since.
	if now, err := os.Stat(path); err == nil && first == 0 && file.Size() > 0 && os.SameFile(file, now) {
		return fmt.Errorf("%s: holds no record of an audit trail", path)
	}
	return nil
}

// whenFlag is a time, a day or an age.
type whenFlag struct{ at time.Time }

// String returns "": there is no default.
func (w *whenFlag) String() string { return "" }

// Set parses the text.
func (w *whenFlag) Set(text string) (err error) {
	w.at, err = history.ParseWhen(text, time.Now())
	return err
}
