package main

import (
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
)

// restColumn reads the column of REST of the table of bounds.
func restColumn(t *testing.T) map[string]string {
	t.Helper()
	page, err := os.ReadFile("../../docs/security.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(page), "\n## Bounds of a connection\n")
	table, _, _ = strings.Cut(table, "\n## ")
	cells := map[string]string{}
	for line := range strings.Lines(table) {
		if parts := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|"); len(parts) == 4 {
			cells[strings.TrimSpace(parts[0])] = strings.TrimSpace(parts[1])
		}
	}
	return cells
}

func TestTheTableOfBoundsIsThatOfREST(t *testing.T) {
	s := httpServer(http.NotFoundHandler(), nil, zap.NewNop())
	said := restColumn(t)
	minutes := func(d time.Duration) string { return fmt.Sprintf("%dm", int(d.Minutes())) }
	for bound, want := range map[string]string{
		"headers":                                        fmt.Sprintf("%d KiB", s.MaxHeaderBytes>>10),
		"TLS handshake, first header":                    s.ReadHeaderTimeout.String(),
		"idle connection":                                minutes(s.IdleTimeout),
		"reading a request":                              minutes(s.ReadTimeout),
		"a call, its answer included":                    minutes(s.WriteTimeout),
		"streams of a connection":                        fmt.Sprintf("%d (HTTP/2)", s.HTTP2.MaxConcurrentStreams),
		"connections to the admin listener":              fmt.Sprint(adminConnections),
		"lines in the log about unauthenticated clients": fmt.Sprintf("%d a second", linesPerSecond),
		"bytes sent before the handler reads, a stream":  fmt.Sprintf("%d KiB (HTTP/2)", s.HTTP2.MaxReceiveBufferPerStream>>10),
	} {
		if said[bound] != want {
			t.Errorf("%s: the table says %q, the program %q", bound, said[bound], want)
		}
	}
}
