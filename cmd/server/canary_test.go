package main

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
)

// canaryMark begins and ends every canary, so that one search finds all. No
// escaping changes canaryMark.
const canaryMark = "cAnaRyBiRd7QzWvK"

// canaryMiddle has characters that escaping changes, for code that handles them differently.
const canaryMiddle = `"<&>'é\\/+ %s~`

var canaryForm = regexp.MustCompile(canaryMark + regexp.QuoteMeta(canaryMiddle) + "[0-9a-f]{8}" + canaryMark)

// canaries makes values of which each is made once.
type canaries struct{ made atomic.Int64 }

func (c *canaries) next() string {
	return fmt.Sprintf("%s%s%08x%s", canaryMark, canaryMiddle, c.made.Add(1), canaryMark)
}

// forbidden has texts that must not leak, by description.
type forbidden map[string]string

// forbid adds a secret in all encodings.
func (f forbidden) forbid(what, secret string) {
	for form, disguised := range disguises(secret) {
		f[what+" "+form] = disguised
	}
	f[what+" backwards"] = backwards(secret)
	f[what+" with its case swapped"] = swapCase(secret)
}

// forbidToken adds a token, its claims and its signature.
func (f forbidden) forbidToken(what, token string) {
	f.forbid(what, token)
	parts := strings.Split(token, ".")
	f.forbid("the claims of "+what, parts[1])
	f.forbid("the signature of "+what, parts[2])
}

// in describes the forbidden text in a text, or returns "".
func (f forbidden) in(text string) string {
	for what, disguised := range f {
		if at := strings.Index(text, disguised); at >= 0 {
			return fmt.Sprintf("%s: ...%.300q", what, text[max(0, at-100):])
		}
	}
	return ""
}

func backwards(text string) string {
	letters := []rune(text)
	slices.Reverse(letters)
	return string(letters)
}

func swapCase(text string) string {
	return strings.Map(func(r rune) rune {
		if upper := []rune(strings.ToUpper(string(r)))[0]; upper != r {
			return upper
		}
		return []rune(strings.ToLower(string(r)))[0]
	}, text)
}

// unzipped returns a page decompressed, since profiles are compressed.
func unzipped(page string) string {
	r, err := gzip.NewReader(strings.NewReader(page))
	if err != nil {
		return page
	}
	text, err := io.ReadAll(r)
	if err != nil {
		return page
	}
	return string(text)
}

// birds returns the forbidden texts of the tests of canaries.
func birds() forbidden {
	f := forbidden{}
	f.forbid("a canary", canaryMark)
	f.forbid("the platform's token", platformToken)
	f.forbid("an API key", doorKey)
	return f
}

func TestTheSearchForCanariesFindsThem(t *testing.T) {
	t.Parallel()
	f, c := birds(), &canaries{}
	for range 10 {
		canary := c.next()
		if !canaryForm.MatchString(canary) {
			t.Fatalf("%q has another form", canary)
		}
		forms := disguises(canary)
		forms["backwards"], forms["with its case swapped"] = backwards(canary), swapCase(canary)
		forms["quoted three times"] = fmt.Sprintf("%q", fmt.Sprintf("%q", strconv.Quote(canary)))
		for form, text := range forms {
			if f.in("before "+text+" after") == "" {
				t.Errorf("not found %s: %s", form, text)
			}
		}
	}
	var zipped bytes.Buffer
	w := gzip.NewWriter(&zipped)
	_, _ = io.WriteString(w, "before "+c.next())
	_ = w.Close()
	if f.in(unzipped(zipped.String())) == "" {
		t.Error("not found in a compressed page")
	}
	for _, innocent := range []string{"", "canary", "a text with nothing in it", platformToken[:8]} {
		if what := f.in(innocent); what != "" {
			t.Errorf("%q holds %s", innocent, what)
		}
	}
}
