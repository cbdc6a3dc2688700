package upstream

import (
	"encoding/base64"
	"encoding/hex"
	"html"
	"net/url"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// minFolded is the minimum length of a folded secret to search for. A shorter text would give false
// matches.
const minFolded = 8

// maxUnescapes is the maximum number of nested escapes that are decoded.
const maxUnescapes = 3

// fold returns the letters and digits of a text in lower case. The folded form of a secret does not
// depend on letter case, separators and spaces.
func fold(text string) string {
	if isFolded(text) {
		return text
	}
	var b strings.Builder
	b.Grow(len(text))
	for _, r := range text {
		switch {
		case '0' <= r && r <= '9', 'a' <= r && r <= 'z':
			b.WriteRune(r)
		case 'A' <= r && r <= 'Z':
			b.WriteRune(r - 'A' + 'a')
		case r >= utf8.RuneSelf && (unicode.IsLetter(r) || unicode.IsDigit(r)):
			b.WriteRune(unicode.ToLower(r))
		}
	}
	return b.String()
}

// isFolded reports whether a text equals its folded form, as identifiers do.
func isFolded(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return (r < '0' || r > '9') && (r < 'a' || r > 'z') })
}

// disguises returns the folded forms in which a text may contain a secret: plain, in hexadecimal
// digits, and in base64 after 0, 1 or 2 other bytes. URL-safe base64 has the same folded form.
func disguises(secret string) []string {
	forms := make([]string, 0, 5)
	forms = append(forms, fold(secret))
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

// inBase64 returns the base64 characters that depend on the secret alone when other bytes precede
// and follow.
func inBase64(secret string, before int) string {
	plain := append(make([]byte, before, before+len(secret)), secret...)
	encoded := base64.RawStdEncoding.EncodeToString(plain)
	// A character encodes 6 bits, so characters at both ends also encode other bytes.
	from := (before*8 + 5) / 6
	to := (before + len(secret)) * 8 / 6
	return encoded[from:to]
}

// unfolded returns the folded forms of a text: plain, and with the escapes of URLs, JSON and HTML
// decoded.
func unfolded(text string) []string {
	forms := []string{fold(text)}
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

// unescape decodes the escapes of URLs, JSON and HTML.
func unescape(text string) string {
	if strings.Contains(text, "%") {
		text = percentDecoded(text)
	}
	if strings.Contains(text, `\`) {
		text = slashDecoded(text)
	}
	return html.UnescapeString(text)
}

// percentDecoded decodes valid percent escapes and leaves the rest.
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

// slashDecoded decodes \uXXXX and \xXX, replaces escapes of white space by a space, and drops the
// slash of other escapes.
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
