package telemetry_test

import (
	"regexp"
	"strings"
	"testing"

	"platform.internal/storekeeper/internal/telemetry"
)

const (
	trace  = "4bf92f3577b34da6a3ce929d0e0e4736"
	parent = "00f067aa0ba902b7"
	good   = "00-" + trace + "-" + parent + "-01"
)

func TestTraceIDIsRead(t *testing.T) {
	for name, header := range map[string]string{
		"version 00":                     good,
		"not sampled":                    "00-" + trace + "-" + parent + "-00",
		"unknown flags":                  "00-" + trace + "-" + parent + "-ff",
		"later version":                  "01-" + trace + "-" + parent + "-01",
		"later version with more fields": "cc-" + trace + "-" + parent + "-01-what-the-future-brings",
	} {
		if got, ok := telemetry.TraceID(header); !ok || got != trace {
			t.Errorf("%s: got %q, %v", name, got, ok)
		}
	}
}

func TestTraceparentThatIsNotRightIsLeftOut(t *testing.T) {
	for name, header := range map[string]string{
		"empty":                          "",
		"too short":                      good[:54],
		"version 00 with more":           good + "-00",
		"version ff":                     "ff" + good[2:],
		"version in upper case":          "CC" + good[2:],
		"later version without a hyphen": "01" + good[2:] + "x",
		"trace of zeros":                 "00-" + strings.Repeat("0", 32) + "-" + parent + "-01",
		"parent of zeros":                "00-" + trace + "-" + strings.Repeat("0", 16) + "-01",
		"upper case":                     "00-" + strings.ToUpper(trace) + "-" + parent + "-01",
		"no hexadecimal digit":           "00-" + trace[:31] + "g-" + parent + "-01",
		"flags are not digits":           "00-" + trace + "-" + parent + "-0x",
		"fields of wrong length":         "00-" + trace + "0-" + parent[1:] + "-01",
		"hyphens elsewhere":              "00-" + trace + "-" + parent[:8] + "-" + parent[9:] + "-1",
		"space around":                   " " + good,
	} {
		if got, ok := telemetry.TraceID(header); ok || got != "" {
			t.Errorf("%s: got %q, %v", name, got, ok)
		}
	}
}

// The form as defined by the standard, checked by a regular expression and not by the tested code.
var traceparentForm = regexp.MustCompile(`^(?:00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}|[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}(?:-(?s:.)*)?)$`)

func FuzzTraceID(f *testing.F) {
	f.Add(good)
	f.Add("01" + good[2:] + "-more")
	f.Add("00-" + strings.Repeat("0", 32) + "-" + parent + "-01")
	f.Fuzz(func(t *testing.T, header string) {
		got, ok := telemetry.TraceID(header)
		want := traceparentForm.MatchString(header) &&
			(!strings.HasPrefix(header, "00") || len(header) == 55) &&
			!strings.HasPrefix(header, "ff") &&
			header[3:35] != strings.Repeat("0", 32) && header[36:52] != strings.Repeat("0", 16)
		if ok != want || ok && got != header[3:35] || !ok && got != "" {
			t.Errorf("%q: got %q, %v, want %v", header, got, ok, want)
		}
	})
}
