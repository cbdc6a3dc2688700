package cfjson

import (
	"io"
	"strconv"
	"unicode/utf8"
)

// The limits of the tokens of a body, in bytes of the JSON text. The JSON
// decoder holds a whole token in memory, and the white space before it.
const (
	// maxStringBytes has room for a value of 64 KiB with six JSON bytes per byte. A string that is truncated
	// at this limit is longer than any rule allows.
	maxStringBytes = 6 * (64<<10 + 2)
	// maxLiteralBytes limits numbers, which no field takes.
	maxLiteralBytes = 1024
	// maxDepth limits nesting. A body of the API has 3 levels.
	maxDepth = 32
)

// bodyError is the error text of a body that is not read completely.
type bodyError string

// Error returns the text.
func (r bodyError) Error() string { return string(r) }

// tokenLimiter passes on a JSON text with bounded tokens. It truncates strings, keeps one byte of each run of
// white space, and ends the text if a literal is too long or the nesting too deep. It leaves all other
// mistakes to the decoder. The dropped part of a string is not checked, because a rule refuses the string
// anyway.
type tokenLimiter struct {
	from  io.Reader
	depth int
	// literal is the current length of the number or word being read.
	literal int
	space   bool
	// inside says that a string is being read. text is the state of that string.
	inside bool
	text   stringState
}

// stringState is the state of a string up to the current byte.
type stringState struct {
	length int
	// cut says that the rest of the string is dropped.
	cut    bool
	closed bool
	// slash says that the last byte begins an escape, hex how many digits of
	// the escape are still to come, and code their value so far.
	slash bool
	hex   int
	code  uint16
	// pair says that the last escape is the first half of a surrogate pair.
	pair bool
}

// Read reads the next bytes of the text.
func (c *tokenLimiter) Read(p []byte) (int, error) {
	for {
		n, err := c.from.Read(p)
		kept, bad := c.filter(p[:n])
		switch {
		case bad != "":
			return kept, bad
		case kept > 0 || err != nil || len(p) == 0:
			return kept, err
		}
	}
}

// filter moves the bytes that are passed on to the front of p and returns their
// number.
func (c *tokenLimiter) filter(p []byte) (int, bodyError) {
	kept := 0
	for _, b := range p {
		keep, bad := c.filterByte(b)
		if bad != "" {
			return kept, bad
		}
		if keep {
			p[kept] = b
			kept++
		}
	}
	return kept, ""
}

// filterByte reports whether a byte is passed on.
func (c *tokenLimiter) filterByte(b byte) (keep bool, bad bodyError) {
	if !c.inside {
		return c.filterOutside(b)
	}
	keep = c.text.take(b)
	c.inside = !c.text.closed
	return keep, ""
}

// filterOutside is filterByte for a byte that is not in a string.
func (c *tokenLimiter) filterOutside(b byte) (keep bool, bad bodyError) {
	after := c.space
	c.space = false
	switch b {
	case ' ', '\t', '\r', '\n':
		c.space = true
		return !after, ""
	case '"':
		c.inside, c.text = true, stringState{}
	case '{', '[':
		c.depth++
	case '}', ']':
		c.depth--
	case ',', ':':
	default:
		if c.literal++; c.literal > maxLiteralBytes {
			return false, "must not hold a number of more than 1024 characters"
		}
		return true, ""
	}
	c.literal = 0
	if c.depth > maxDepth {
		return false, "must not be nested more than 32 levels deep"
	}
	return true, ""
}

// take reports whether a byte of a string is passed on. A string is cut between
// two characters only, so that the rest is valid.
func (s *stringState) take(b byte) bool {
	between := !s.slash && s.hex == 0 && !s.pair && utf8.RuneStart(b)
	s.cut = s.cut || between && s.length >= maxStringBytes
	s.length++
	s.advance(b)
	return !s.cut || s.closed
}

func (s *stringState) advance(b byte) {
	switch {
	case s.hex > 0:
		digit, _ := strconv.ParseUint(string(b), 16, 8)
		s.code = s.code<<4 | uint16(digit)
		s.hex--
		s.pair = s.hex == 0 && s.code >= 0xd800 && s.code < 0xdc00
	case s.slash:
		s.slash = false
		if b == 'u' {
			s.hex, s.code = 4, 0
		} else {
			s.pair = false
		}
	case b == '\\':
		s.slash = true
	case b == '"':
		s.closed = true
	default:
		s.pair = false
	}
}
