package audit

import (
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"
)

// VerifyAfter verifies audit files and the head of the newest file: the form, the hash and the
// number of every line, and that no line is missing at the end. paths are the files of one chain,
// oldest first. Each file must continue the previous file, or begin by repeating the last lines of
// the previous file. The newest file may be written during the verification. key is the key of the
// chain.
//
// after is the last record of earlier files that were verified before: its Seq and its Hash. The
// zero Mark means that the files begin with record 1. The error comes from reading or from ctx; the
// report holds the problems.
func VerifyAfter(ctx context.Context, after Mark, paths []string, key []byte) (Report, error) {
	v := verifier{open: map[string]uint64{}, check: checker{hash: newHash(key)}, keyed: len(key) > 0}
	if err := v.after(after); err != nil {
		return v.report, err
	}
	for i, path := range paths {
		if err := v.file(ctx, path, i == len(paths)-1); err != nil {
			return v.report, fmt.Errorf("verifying %s: %w", path, err)
		}
	}
	v.finish()
	return v.report, nil
}

type verifier struct {
	check  checker
	report Report
	keyed  bool
	// last is the last record as in the report, without the hash.
	last     Mark
	lastHash [hashBytes]byte
	// open maps the ids of intents without an outcome to their record numbers.
	open map[string]uint64
	// begun is the reason of the first record read.
	begun string
}

func (v *verifier) file(ctx context.Context, path string, newest bool) error {
	file, text, err := openBoth(path)
	if errors.Is(err, os.ErrNotExist) && newest {
		return v.gone(path, err)
	}
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	head := v.head(path, text, newest)
	v.check.head = head.at
	v.check.seen = v.seen
	v.check.wrong = func(number, seq uint64, text string) error {
		v.problem(Problem{File: path, Line: number, Seq: seq, Text: text})
		return nil
	}
	unbroken := v.check.known || v.report.Records > 0
	s, err := v.check.file(ctx, file, fileSummary{})
	if err != nil {
		return err
	}
	v.bordered(path)
	if s.readable && !unbroken && s.before.seq > 0 {
		v.report.Missing = append(v.report.Missing, Missing{From: 1, To: s.before.seq, Before: path, Reason: v.begun})
	}
	v.report.Records += s.lines
	if head.known {
		v.end(path, s, head)
	}
	return v.torn(ctx, file, path, s)
}

// bordered reports a file that ends within the lines that it repeats from the previous file.
func (v *verifier) bordered(path string) {
	if border := v.check.border; border.seq > 0 {
		v.check.border = linePosition{}
		v.problem(Problem{File: path, Text: fmt.Sprintf("it ends before record %d, which comes before it: give the oldest file first", border.seq)})
	}
}

// gone reports a newest file that is missing although its head exists.
func (v *verifier) gone(path string, missing error) error {
	text, err := headOf(path)
	if err != nil || len(text) == 0 {
		return errors.Join(missing, err)
	}
	h := v.head(path, text, true)
	if h.known && h.at.seq > v.check.at.seq {
		v.problem(Problem{File: path, Text: fmt.Sprintf("it is missing, and its head names record %d", h.at.seq)})
		v.report.Missing = append(v.report.Missing, Missing{From: v.check.at.seq + 1, To: h.at.seq, Before: path})
	}
	return nil
}

// checkpoint is the content of a head.
type checkpoint struct {
	at     linePosition
	origin origin
	known  bool
}

// head reads the head of the newest file.
func (v *verifier) head(path string, text []byte, newest bool) (h checkpoint) {
	if !newest {
		return h
	}
	path += headSuffix
	if len(text) == 0 {
		v.problem(Problem{File: path, Text: "it is missing, so a missing end of the audit file would not be found"})
		return h
	}
	at, o, err := parseHead(text, v.check.hash)
	if err != nil {
		v.problem(Problem{File: path, Text: err.Error()})
		return h
	}
	if o.keyed != v.keyed {
		v.problem(Problem{File: path, Text: "the chain was begun " + keyedText(o.keyed)})
	}
	return checkpoint{at: at, origin: o, known: true}
}

// end compares the file with its head.
func (v *verifier) end(path string, s fileSummary, h checkpoint) {
	if !s.readable && v.check.known {
		// Just after a rotation the file is empty and continues the previous file.
		s.before, s.last, s.readable = v.check.at, v.check.at, true
	}
	if text := compareHead(s, h.at, h.origin, v.check.origin); text != "" {
		v.problem(Problem{File: path, Text: text})
	}
	v.report.Ahead = max(s.last.seq, h.at.seq) - h.at.seq
}

// openBoth opens a file and reads its head. The head is not newer than the later reads of the file,
// and both are from the same rotation: openBoth retries if the file is rotated between the two.
func openBoth(path string) (*os.File, []byte, error) {
	const attempts = 3
	for attempt := 1; ; attempt++ {
		file, err := os.Open(path)
		if err != nil {
			return nil, nil, err
		}
		head, err := headOf(path)
		if err != nil {
			_ = file.Close()
			return nil, nil, err
		}
		here, herr := file.Stat()
		there, terr := os.Stat(path)
		if herr == nil && terr == nil && os.SameFile(here, there) || attempt == attempts {
			return file, head, nil
		}
		_ = file.Close()
	}
}

// headOf returns the head of an audit file, or nil if there is none. The head may be written during
// the read, so headOf reads until two reads agree.
func headOf(path string) ([]byte, error) {
	file, err := os.Open(path + headSuffix)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	last, err := readHead(file)
	for range 4 {
		var again []byte
		if err == nil {
			again, err = readHead(file)
		}
		if err != nil || slices.Equal(again, last) {
			break
		}
		last = again
	}
	return last, err
}

// compareHead describes a mismatch between a file and its head.
func compareHead(s fileSummary, at linePosition, o, of origin) string {
	switch {
	case !s.readable && at.seq > 0:
		return fmt.Sprintf("it holds no record, and its head names record %d", at.seq)
	case !s.readable:
		return ""
	case of != (origin{}) && of != o:
		return "its head belongs to another chain"
	case s.last.seq < at.seq:
		return fmt.Sprintf("it ends with record %d, and its head names record %d: what was behind is missing", s.last.seq, at.seq)
	case at.seq < s.before.seq:
		return fmt.Sprintf("it begins behind record %d, and its head names record %d", s.before.seq, at.seq)
	case s.before.seq == at.seq && s.before.hash != at.hash, s.before.seq < at.seq && s.named != at.hash:
		return fmt.Sprintf("its record %d is not the one that its head names", at.seq)
	default:
		return ""
	}
}

// torn reports an incomplete last line. The line was never acknowledged, but the next start would
// have removed it.
func (v *verifier) torn(ctx context.Context, file io.ReaderAt, path string, s fileSummary) error {
	if s.torn == 0 {
		return nil
	}
	// If the file already has a problem, waiting is pointless.
	if v.report.Broken == 0 {
		if grown, err := grows(ctx, file, s.bytes+s.torn); grown || err != nil {
			return err
		}
	}
	v.problem(Problem{File: path, Line: s.lines + 1, Text: fmt.Sprintf("it ends after %d bytes without a line feed", s.torn)})
	return nil
}

// grows waits up to 200 ms for a file to grow beyond an offset.
func grows(ctx context.Context, file io.ReaderAt, at int64) (bool, error) {
	ticker := time.NewTicker(25 * time.Millisecond)
	defer ticker.Stop()
	for range 8 {
		if n, _ := file.ReadAt(make([]byte, 1), at); n > 0 {
			return true, nil
		}
		select {
		case <-ctx.Done():
			return false, ctx.Err()
		case <-ticker.C:
		}
	}
	return false, nil
}

func (v *verifier) problem(p Problem) {
	v.report.Broken++
	if len(v.report.Problems) < maxProblems {
		v.report.Problems = append(v.report.Problems, p)
	}
}

// seen adds a line to the report.
func (v *verifier) seen(l *line) {
	if v.report.First.Seq == 0 {
		v.begun = l.record.Reason
		v.report.First = Mark{Seq: l.seq, Time: l.record.Time, Hash: hex.EncodeToString(l.hash[:])}
	}
	v.last, v.lastHash = Mark{Seq: l.seq, Time: l.record.Time}, l.hash
	switch l.record.Kind {
	case KindIntent:
		if len(v.open) < maxOpen {
			v.open[l.record.ID] = l.seq
		}
	case KindOutcome:
		delete(v.open, l.record.ID)
	}
}

// finish sets the fields of the report that are known only at the end.
func (v *verifier) finish() {
	if v.last.Seq > 0 {
		v.report.Last = v.last
		v.report.Last.Hash = hex.EncodeToString(v.lastHash[:])
	}
	v.report.Chain = v.check.origin.id
	v.report.Open = uint64(len(v.open))
	ids := make([]string, 0, len(v.open))
	for id := range v.open {
		ids = append(ids, id)
	}
	slices.SortFunc(ids, func(a, b string) int { return cmp.Compare(v.open[a], v.open[b]) })
	v.report.OpenIDs = ids[:min(len(ids), maxOpenIDs)]
}
