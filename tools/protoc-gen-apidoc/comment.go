package main

import (
	"fmt"
	"regexp"
	"strings"

	"google.golang.org/protobuf/compiler/protogen"
)

// paragraphs returns a proto comment as paragraphs of one line each. Items of a
// list stay on separate lines.
func paragraphs(comment protogen.Comments) []string {
	var out []string
	open := false
	for line := range strings.Lines(string(comment)) {
		line = strings.TrimSpace(line)
		switch {
		case line == "":
			open = false
		case open && !strings.HasPrefix(line, "- "):
			out[len(out)-1] += " " + line
		default:
			out = append(out, line)
			open = true
		}
	}
	return out
}

// prose returns a proto comment as one text.
func prose(comment protogen.Comments) string {
	return strings.Join(paragraphs(comment), "\n\n")
}

// firstSentence returns a text up to its first full stop, without the full stop.
func firstSentence(text string) string {
	sentence, _, _ := strings.Cut(text, ". ")
	return strings.TrimSuffix(sentence, ".")
}

// mayBeAbsent reads the convention of the proto files: a field that an answer
// may leave out says when, in a sentence that starts with "Absent if" or
// "Empty if".
func mayBeAbsent(field *protogen.Field) bool {
	text := prose(field.Comments.Leading)
	return strings.Contains(text, "Absent if") || strings.Contains(text, "Empty if")
}

// failureText is one "CODE when something" of the paragraph "Errors:".
var failureText = regexp.MustCompile(`^([A-Z_]+)((?: with reason [A-Z_]+)? when .+)$`)

// failures parses the paragraph "Errors:" of a method: the HTTP statuses beyond
// the statuses of all methods, and their conditions.
func failures(method *protogen.Method) (map[string][]string, error) {
	out := map[string][]string{}
	for _, paragraph := range paragraphs(method.Comments.Leading) {
		list, found := strings.CutPrefix(paragraph, "Errors: ")
		if !found {
			continue
		}
		for part := range strings.SplitSeq(strings.TrimSuffix(list, "."), "; ") {
			match := failureText.FindStringSubmatch(part)
			if match == nil {
				return nil, fmt.Errorf("%s: %q is not of the form \"CODE when something\"", method.Desc.FullName(), part)
			}
			status, known := statusOf(match[1], match[2])
			if !known {
				return nil, fmt.Errorf("%s: no HTTP status is known for %q", method.Desc.FullName(), match[1])
			}
			_, when, _ := strings.Cut(match[2], " when ")
			out[status] = append(out[status], "when "+when)
		}
	}
	return out, nil
}

// description is the comment of a method without its paragraph "Errors:",
// which the responses show.
func description(method *protogen.Method) string {
	var kept []string
	for _, paragraph := range paragraphs(method.Comments.Leading) {
		if !strings.HasPrefix(paragraph, "Errors: ") {
			kept = append(kept, paragraph)
		}
	}
	return strings.Join(kept, "\n\n")
}
