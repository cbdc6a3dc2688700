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
	// The room suffices for most responses.
	var room [512]byte
	return string(appendFolded(room[:0], text))
}

// appendFolded appends the folded form of a text. If the text is ASCII, dst may be the room before the text.
func appendFolded[T string | []byte](dst []byte, text T) []byte {
	for i := 0; i < len(text); {
		c := text[i]
		switch {
		case '0' <= c && c <= '9', 'a' <= c && c <= 'z':
			dst = append(dst, c)
		case 'A' <= c && c <= 'Z':
			dst = append(dst, c-'A'+'a')
		case c >= utf8.RuneSelf:
			r, size := utf8.DecodeRuneInString(string(text[i:min(i+utf8.UTFMax, len(text))]))
			if unicode.IsLetter(r) || unicode.IsDigit(r) {
				dst = utf8.AppendRune(dst, unicode.ToLower(r))
			}
			i += size
			continue
		}
		i++
	}
	return dst
}

// isFolded reports whether a text equals its folded form, as identifiers do.
func isFolded(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return (r < '0' || r > '9') && (r < 'a' || r > 'z') })
}

// disguises returns the folded forms in which a text may contain a secret: plain, in hexadecimal
// digits, and in base64 after 0, 1 or 2 other bytes. URL-safe base64 has the same folded form.
func disguises(secret string) []string {
	// All forms are parts of one text. ends are their ends.
	text := appendFolded(make([]byte, 0, 8*len(secret)), secret)
	ends := [5]int{len(text)}
	n := 1
	if len(secret) >= minFolded {
		plain := append(make([]byte, 2, 2+len(secret)), secret...)
		text = hex.AppendEncode(text, plain[2:])
		ends[n], n = len(text), n+1
		for before := range 3 {
			text = appendInBase64(text, plain[2-before:], before)
			ends[n], n = len(text), n+1
		}
	}
	whole, begin := string(text), 0
	forms := make([]string, 0, n)
	for _, end := range ends[:n] {
		if end-begin >= minFolded {
			forms = append(forms, whole[begin:end])
		}
		begin = end
	}
	return forms
}

// appendInBase64 appends the folded form of those base64 characters of a text that do not depend on its
// bytes before the secret or on bytes after the text.
func appendInBase64(dst, text []byte, before int) []byte {
	begin := len(dst)
	dst = base64.RawStdEncoding.AppendEncode(dst, text)
	// A character encodes 6 bits, so characters at both ends also encode other bytes.
	from, to := (before*8+5)/6, len(text)*8/6
	return appendFolded(dst[:begin], dst[begin+from:begin+to])
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
