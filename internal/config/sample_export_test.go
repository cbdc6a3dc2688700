package config

import (
	"fmt"
	"strings"
)

// SampleFile returns a configuration file with every key and its documentation. Rare keys are commented out.
// The file is valid once its files exist.
func SampleFile() []byte {
	var b strings.Builder
	b.WriteString("# Configuration of Storekeeper: server serve --config FILE\n")
	for _, e := range Reference() {
		b.WriteString("\n")
		writeEntry(&b, e, "")
	}
	return []byte(b.String())
}

// writeEntry writes a key, its documentation and its nested keys.
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

// writeElement writes one element of a list. The dash is on a separate line, so that each key can have its
// documentation above.
func writeElement(b *strings.Builder, parts []KeyReference, indent string) {
	fmt.Fprintf(b, "%s-\n", indent)
	for _, part := range parts {
		writeEntry(b, part, indent+"  ")
	}
}

// wrap breaks a text into lines of at most width characters. A longer word gets a separate line.
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
