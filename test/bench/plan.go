package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"platform.internal/storekeeper/test/bench/disk"
	"platform.internal/storekeeper/test/bench/figure"
	"platform.internal/storekeeper/test/bench/process"
	"platform.internal/storekeeper/test/bench/report"
	"platform.internal/storekeeper/test/bench/stage"
	"platform.internal/storekeeper/test/bench/suite"
)

// plan has the cases and the outputs of a measurement.
type plan struct {
	suite suite.Options
	rules int
	cases []string
	// keep starts from the figures of the run before.
	keep bool
	// figures, out, caddy, server, notes and profiles are files and folders.
	figures, out, caddy, server, notes, profiles string
	// quick builds Storekeeper as tests do, which compiles less.
	quick bool
}

// run measures, prints and writes.
func (p plan) run(ctx context.Context, to, log io.Writer) error {
	if err := process.Supported(); err != nil {
		return err
	}
	if err := p.check(); err != nil {
		return err
	}
	book, about, err := p.before()
	if err != nil {
		return err
	}
	if p.profiles != "" {
		return inFolder(func(folder string) error { return p.profile(ctx, folder, to, log) })
	}
	if len(p.cases) > 0 {
		err = inFolder(func(folder string) error {
			s, versions, err := p.prepare(ctx, folder, book, log)
			if err != nil {
				return err
			}
			about = p.about(versions)
			if about.Disk, err = diskOf(folder); err != nil {
				return err
			}
			// Figures before a failure are kept: -keep continues from there.
			return errors.Join(s.Run(ctx, p.cases), p.store(book, about))
		})
	}
	if err != nil {
		return err
	}
	if err := p.write(book, about); err != nil {
		return err
	}
	return report.Print(to, book, about)
}

// inFolder does something in a folder that is removed afterwards.
func inFolder(do func(folder string) error) error {
	folder, err := os.MkdirTemp("", "storekeeper-bench-")
	if err != nil {
		return err
	}
	return errors.Join(do(folder), os.RemoveAll(folder))
}

// check refuses a case that does not exist.
func (p plan) check() error {
	var known []string
	for _, c := range suite.Cases() {
		known = append(known, c.Name)
	}
	for _, name := range p.cases {
		if !slices.Contains(known, name) {
			return fmt.Errorf("there is no case %q; there are %v", name, known)
		}
	}
	return nil
}

// prepare builds the programs.
func (p plan) prepare(ctx context.Context, folder string, book *suite.Book, log io.Writer) (*suite.Suite, map[string]string, error) {
	_, _ = fmt.Fprintln(log, "building the programs")
	programs, err := stage.Prepare(ctx, stage.Sources{Folder: folder, Caddy: p.caddy, Server: p.server, Quick: p.quick, Log: log})
	if err != nil {
		return nil, nil, err
	}
	issuer, err := stage.NewIssuer()
	if err != nil {
		return nil, nil, err
	}
	options := p.suite
	options.Log = log
	return suite.New(stage.New(programs, issuer, folder, p.rules), book, options), programs.Versions, nil
}

// kept is the content of the file of figures.
type kept struct {
	About   report.About `json:"about"`
	Figures *suite.Book  `json:"figures"`
}

// before reads the figures of the last run, with -keep.
func (p plan) before() (*suite.Book, report.About, error) {
	k := kept{Figures: suite.NewBook()}
	if !p.keep {
		return k.Figures, k.About, nil
	}
	text, err := os.ReadFile(p.figures)
	if err != nil {
		return nil, k.About, fmt.Errorf("there are no figures to keep: %w", err)
	}
	err = json.Unmarshal(text, &k)
	return k.Figures, k.About, err
}

func (p plan) about(versions map[string]string) report.About {
	o := p.suite
	return report.About{
		Peers: versions, Connections: o.Connections, Rates: o.Rates, Crowd: o.Crowd, Many: o.Many,
		Kept: o.Kept, KeptAtStart: o.KeptAtStart, Records: o.Records,
		How: fmt.Sprintf("medians of %s, contenders by turns, each with a fresh upstream; a run ends after %s or %d calls, and under the budget after %s; "+
			"behind each p99 are %d calls or more", report.Plural(o.Rounds, "round"), o.Length, o.Limit, o.CrowdLength, o.Tail),
	}.ThisMachine()
}

// diskOf describes the time of a durable write on the disk of a folder.
func diskOf(folder string) (string, error) {
	const times = 200
	took, err := disk.Appended(folder, times)
	return fmt.Sprintf("512 bytes more in a file are on the disk after %.2f ms (p50) and %.2f ms (p99), one write at a time",
		figure.Quantile(took, 0.5), figure.Quantile(took, 0.99)), err
}

// store keeps the figures in their file.
func (p plan) store(book *suite.Book, about report.About) error {
	if err := os.MkdirAll(filepath.Dir(p.figures), 0o750); err != nil {
		return err
	}
	text, err := json.MarshalIndent(kept{About: about, Figures: book}, "", " ")
	if err != nil {
		return err
	}
	return os.WriteFile(p.figures, append(text, '\n'), 0o600)
}

// write writes the document, if one is configured.
func (p plan) write(book *suite.Book, about report.About) error {
	if p.out == "" {
		return nil
	}
	notes, err := os.ReadFile(p.notes)
	if err != nil {
		return err
	}
	return report.Write(p.out, book, about, string(notes))
}

// profile leaves profiles and says how to look at them.
func (p plan) profile(ctx context.Context, programs string, to, log io.Writer) error {
	s, _, err := p.prepare(ctx, programs, suite.NewBook(), log)
	if err != nil {
		return err
	}
	folder, err := filepath.Abs(p.profiles)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(folder, 0o750); err != nil {
		return err
	}
	files, err := s.Profile(ctx, folder)
	if err != nil {
		return err
	}
	for _, file := range files {
		flags := "-top -cum"
		if !suite.IsProfileOfTime(file) {
			flags = "-top -sample_index=alloc_space"
		}
		if _, err := fmt.Fprintf(to, "go tool pprof %s %s\n", flags, file); err != nil {
			return err
		}
	}
	return nil
}
