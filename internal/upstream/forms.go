package upstream

import "strings"

const (
	// maxRateItems and maxRateParams are the maximum numbers of items in a rate header and of
	// parameters per item.
	maxRateItems, maxRateParams = 4, 4
)

// isRay reports whether a text has the form of a Cloudflare ray ID: 16 hexadecimal digits, usually
// followed by a location of three letters, as in 8f1c2d3e4a5b6c7d-FRA.
func isRay(text string) bool {
	const digits, place = 16, len("-FRA")
	if len(text) != digits && len(text) != digits+place {
		return false
	}
	end := span(text, digits, func(c byte) bool { return isDigit(c) || 'a' <= c && c <= 'f' })
	return end == digits && (len(text) == digits ||
		text[digits] == '-' && span(text[digits+1:], place, func(c byte) bool { return 'A' <= c && c <= 'Z' }) == place-1)
}

// isRate reports whether a text has the form of the headers Ratelimit and
// Ratelimit-Policy: up to four items such as "default";r=50;t=30.
func isRate(text string) bool {
	for range maxRateItems {
		rest, ok := rateItem(text)
		if !ok {
			return false
		}
		if rest == "" {
			return true
		}
		if text, ok = separated(rest, ","); !ok {
			return false
		}
	}
	return false
}

// rateItem parses an item at the beginning of a rate header: a quoted name of up to 32 characters
// and one to four parameters such as ;r=50.
func rateItem(text string) (rest string, ok bool) {
	const name, key, number = 32, 4, 10
	text, ok = strings.CutPrefix(text, `"`)
	n := span(text, name, func(c byte) bool {
		return isLower(c) || 'A' <= c && c <= 'Z' || isDigit(c) || c == '_' || c == '-'
	})
	rest, closed := strings.CutPrefix(text[n:], `"`)
	if !ok || n == 0 || !closed {
		return "", false
	}
	for param := range maxRateParams {
		behind, more := separated(rest, ";")
		if !more {
			return rest, param > 0
		}
		n := span(behind, key, isLower)
		value, equals := strings.CutPrefix(behind[n:], "=")
		digits := span(value, number, isDigit)
		if n == 0 || !equals || digits == 0 {
			return "", false
		}
		rest = value[digits:]
	}
	return rest, true
}

// separated parses a separator with an optional space on each side.
func separated(text, by string) (rest string, ok bool) {
	rest, ok = strings.CutPrefix(strings.TrimPrefix(text, " "), by)
	return strings.TrimPrefix(rest, " "), ok
}

// span counts the leading characters of a text that satisfy is, up to most.
func span(text string, most int, is func(byte) bool) int {
	n := 0
	for n < len(text) && n < most && is(text[n]) {
		n++
	}
	return n
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func isLower(c byte) bool { return 'a' <= c && c <= 'z' }
