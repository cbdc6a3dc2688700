package cfjson

import (
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"google.golang.org/protobuf/types/known/timestamppb"
)

func appendText(b []byte, s string) []byte {
	// The error means that s is not UTF-8. Protobuf strings always are.
	// Replacement characters are right in any case.
	b, _ = jsontext.AppendQuote(b, s)
	return b
}

func appendKey(b []byte, name string) []byte {
	if last := b[len(b)-1]; last != '{' {
		b = append(b, ',')
	}
	b = append(b, '"')
	b = append(b, name...)
	return append(b, '"', ':')
}

func appendNamed(b []byte, name, value string) []byte {
	return appendText(appendKey(b, name), value)
}

func appendNumber[N int32 | int64](b []byte, name string, n N) []byte {
	return strconv.AppendInt(appendKey(b, name), int64(n), 10)
}

// appendTime formats a time like Cloudflare: UTC, always six decimals. It writes the digits itself, because
// time.AppendFormat takes much longer, and a list of 100 secrets has 200 times.
func appendTime(b []byte, name string, t *timestamppb.Timestamp) []byte {
	at := t.AsTime()
	year, month, day := at.Date()
	if year < 0 || year > 9999 {
		return at.AppendFormat(appendKey(b, name), `"2006-01-02T15:04:05.000000Z"`)
	}
	hour, minute, second := at.Clock()
	micros := uint(at.Nanosecond()) / uint(time.Microsecond)
	const form = `0000-00-00T00:00:00.000000Z"`
	b = append(append(appendKey(b, name), '"'), form...)
	digits := (*[len(form)]byte)(b[len(b)-len(form):])
	setTwoDigits(digits[0:], uint(year)/100)
	setTwoDigits(digits[2:], uint(year)%100)
	setTwoDigits(digits[5:], uint(month))
	setTwoDigits(digits[8:], uint(day))
	setTwoDigits(digits[11:], uint(hour))
	setTwoDigits(digits[14:], uint(minute))
	setTwoDigits(digits[17:], uint(second))
	setTwoDigits(digits[20:], micros/10_000)
	setTwoDigits(digits[22:], micros/100%100)
	setTwoDigits(digits[24:], micros%100)
	return b
}

// setTwoDigits writes a number from 0 to 99.
func setTwoDigits(b []byte, n uint) {
	const digits = "0123456789"
	b[0], b[1] = digits[n/10], digits[n%10]
}

// appendList writes an array, never null, because clients iterate without a
// check.
func appendList[E any](b []byte, items []E, item func([]byte, E) []byte) []byte {
	b = append(b, '[')
	for i, it := range items {
		if i > 0 {
			b = append(b, ',')
		}
		b = item(b, it)
	}
	return append(b, ']')
}
