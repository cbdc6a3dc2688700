package audit_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"platform.internal/storekeeper/internal/audit"
)

// rotated writes a trail of several files and returns them, oldest first.
func rotated(t *testing.T, p string) []string {
	t.Helper()
	w := begin(t, p, key)
	for i := range 40 {
		w.append(t, intent(fmt.Sprint(i)))
		if i%10 == 9 {
			w.rotate(t)
		}
	}
	files, err := audit.RotatedFiles(p)
	if err != nil || len(files) != 4 {
		t.Fatalf("%v, %v", files, err)
	}
	return append(files, p)
}

func TestARotatedTrailIsOneChain(t *testing.T) {
	p := path(t)
	files := rotated(t, p)
	if report := verified(t, key, files...); !report.Complete() || report.First.Seq != 1 || report.Open != 40 {
		t.Errorf("%+v", report)
	}
	for _, f := range files[1:] {
		if first := said(t, f)[0]; !strings.HasSuffix(first, "recovered rotated") {
			t.Errorf("%s begins with %s", f, first)
		}
	}
	// The next process continues the file.
	begin(t, p, key)
	verified(t, key, files...)

	without := func(i int) audit.Report { return verify(t, slices.Delete(slices.Clone(files), i, i+1)...) }
	if r := without(0); !r.OK() || r.Complete() || r.Missing[0].From != 1 || r.Missing[0].To != r.First.Seq-1 || r.Missing[0].Reason != audit.ReasonRotated {
		t.Errorf("without the first file: %+v", r)
	}
	if r := without(1); r.OK() || !strings.Contains(r.Problems[0].Text, "are missing") {
		t.Errorf("without the second file: %+v", r)
	}
}

func TestEarlierFilesCanBeVerifiedOnceAndKeptElsewhere(t *testing.T) {
	p := path(t)
	files := rotated(t, p)
	before := verify(t, files[:2]...)
	report, err := audit.VerifyAfter(t.Context(), before.Last, files[2:], key)
	if err != nil || !report.Complete() {
		t.Errorf("%+v, %v", report, err)
	}
	wrong := before.Last
	wrong.Hash = before.First.Hash
	if report, err := audit.VerifyAfter(t.Context(), wrong, files[2:], key); err != nil || report.OK() {
		t.Errorf("after another record: %+v, %v", report, err)
	}
	wrong.Hash = "ab"
	if _, err := audit.VerifyAfter(t.Context(), wrong, files[2:], key); err == nil {
		t.Error("half a hash is taken")
	}
}

func TestVerifyTellsOfAFileThatIsGone(t *testing.T) {
	p := path(t)
	begin(t, p, key).append(t, intent("1"))
	must(t, os.Remove(p))
	if report := verify(t, p); report.OK() || report.Complete() || report.Missing[0].To != 2 {
		t.Errorf("%+v", report)
	}
	begin(t, p, key)
	if report := verify(t, p); !report.OK() || report.Complete() || report.Missing[0] != (audit.Missing{From: 1, To: 2, Before: p, Reason: audit.ReasonFileLost}) {
		t.Errorf("after the next start: %+v", report)
	}
}

func TestRotatedFilesAreFoundInAnyFolder(t *testing.T) {
	for _, name := range []string{"plain", "a[0-9]", "what?", "st*r"} {
		folder := filepath.Join(t.TempDir(), name)
		p := filepath.Join(folder, "audit.log")
		if files, err := audit.RotatedFiles(p); err != nil || len(files) != 0 {
			t.Errorf("%s: no folder: %v, %v", name, files, err)
		}
		if err := os.Mkdir(folder, 0o700); err != nil {
			t.Fatal(err)
		}
		want := []string{audit.RotatedPath(p, 9), audit.RotatedPath(p, 10)}
		others := []string{
			p, filepath.Join(folder, "other.log.rotated-1"), p + ".rotated-9", want[0] + ".gz", want[0] + "0",
			p + ".rotated-" + strings.Repeat("x", 20), p + ".rotated-+" + strings.Repeat("1", 19),
		}
		for _, path := range append(others, want...) {
			if err := os.WriteFile(path, nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if files, err := audit.RotatedFiles(p); err != nil || !slices.Equal(files, want) {
			t.Errorf("%s: %v, %v", name, files, err)
		}
	}
}
