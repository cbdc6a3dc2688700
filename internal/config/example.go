package config

import (
	"fmt"
	"strings"
)

// Example returns a configuration file with every key, each with its meaning
// above it. Keys that most files do not need are comments. It is a good
// configuration once the files that it names exist.
func Example() []byte {
	var b strings.Builder
	b.WriteString("# Configuration of Storekeeper: server serve --config FILE\n")
	for _, e := range Reference() {
		b.WriteString("\n")
		writeEntry(&b, e, "")
	}
	return []byte(b.String())
}

// writeEntry writes a key, its meaning and what is under it.
func writeEntry(b *strings.Builder, e KeyReference, indent string) {
	for _, line := range wrap(e.Meaning, 98-len(indent)) {
		fmt.Fprintf(b, "%s# %s\n", indent, line)
	}
	switch {
	case e.Rare:
		fmt.Fprintf(b, "%s# %s: %s\n", indent, e.Name, e.Example)
	case len(e.Parts) == 0:
		fmt.Fprintf(b, "%s%s: %s\n", indent, e.Name, e.Example)
	case strings.HasSuffix(e.Key, "[]"):
		fmt.Fprintf(b, "%s%s:\n", indent, e.Name)
		writeElement(b, e.Parts, indent+"  ")
	default:
		fmt.Fprintf(b, "%s%s:\n", indent, e.Name)
		for _, part := range e.Parts {
			writeEntry(b, part, indent+"  ")
		}
	}
}

// writeElement writes one element of a list. Its dash stands alone on a line,
// so that each key can have its meaning above it.
func writeElement(b *strings.Builder, parts []KeyReference, indent string) {
	fmt.Fprintf(b, "%s-\n", indent)
	for _, part := range parts {
		writeEntry(b, part, indent+"  ")
	}
}

// wrap breaks a text into lines of at most width characters, or of one word
// where that is longer.
func wrap(text string, width int) []string {
	var lines []string
	line := ""
	for word := range strings.FieldsSeq(text) {
		if line != "" && len(line)+1+len(word) > width {
			lines, line = append(lines, line), ""
		}
		line = strings.TrimPrefix(line+" "+word, " ")
	}
	return append(lines, line)
}
