package audit_test

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"platform.internal/storekeeper/internal/audit"
)

// usual writes a file with repeated records of each kind.
func usual(t *testing.T, p string, n int) [][]byte {
	t.Helper()
	w := begin(t, p, key)
	for i := range n / 3 {
		id := fmt.Sprint("c", i)
		w.append(t,
			audit.Record{Kind: audit.KindIntent, ID: id, Secrets: []audit.Secret{{Name: "A\"b"}}},
			audit.Record{Kind: audit.KindOutcome, ID: id, Outcome: audit.Succeeded},
			audit.Record{Kind: audit.KindDenial, Peer: "::1"})
	}
	lines := bytes.SplitAfter(content(p), []byte("\n"))
	return lines[:len(lines)-1]
}

// found reports whether verification detects a change, and fails the test if not.
func found(t *testing.T, p, what string) bool {
	t.Helper()
	report, err := audit.VerifyAfter(context.Background(), audit.Mark{}, []string{p}, key)
	if err != nil || report.OK() {
		t.Errorf("%s was not found: %v", what, err)
		return false
	}
	return true
}

func TestEveryChangeOfLinesIsFound(t *testing.T) {
	p := path(t)
	lines := usual(t, p, 49)
	check := func(what string, changed [][]byte) {
		t.Helper()
		write(t, p, bytes.Join(changed, nil))
		found(t, p, what)
	}
	for i := range lines {
		check(fmt.Sprint("the deletion of line ", i+1), slices.Delete(slices.Clone(lines), i, i+1))
		check(fmt.Sprint("the deletion of all before line ", i+2), lines[i+1:])
		check(fmt.Sprint("the deletion of all from line ", i+1), lines[:i])
		check(fmt.Sprint("the doubling of line ", i+1), slices.Insert(slices.Clone(lines), i, lines[i]))
		check(fmt.Sprint("the repetition at the end of line ", i+1), append(slices.Clone(lines), lines[i]))
		if i > 0 {
			swapped := slices.Clone(lines)
			swapped[i-1], swapped[i] = swapped[i], swapped[i-1]
			check(fmt.Sprint("the swap of line ", i), swapped)
		}
	}
	random := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		shuffled := slices.Clone(lines)
		i, j := random.IntN(len(lines)), random.IntN(len(lines)-1)
		if i == j {
			j = len(lines) - 1
		}
		shuffled[i], shuffled[j] = shuffled[j], shuffled[i]
		check(fmt.Sprint("the swap of lines ", i+1, " and ", j+1), shuffled)
		from := random.IntN(len(lines))
		to := from + 1 + random.IntN(len(lines)-from)
		check(fmt.Sprint("the deletion of lines ", from+1, " to ", to), slices.Delete(slices.Clone(lines), from, to))
		check(fmt.Sprint("the doubling of lines ", from+1, " to ", to), slices.Insert(slices.Clone(lines), from, lines[from:to]...))
	}
	whole := bytes.Join(lines, nil)
	for range 200 {
		n := random.IntN(len(whole))
		check(fmt.Sprint("the end after byte ", n), [][]byte{whole[:n]})
		check(fmt.Sprint("the beginning before byte ", n+1), [][]byte{whole[n+1:]})
	}
	write(t, p, whole)
	verified(t, key, p)
}

// TestAFileIsHeldToItsForm uses lines with valid hashes, as only a holder of the key can make them.
func TestAFileIsHeldToItsForm(t *testing.T) {
	for name, change := range map[string][2]string{
		"a space":               {`"kind":"start"`, `"kind": "start"`},
		"an unknown field":      {`"kind":"start"`, `"kind":"start","value":"x"`},
		"a field twice":         {`"kind":"start"`, `"kind":"start","kind":"start"`},
		"an empty field":        {`"kind":"start"`, `"kind":"start","id":""`},
		"another kind":          {`"kind":"start"`, `"kind":"stort"`},
		"a needless escape":     {`"kind":"start"`, `"kind":"\u0073tart"`},
		"an impossible time":    {`"time":"2`, `"time":"x`},
		"an intent with origin": {`"kind":"start"`, `"kind":"intent"`},
	} {
		t.Run(name, func(t *testing.T) {
			p := path(t)
			begin(t, p, key)
			write(t, p, rehash(t, bytes.Replace(content(p), []byte(change[0]), []byte(change[1]), 1)))
			found(t, p, name)
		})
	}
	p := path(t)
	begin(t, p, key)
	if same := rehash(t, content(p)); !bytes.Equal(same, content(p)) {
		t.Errorf("the test hashes otherwise: %s", same)
	}
}

func TestAReportNamesWhatIsThere(t *testing.T) {
	p := path(t)
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	began := time.Now().UTC().Truncate(time.Microsecond)
	begin(t, p, key).append(t, intent("open"), intent("done"), audit.Record{Kind: audit.KindOutcome, ID: "done", Time: at})
	r := verified(t, key, p)
	if r.Records != 4 || r.First.Seq != 1 || r.Last.Seq != 4 || r.First.Time.Before(began) || !r.Last.Time.Equal(at) ||
		r.Open != 1 || !slices.Equal(r.OpenIDs, []string{"open"}) || r.Ahead != 0 || len(r.Chain) != 32 || len(r.Last.Hash) != 64 {
		t.Errorf("%+v", r)
	}
}

func TestAReportNamesTheLine(t *testing.T) {
	p := path(t)
	lines := usual(t, p, 9)
	lines[4] = bytes.Replace(lines[4], []byte("c1"), []byte("c7"), 1)
	write(t, p, bytes.Join(lines, nil))
	report := verify(t, p)
	if report.Broken != 1 || !strings.HasSuffix(report.Problems[0].String(), "audit.log:5: record 5: its hash is not that of its content (or it was made with another key)") {
		t.Errorf("%v", report.Problems)
	}
}

func TestVerifyingFollowsAChainOverFiles(t *testing.T) {
	p := path(t)
	var files []string
	for i := range 3 {
		usual(t, p, 6)
		files = append(files, fmt.Sprint(p, ".", i))
		if err := os.Rename(p, files[i]); err != nil {
			t.Fatal(err)
		}
	}
	usual(t, p, 6)
	files = append(files, p)
	verified(t, key, files...)
	broken := map[string][]string{
		"one in between": {files[0], files[2], files[3]},
		"their order":    {files[1], files[0], files[2], files[3]},
		"the newest":     files[:3],
	}
	for what, some := range broken {
		if verify(t, some...).OK() {
			t.Errorf("%s: nothing was found", what)
		}
	}
	// Just rotated and not written since.
	empty := filepath.Join(t.TempDir(), "audit.log")
	write(t, empty, nil)
	write(t, empty+".head", content(p+".head"))
	verified(t, key, append(files, empty)...)
	found(t, empty, "an empty file without those before it")
}

// TestAnotherContinuationIsFound splices two chains that are both right: the
// files were put back to an earlier state and went on differently.
func TestAnotherContinuationIsFound(t *testing.T) {
	p := path(t)
	usual(t, p, 3)
	before, head := content(p), content(p+".head")
	one, oneHead := usual(t, p, 3), content(p+".head")
	write(t, p, before)
	write(t, p+".head", head)
	two := usual(t, p, 6)

	write(t, p, bytes.Join(append(slices.Clone(one[:6]), two[6:]...), nil))
	found(t, p, "a line of the other continuation")
	write(t, p, bytes.Join(two, nil))
	verified(t, key, p)
	write(t, p+".head", oneHead)
	found(t, p, "the head of the other continuation")
	// Both files of an earlier state are right: nothing here can tell.
	write(t, p, bytes.Join(one, nil))
	verified(t, key, p)
}

func TestFilesOfAChainCanBeJoined(t *testing.T) {
	p := path(t)
	usual(t, p, 6)
	first := content(p)
	if err := os.Remove(p); err != nil {
		t.Fatal(err)
	}
	usual(t, p, 6)
	write(t, p, append(first, content(p)...))
	verified(t, key, p)
}

func TestAFileCanBeVerifiedWhileItIsWritten(t *testing.T) {
	p := path(t)
	w := begin(t, p, key)
	var group sync.WaitGroup
	var written atomic.Int64
	ctx, cancel := context.WithCancel(t.Context())
	group.Go(func() {
		for n := 0; ctx.Err() == nil; n++ {
			w.append(t, intent(fmt.Sprint(n)), audit.Record{Kind: audit.KindOutcome, ID: fmt.Sprint(n), Outcome: audit.Succeeded})
			written.Add(1)
		}
	})
	defer group.Wait()
	defer cancel()
	for range 8 {
		before := written.Load()
		eventually(t, "more is written", func() bool { return written.Load() > before+10 })
		verified(t, key, p)
	}
}

func TestVerifyingEndsWithItsContext(t *testing.T) {
	p := path(t)
	usual(t, p, 6)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := audit.VerifyAfter(ctx, audit.Mark{}, []string{p}, key); err == nil {
		t.Error("it went on")
	}
	if _, err := audit.VerifyAfter(t.Context(), audit.Mark{}, []string{p + ".none"}, key); err == nil {
		t.Error("a file that does not exist was verified")
	}
}
