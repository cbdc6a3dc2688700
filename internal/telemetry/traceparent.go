package telemetry

import "strings"

// The lengths of the parts of a traceparent of version 00, in bytes.
const (
	traceparentLen = 55
	traceIDLen     = 32
	parentIDLen    = 16
)

// TraceID returns the trace id of a traceparent header (W3C Trace Context): 32 lower-case
// hexadecimal digits. It returns false for an invalid header. Of a later version, TraceID reads the
// part that version 00 defines, as the standard requires.
func TraceID(traceparent string) (string, bool) {
	if len(traceparent) < traceparentLen {
		return "", false
	}
	head, rest := traceparent[:traceparentLen], traceparent[traceparentLen:]
	parts := strings.Split(head, "-")
	if len(parts) != 4 {
		return "", false
	}
	version, trace, parent, flags := parts[0], parts[1], parts[2], parts[3]
	switch {
	case !isHex(version, 2) || version == "ff":
		return "", false
	case version == "00" && rest != "" || rest != "" && rest[0] != '-':
		return "", false
	case !isHex(trace, traceIDLen) || !isHex(parent, parentIDLen) || !isHex(flags, 2):
		return "", false
	case strings.Trim(trace, "0") == "" || strings.Trim(parent, "0") == "":
		return "", false
	}
	return trace, true
}

// isHex reports whether text consists of n lower-case hexadecimal digits.
func isHex(text string, n int) bool {
	return len(text) == n && strings.Trim(text, "0123456789abcdef") == ""
}
