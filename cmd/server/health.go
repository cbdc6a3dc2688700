package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

const (
	// healthTimeout is longer than /readyz takes at its slowest, so that its
	// answer arrives.
	healthTimeout = 4 * time.Second
	// healthText is how many bytes of an answer are shown.
	healthText = 1 << 10
)

// runHealth asks a running service whether calls should be sent to it, and
// fails where they should not. It is the probe of a container, which has no
// shell and no curl to ask with.
func runHealth(ctx context.Context, args []string, t terminal) error {
	flags := flag.NewFlagSet("health", flag.ContinueOnError)
	admin := flags.String("admin", "127.0.0.1:9091", "the `address` of the admin listener")
	if err := parse(flags, args, t); err != nil {
		return err
	}
	if _, _, err := net.SplitHostPort(*admin); err != nil {
		return usageError{"--admin must be host:port, such as 127.0.0.1:9091"}
	}
	ctx, cancel := context.WithTimeout(ctx, healthTimeout)
	defer cancel()
	answer, err := askReady(ctx, "http://"+*admin+"/readyz")
	if err != nil {
		return err
	}
	say(t.out, "%s\n", answer)
	return nil
}

// askReady returns the answer of a service that is ready. It goes straight to
// the service, whatever proxy the environment names.
func askReady(ctx context.Context, url string) (string, error) {
	question, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return "", err
	}
	client := &http.Client{
		Transport:     &http.Transport{DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	answer, err := client.Do(question)
	if err != nil {
		return "", err
	}
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(answer.Body, healthText))
	if err != nil {
		return "", err
	}
	text := strings.TrimSpace(string(body))
	if answer.StatusCode != http.StatusOK {
		return "", fmt.Errorf("%s answers %s: %s", url, answer.Status, text)
	}
	return text, nil
}
