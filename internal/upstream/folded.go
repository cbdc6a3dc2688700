package upstream

import (
	"encoding/base64"
	"encoding/hex"
	"html"
	"net/url"
	"strconv"
	"strings"
	"unicode"
)

// minFolded is the length from which a folded secret is looked for. A shorter one
// would be found in texts that do not hold it.
const minFolded = 8

// maxUnescapes is how often the escapes of a text are taken off, one in another.
const maxUnescapes = 3

// fold gives the letters and digits of a text in lower case. A secret keeps its
// folded form in another letter case, with other separators, and broken by spaces.
func fold(text string) string {
	if isFolded(text) {
		return text
	}
	var b strings.Builder
	b.Grow(len(text))
	for _, r := range text {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			b.WriteRune(unicode.ToLower(r))
		}
	}
	return b.String()
}

// isFolded says whether a text is its own folded form, as identifiers are.
func isFolded(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return (r < '0' || r > '9') && (r < 'a' || r > 'z') })
}

// disguises are the folded forms in which a text may hold a secret: as it is, in
// hexadecimal digits, and in base64 behind 0, 1 or 2 other bytes. Base64 with the
// alphabet for URLs has the same folded form.
func disguises(secret string) []string {
	forms := []string{fold(secret)}
	if len(secret) >= minFolded {
		forms = append(forms, hex.EncodeToString([]byte(secret)))
		for before := range 3 {
			forms = append(forms, fold(inBase64(secret, before)))
		}
	}
	long := forms[:0]
	for _, form := range forms {
		if len(form) >= minFolded {
			long = append(long, form)
		}
	}
	return long
}

// inBase64 gives the characters that stand for a secret alone when other bytes
// stand before it and behind it.
func inBase64(secret string, before int) string {
	encoded := base64.RawStdEncoding.EncodeToString([]byte(strings.Repeat("\x00", before) + secret))
	// A character has 6 bits, so some at both ends belong to the other bytes too.
	from := (before*8 + 5) / 6
	to := (before + len(secret)) * 8 / 6
	return encoded[from:to]
}

// unfolded appends the folded forms of a text: as it is, and without the escapes of
// URLs, JSON and HTML.
func unfolded(forms []string, text string) []string {
	forms = append(forms, fold(text))
	for range maxUnescapes {
		plain := unescape(text)
		if plain == text {
			break
		}
		text = plain
		forms = append(forms, fold(text))
	}
	return forms
}

// unescape takes off the escapes of URLs, JSON and HTML.
func unescape(text string) string {
	if strings.Contains(text, "%") {
		text = percentDecoded(text)
	}
	if strings.Contains(text, `\`) {
		text = slashDecoded(text)
	}
	return html.UnescapeString(text)
}

// percentDecoded decodes what is a percent escape and leaves the rest.
func percentDecoded(text string) string {
	var b strings.Builder
	for {
		before, behind, found := strings.Cut(text, "%")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		text = behind
		if len(behind) >= 2 {
			if plain, err := url.PathUnescape("%" + behind[:2]); err == nil {
				b.WriteString(plain)
				text = behind[2:]
				continue
			}
		}
		b.WriteByte('%')
	}
}

// slashDecoded decodes \uXXXX and \xXX, makes a space of escapes for white space,
// and drops the slash of other escapes.
func slashDecoded(text string) string {
	var b strings.Builder
	for {
		before, behind, found := strings.Cut(text, `\`)
		b.WriteString(before)
		if !found {
			return b.String()
		}
		text = behind
		if strings.ContainsAny(behind[:min(1, len(behind))], "bfnrt") {
			text = " " + behind[1:]
		}
		for mark, digits := range map[string]int{"u": 4, "x": 2} {
			if !strings.HasPrefix(behind, mark) || len(behind) <= digits {
				continue
			}
			if n, err := strconv.ParseInt(behind[1:1+digits], 16, 32); err == nil {
				b.WriteRune(rune(n))
				text = behind[1+digits:]
			}
		}
	}
}
