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

// appendTime formats a time like Cloudflare: UTC, always six decimals. time.RFC3339 is a layout that package
// time formats several times as fast as a custom layout.
func appendTime(b []byte, name string, t *timestamppb.Timestamp) []byte {
	at := t.AsTime()
	b = append(appendKey(b, name), '"')
	b = at.AppendFormat(b, time.RFC3339)
	b[len(b)-1] = '.' // in place of the Z
	b = append(b, `000000Z"`...)
	micros := uint(at.Nanosecond()) / uint(time.Microsecond)
	for i := len(b) - 3; micros > 0; i-- {
		b[i] += byte(micros % 10)
		micros /= 10
	}
	return b
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
