package audit_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"platform.internal/storekeeper/internal/audit"
)

// linked makes a chain of three records and returns its lines and its end.
func linked(key []byte) (string, audit.Tip) {
	l, tip := audit.NewLinker(key), audit.NewTip(key)
	now := time.Now()
	var text []byte
	text = l.Link(text, &tip, audit.Record{Kind: audit.KindStart, Time: now})
	text = l.Link(text, &tip, audit.Record{Kind: audit.KindIntent, Time: now, ID: "1", Caller: "a\nb"})
	text = l.Link(text, &tip, audit.Record{Kind: audit.KindOutcome, Time: now, ID: "1", Outcome: audit.Succeeded})
	return string(text), tip
}

func TestLinkedLinesAreThoseOfAFile(t *testing.T) {
	t.Parallel()
	for name, key := range map[string][]byte{"without a key": nil, "with a key": []byte("0123456789abcdef0123456789abcdef")} {
		t.Run(name, func(t *testing.T) {
			text, tip := linked(key)
			path := filepath.Join(t.TempDir(), "audit.log")
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(audit.HeadPath(path), audit.NewLinker(key).Head(tip), 0o600); err != nil {
				t.Fatal(err)
			}
			report, err := audit.VerifyAfter(t.Context(), audit.Mark{}, []string{path}, key)
			if err != nil || !report.Complete() || report.Records != 3 || report.Chain != tip.Chain {
				t.Errorf("got %+v (%v)", report, err)
			}
			for line := range strings.Lines(text) {
				line := []byte(strings.TrimSuffix(line, "\n"))
				if !audit.NewLinker(key).Made(line) || audit.NewLinker([]byte("another")).Made(line) {
					t.Errorf("%s: not told apart by its key", line)
				}
			}
		})
	}
}

func TestVerifyLines(t *testing.T) {
	t.Parallel()
	text, tip := linked(nil)
	lines := strings.SplitAfter(text, "\n")
	for name, c := range map[string]struct {
		text     string
		after    audit.Mark
		tip      *audit.Tip
		ok       bool
		complete bool
	}{
		"whole":                {text, audit.Mark{}, &tip, true, true},
		"whole, without tip":   {text, audit.Mark{}, nil, true, true},
		"end missing":          {lines[0] + lines[1], audit.Mark{}, &tip, false, false},
		"line missing":         {lines[0] + lines[2], audit.Mark{}, &tip, false, false},
		"line changed":         {strings.Replace(text, `"id":"1"`, `"id":"2"`, 1), audit.Mark{}, &tip, false, false},
		"last line torn":       {text[:len(text)-1], audit.Mark{}, nil, false, false},
		"after something else": {text, audit.Mark{Seq: 7, Hash: strings.Repeat("0", 64)}, &tip, false, false},
		"nothing":              {"", audit.Mark{}, &audit.Tip{}, true, true},
	} {
		t.Run(name, func(t *testing.T) {
			report, err := audit.VerifyLines(t.Context(),
				audit.Lines{Name: "table", Reader: bytes.NewReader([]byte(c.text)), After: c.after, Tip: c.tip}, nil)
			if err != nil {
				t.Fatal(err)
			}
			if report.OK() != c.ok || report.Complete() != c.complete {
				t.Errorf("got ok %t, complete %t (%v), want %t, %t", report.OK(), report.Complete(), report.Problems, c.ok, c.complete)
			}
		})
	}
}
