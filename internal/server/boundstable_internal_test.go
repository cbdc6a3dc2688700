package server

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
)

func TestTheTableOfBoundsIsThatOfGRPC(t *testing.T) {
	page, err := os.ReadFile("../../docs/security.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(page), "\n## Bounds of a connection\n")
	table, _, _ = strings.Cut(table, "\n## ")
	said := map[string]string{}
	for line := range strings.Lines(table) {
		if parts := strings.Split(line, "|"); len(parts) > 4 {
			said[strings.TrimSpace(parts[1])] = strings.TrimSpace(parts[3])
		}
	}
	minutes := func(d time.Duration) string { return fmt.Sprintf("%dm", int(d.Minutes())) }
	for bound, want := range map[string]string{
		"headers":                                        fmt.Sprintf("%d KiB", MaxHeaders>>10),
		"message to health":                              fmt.Sprintf("%d KiB", MaxHealthMessage>>10),
		"message to reflection":                          fmt.Sprintf("%d KiB", maxReflectionMessage>>10),
		"streams of a connection":                        fmt.Sprint(maxStreams),
		"calls of health of a connection":                fmt.Sprint(maxHealthStreams),
		"TLS handshake, first header":                    handshakeTimeout.String(),
		"idle connection":                                minutes(maxIdle),
		"reading a request":                              minutes(callTimeout),
		"a call, its answer included":                    minutes(callTimeout),
		"a Watch, another call of health":                minutes(defaultTimeouts().watch) + ", " + defaultTimeouts().check.String(),
		"bytes sent before the handler reads, a stream":  fmt.Sprintf("%d KiB", streamWindow>>10),
		"lines in the log about unauthenticated clients": fmt.Sprintf("%d a second", unauthenticatedPerSecond),
	} {
		if said[bound] != want {
			t.Errorf("%s: the table says %q, the program %q", bound, said[bound], want)
		}
	}
}
