package config

import (
	"math"
	"regexp"
	"strconv"
)

// Size is a number of bytes.
type Size int64

// The units of a Size.
const (
	KiB Size = 1 << 10
	MiB Size = 1 << 20
	GiB Size = 1 << 30
)

var sizeForm = regexp.MustCompile(`^(0|[1-9][0-9]{0,14})(KiB|MiB|GiB)?$`)

// parseSize parses a size. It returns false for any other text.
func parseSize(text string) (Size, bool) {
	parts := sizeForm.FindStringSubmatch(text)
	if parts == nil {
		return 0, false
	}
	n, err := strconv.ParseInt(parts[1], 10, 64)
	unit := map[string]Size{"": 1, "KiB": KiB, "MiB": MiB, "GiB": GiB}[parts[2]]
	if err != nil || n > math.MaxInt64/int64(unit) {
		return 0, false
	}
	return Size(n) * unit, true
}

// String formats a size in the largest unit that gives a whole number.
func (s Size) String() string {
	switch {
	case s != 0 && s%GiB == 0:
		return strconv.FormatInt(int64(s/GiB), 10) + "GiB"
	case s != 0 && s%MiB == 0:
		return strconv.FormatInt(int64(s/MiB), 10) + "MiB"
	case s != 0 && s%KiB == 0:
		return strconv.FormatInt(int64(s/KiB), 10) + "KiB"
	default:
		return strconv.FormatInt(int64(s), 10)
	}
}

// sizeWithin reports a size that is neither 0 nor in the range.
func (k section) sizeWithin(value, least, most Size) {
	if value != 0 && (value < least || value > most) {
		k.fail("must be 0 or from " + least.String() + " to " + most.String())
	}
}
