package transcript

import (
	"fmt"
	"slices"
	"strings"
)

// window is how many bytes around the first difference are shown.
const window = 160

// Diff describes the differences of two runs, step by step. It takes normalised
// transcripts; without a difference the list is empty.
func Diff(direct, through Transcript) []string {
	var found []string
	for i := range max(len(direct.Entries), len(through.Entries)) {
		if i >= len(direct.Entries) || i >= len(through.Entries) {
			return append(found, fmt.Sprintf("the runs have %d and %d steps", len(direct.Entries), len(through.Entries)))
		}
		if lines := diffEntry(direct.Entries[i], through.Entries[i]); len(lines) > 0 {
			found = append(found, fmt.Sprintf("step %d, %q:\n  %s", i+1, direct.Entries[i].Step, strings.Join(lines, "\n  ")))
		}
	}
	return found
}

func diffEntry(direct, through Entry) []string {
	if direct.Step != through.Step {
		return []string{fmt.Sprintf("the other run does %q", through.Step)}
	}
	var lines []string
	if direct.Differs {
		// An allowed difference that does not occur is an obsolete exception. A
		// client that refuses the call itself has no answers to compare.
		if len(direct.Exchanges) > 0 && slices.EqualFunc(direct.Exchanges, through.Exchanges, sameAnswer) {
			lines = append(lines, "the answers are meant to differ, and are the same")
		}
		return lines
	}
	if len(direct.Exchanges) != len(through.Exchanges) {
		lines = append(lines, "direct  "+requests(direct.Exchanges), "through "+requests(through.Exchanges))
	}
	for i := range min(len(direct.Exchanges), len(through.Exchanges)) {
		lines = append(lines, diffExchange(direct.Exchanges[i], through.Exchanges[i])...)
	}
	if len(lines) > 0 {
		// Without a difference in the exchanges, the client cannot see one.
		return lines
	}
	return differing("the client's view", direct.View, through.View)
}

func sameAnswer(x, y Exchange) bool { return x.Status == y.Status && x.Body == y.Body }

func requests(all []Exchange) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d requests:", len(all))
	for _, x := range all {
		fmt.Fprintf(&b, " %s %s -> %d;", x.Method, x.Path, x.Status)
	}
	return b.String()
}

func diffExchange(direct, through Exchange) []string {
	name := direct.Method + " " + direct.Path
	var lines []string
	lines = append(lines, differing("request", name, through.Method+" "+through.Path)...)
	lines = append(lines, differing(name+" sent", direct.Sent, through.Sent)...)
	if direct.Status != through.Status {
		lines = append(lines, fmt.Sprintf("%s: status direct %d, through %d", name, direct.Status, through.Status))
	}
	lines = append(lines, differing(name+" content type", direct.ContentType, through.ContentType)...)
	return append(lines, differing(name+" body", direct.Body, through.Body)...)
}

// differing shows the first difference of two texts.
func differing(what, direct, through string) []string {
	if direct == through {
		return nil
	}
	at := 0
	for at < min(len(direct), len(through)) && direct[at] == through[at] {
		at++
	}
	return []string{
		fmt.Sprintf("%s differs at byte %d:", what, at),
		"  direct  " + around(direct, at),
		"  through " + around(through, at),
	}
}

func around(s string, at int) string {
	from, to := max(0, at-window), min(len(s), at+window)
	cut := fmt.Sprintf("%q", s[from:to])
	cut = cut[1 : len(cut)-1]
	if from > 0 {
		cut = "..." + cut
	}
	if to < len(s) {
		cut += "..."
	}
	return cut
}
