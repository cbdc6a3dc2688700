package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// lineForm finds lines of the trail in the log of the state.
var lineForm = regexp.MustCompile(`\{"seq":([0-9]+),"time":"`)

// trailText reads the audit file with all acknowledged lines. The file is written
// from the log of the state, and may lack the last lines after a kill.
func (p *program) trailText() string {
	p.t.Helper()
	want := fmt.Sprintf(`{"seq":%d,`, lastLine(filepath.Join(p.folder, "state")))
	for late := time.Now().Add(2 * time.Second); ; time.Sleep(time.Millisecond) {
		text, err := os.ReadFile(filepath.Join(p.folder, "audit.log"))
		must(p.t, err)
		if strings.Contains(string(text), want) && bytes.HasSuffix(text, []byte("\n")) || time.Now().After(late) {
			return string(text)
		}
	}
}

// lastLine is the number of the last line of the trail in a log.
func lastLine(folder string) (last int) {
	segments, _ := filepath.Glob(filepath.Join(folder, "wal-*")) // the pattern is one
	for _, path := range segments {
		text, _ := os.ReadFile(path) // a segment that is gone has no last line
		for _, found := range lineForm.FindAllSubmatch(text, -1) {
			if n, err := strconv.Atoi(string(found[1])); err == nil {
				last = max(last, n)
			}
		}
	}
	return last
}
