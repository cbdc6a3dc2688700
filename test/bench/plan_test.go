package main

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"platform.internal/storekeeper/test/bench/process"
	"platform.internal/storekeeper/test/bench/suite"
)

// small is the whole measurement in a few seconds, without meaningful figures.
func small(t *testing.T) plan {
	folder := t.TempDir()
	p := full()
	p.rules, p.quick = 20, true
	p.figures, p.out = filepath.Join(folder, "figures.json"), filepath.Join(folder, "docs")
	p.suite = suite.Options{
		Rounds: 1, Length: 100 * time.Millisecond, Limit: 60, Tail: 5, Connections: []int{2}, Many: 20, Starts: 1,
		Crowd: []int{2, 4}, CrowdLength: 250 * time.Millisecond, Steady: 300 * time.Millisecond, Rates: []float64{50},
		Traced: 10,
	}.WithKept(200)
	return p
}

// TestTheWholeMeasurementRuns asserts no speed, only that all contenders answer
// and all outputs are written.
func TestTheWholeMeasurementRuns(t *testing.T) {
	if err := process.Supported(); err != nil {
		t.Skip(err)
	}
	p := small(t)
	var out, log bytes.Buffer
	if err := p.run(t.Context(), &out, &log); err != nil {
		t.Fatalf("%v\n%s", err, log.String())
	}
	t.Log(log.String())
	text, err := os.ReadFile(filepath.Join(p.out, "performance.md"))
	if err != nil {
		t.Fatal(err)
	}
	figures, err := os.ReadFile(filepath.Join(p.out, "performance", "figures.md"))
	if err != nil {
		t.Fatal(err)
	}
	missing := strings.Contains(log.String(), "is left out")
	document := string(text) + string(figures)
	if !missing && strings.Contains(document, "not measured") {
		t.Errorf("everybody was there and something was not measured:\n%s", out.String())
	}
	for _, bad := range []string{"NaN", "Inf", "%!"} {
		if strings.Contains(document, bad) || strings.Contains(out.String(), bad) {
			t.Errorf("there is a %s in\n%s", bad, out.String())
		}
	}
	for name := range strings.SplitSeq(document, "](") {
		if file, _, ok := strings.Cut(name, ".svg)"); ok {
			wellFormed(t, filepath.Join(p.out, "performance", file+".svg"))
		}
	}
	p.keep, p.cases = true, nil
	var again bytes.Buffer
	if err := p.run(t.Context(), &again, io.Discard); err != nil || again.String() != out.String() {
		t.Errorf("the figures that were kept give something else: %v\n%s", err, again.String())
	}
}

func wellFormed(t *testing.T, file string) {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Error(err)
		return
	}
	defer f.Close()
	for d := xml.NewDecoder(f); ; {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			t.Errorf("%s: %v", file, err)
			return
		}
	}
}

func TestACaseThatDoesNotExistIsRefused(t *testing.T) {
	if err := process.Supported(); err != nil {
		t.Skip(err)
	}
	p := small(t)
	p.cases = []string{"speed"}
	if err := p.run(t.Context(), io.Discard, io.Discard); err == nil || !strings.Contains(err.Error(), `"speed"`) {
		t.Errorf("got %v", err)
	}
}
