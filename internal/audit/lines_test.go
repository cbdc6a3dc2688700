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

// linked makes a chain of three records.
func linked(t *testing.T, key []byte) (string, *audit.Chain) {
	t.Helper()
	chain := audit.NewChain(key, audit.NewOrigin(key), audit.Place{})
	now := time.Now()
	text := chain.AppendOwn(nil, audit.KindStart, "", now)
	for _, r := range []audit.Record{
		{Kind: audit.KindIntent, Time: now, ID: "1", Caller: "a\nb"},
		{Kind: audit.KindOutcome, Time: now, ID: "1", Outcome: audit.Succeeded},
	} {
		var err error
		text, err = chain.Append(text, r, now)
		must(t, err)
	}
	return string(text), chain
}

func TestLinkedLinesAreThoseOfAFile(t *testing.T) {
	t.Parallel()
	for name, key := range map[string][]byte{"without a key": nil, "with a key": []byte("0123456789abcdef0123456789abcdef")} {
		t.Run(name, func(t *testing.T) {
			text, chain := linked(t, key)
			path := filepath.Join(t.TempDir(), "audit.log")
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(audit.HeadPath(path), audit.AppendHead(nil, chain.At(), chain.Origin(), key), 0o600); err != nil {
				t.Fatal(err)
			}
			report, err := audit.VerifyAfter(t.Context(), audit.Mark{}, []string{path}, key)
			if err != nil || !report.Complete() || report.Records != 3 || report.Chain != chain.Origin().ID() {
				t.Errorf("got %+v (%v)", report, err)
			}
			for line := range strings.Lines(text) {
				line := []byte(strings.TrimSuffix(line, "\n"))
				if !audit.Made(key, line) || audit.Made([]byte("another"), line) {
					t.Errorf("%s: not told apart by its key", line)
				}
			}
		})
	}
}

func TestVerifyLines(t *testing.T) {
	t.Parallel()
	text, chain := linked(t, nil)
	last, none := chain.At(), audit.Place{}
	lines := strings.SplitAfter(text, "\n")
	for name, c := range map[string]struct {
		text     string
		after    audit.Mark
		last     *audit.Place
		ok       bool
		complete bool
	}{
		"whole":                  {text, audit.Mark{}, &last, true, true},
		"whole, without its end": {text, audit.Mark{}, nil, true, true},
		"end missing":            {lines[0] + lines[1], audit.Mark{}, &last, false, false},
		"line missing":           {lines[0] + lines[2], audit.Mark{}, &last, false, false},
		"line changed":           {strings.Replace(text, `"id":"1"`, `"id":"2"`, 1), audit.Mark{}, &last, false, false},
		"last line torn":         {text[:len(text)-1], audit.Mark{}, nil, false, false},
		"after something else":   {text, audit.Mark{Seq: 7, Hash: strings.Repeat("0", 64)}, &last, false, false},
		"nothing":                {"", audit.Mark{}, &none, true, true},
	} {
		t.Run(name, func(t *testing.T) {
			report, err := audit.VerifyLines(t.Context(),
				audit.Lines{Name: "table", Reader: bytes.NewReader([]byte(c.text)), After: c.after, Last: c.last, Origin: chain.Origin()}, nil)
			if err != nil {
				t.Fatal(err)
			}
			if report.OK() != c.ok || report.Complete() != c.complete {
				t.Errorf("got ok %t, complete %t (%v), want %t, %t", report.OK(), report.Complete(), report.Problems, c.ok, c.complete)
			}
		})
	}
}
