// Command testrun runs `go test` in one or more modules and prints the total in
// the last line: "N passed, N failed".
//
// Usage: testrun [flag of go test]... [folder of a module]...
//
// The command only uses the standard library, so that it runs without
// downloads. The output of passing tests is left out; the output of failing
// tests and the reasons of skips are shown. The exit code is 0 only if tests
// ran and all passed.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
)

func main() {
	var flags, folders []string
	for _, arg := range os.Args[1:] {
		if strings.HasPrefix(arg, "-") {
			flags = append(flags, arg)
		} else {
			folders = append(folders, arg)
		}
	}
	if len(folders) == 0 {
		folders = []string{"."}
	}
	t := newTally(os.Stdout)
	for _, folder := range folders {
		t.module(folder, flags)
	}
	t.close()
	if t.failed > 0 || t.passed == 0 {
		os.Exit(1)
	}
}

// event is a line of `go test -json`.
type event struct {
	Action  string  `json:"Action"`
	Package string  `json:"Package"`
	Test    string  `json:"Test"`
	Output  string  `json:"Output"`
	Elapsed float64 `json:"Elapsed"`
	// ImportPath names the package of a failed build.
	ImportPath string `json:"ImportPath"`
}

// tally counts results and keeps the output of a test until the result is known.
type tally struct {
	out                     io.Writer
	passed, failed, skipped int
	// ran and bad count the tests of each package that ended and that failed,
	// to tell a failed test from a package that failed by itself. Packages run
	// side by side, so their events are mixed.
	ran, bad map[string]int
	// running are the keys of the tests of each package that have not ended.
	running map[string]map[string]bool
	printed map[string][]string
	// again is the output of failures. close repeats it, because readers look
	// at the end of a long log, and some CI systems keep only the end.
	again []string
}

func newTally(out io.Writer) *tally {
	return &tally{out: out, ran: map[string]int{}, bad: map[string]int{}, running: map[string]map[string]bool{}, printed: map[string][]string{}}
}

// module runs the tests of one module. If `go test` fails without naming a
// test, for example because no module is found, that counts as one failure.
func (t *tally) module(folder string, flags []string) {
	before := t.failed
	cmd := exec.Command("go", slices.Concat([]string{"test", "-json"}, flags, []string{"./..."})...)
	cmd.Dir = folder
	cmd.Stderr = os.Stderr
	stream, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err == nil {
		t.read(stream)
		err = cmd.Wait()
	}
	if err != nil && t.failed == before {
		t.failed++
		t.say("FAIL  go test in %s: %v\n", folder, err)
	}
}

// read reads the events of one run.
func (t *tally) read(stream io.Reader) {
	lines := bufio.NewReader(stream)
	for {
		line, err := lines.ReadBytes('\n')
		var e event
		if json.Unmarshal(line, &e) == nil {
			t.take(e)
		} else if len(line) > 0 {
			t.say("%s", line)
		}
		if err != nil {
			return
		}
	}
}

// take counts an event.
func (t *tally) take(e event) {
	key := e.Package + e.ImportPath + " " + e.Test
	switch e.Action {
	case "run":
		if t.running[e.Package] == nil {
			t.running[e.Package] = map[string]bool{}
		}
		t.running[e.Package][key] = true
		return
	case "output", "build-output":
		t.printed[key] = append(t.printed[key], e.Output)
		return
	case "build-fail":
		t.show(key)
	case "pass", "fail", "skip":
		if e.Test == "" {
			t.packageDone(e, key)
		} else {
			t.testDone(e, key)
		}
	default:
		return
	}
	delete(t.printed, key)
}

// testDone counts a test, a subtest, an example or a seed of a fuzz target.
func (t *tally) testDone(e event, key string) {
	t.ran[e.Package]++
	delete(t.running[e.Package], key)
	switch e.Action {
	case "pass":
		t.passed++
	case "skip":
		t.skipped++
		t.show(key)
	default:
		t.failed++
		t.bad[e.Package]++
		t.show(key)
		t.repeat(key)
	}
}

// packageDone counts the result of a package. A package that fails without a
// failed test was not built, panicked or timed out: one failure.
func (t *tally) packageDone(e event, key string) {
	switch {
	case e.Action == "fail":
		if t.bad[e.Package] == 0 {
			t.failed++
			t.repeat(key)
			// After a panic beside the test nothing says how the test ended.
			for began := range t.running[e.Package] {
				t.show(began)
				t.repeat(began)
			}
		}
		t.show(key)
		t.say("FAIL  %s  %.1fs\n", e.Package, e.Elapsed)
	case t.ran[e.Package] > 0:
		t.say("ok    %s  %.1fs  %d tests\n", e.Package, e.Elapsed, t.ran[e.Package])
	}
}

// show prints the kept output of a test, without the lines that only name the
// running test.
func (t *tally) show(key string) {
	for _, line := range t.printed[key] {
		if !strings.HasPrefix(line, "=== ") {
			t.say("%s", line)
		}
	}
}

// maxRepeated and maxRepeatedLine bound the lines, and the bytes of a line, of one
// failure that close repeats.
const (
	maxRepeated     = 30
	maxRepeatedLine = 400
)

// repeat keeps the last lines of a failure for close, without log lines of the program.
func (t *tally) repeat(key string) {
	lines := slices.DeleteFunc(slices.Clone(t.printed[key]), func(line string) bool {
		return strings.HasPrefix(line, "=== ") || strings.HasPrefix(strings.TrimSpace(line), `{"`)
	})
	t.again = append(t.again, "failed: "+key+"\n")
	for _, line := range lines[max(0, len(lines)-maxRepeated):] {
		if len(line) > maxRepeatedLine {
			line = line[:maxRepeatedLine] + "...\n"
		}
		t.again = append(t.again, line)
	}
}

// close prints the failures once more and the closing line.
func (t *tally) close() {
	for _, line := range t.again {
		t.say("%s", line)
	}
	line := fmt.Sprintf("%d passed, %d failed", t.passed, t.failed)
	if t.skipped > 0 {
		line += fmt.Sprintf(", %d skipped", t.skipped)
	}
	t.say("%s\n", line)
}

// say prints to the terminal. Errors of a broken pipe are ignored.
func (t *tally) say(format string, args ...any) {
	_, _ = fmt.Fprintf(t.out, format, args...)
}
