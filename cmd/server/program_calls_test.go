package main

import (
	"context"
	"flag"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"platform.internal/storekeeper/internal/emulator"
)

// await polls until something holds; it fails when the program ends before.
func (p *program) await(what string, holds func() bool) {
	p.t.Helper()
	poll := time.NewTicker(time.Millisecond)
	defer poll.Stop()
	late := time.After(patience)
	for !holds() {
		select {
		case <-poll.C:
		case <-p.exited:
			if !holds() {
				p.t.Fatalf("ended with %d before: %s\n%s%s", p.code, what, p.out, p.err)
			}
		case <-late:
			p.t.Fatalf("never happened: %s\n%s%s", what, p.out, p.err)
		}
	}
}

// cloudflare asks the emulator itself, as the platform.
func (p *program) cloudflare(method, path, body string) string {
	p.t.Helper()
	r, err := http.NewRequestWithContext(context.Background(), method, p.cfURL+"/client/v4/accounts/"+accountID+"/secrets_store"+path, strings.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+platformToken)
	answer, err := p.http.Transport.(*checkedTransport).base.RoundTrip(r)
	if err != nil {
		p.t.Fatal(err)
	}
	defer answer.Body.Close()
	got, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode >= http.StatusMultipleChoices {
		p.t.Fatalf("%s %s: %v %d %s", method, path, err, answer.StatusCode, got)
	}
	return string(got)
}

// inject orders faults of the emulator.
func (p *program) inject(faults ...emulator.Fault) {
	p.t.Helper()
	if err := p.cf.Inject(faults...); err != nil {
		p.t.Fatal(err)
	}
}

// runWith is `serve` with what the configuration has no key for: another bound for
// calls to Cloudflare, and an exporter of spans.
func runWith(ctx context.Context, args []string, console terminal, with setup) int {
	var given configFlags
	flags := flag.NewFlagSet("serve", flag.ContinueOnError)
	given.register(flags)
	if err := parse(flags, args[1:], console); err != nil {
		return exitUsage
	}
	c, err := given.load()
	if err == nil {
		err = serve(ctx, settings{config: c, logs: console.out, ready: func(addresses) {}, timeout: with.timeout, spans: with.spans})
	}
	if err != nil {
		say(console.err, "%s", err)
		return exitFailed
	}
	return exitOK
}

// in is the program for a part of a test, which then gets the blame.
func (p *program) in(t testing.TB) *program {
	q := *p
	q.t = t
	checked := *p.http.Transport.(*checkedTransport)
	checked.t = t
	q.http = newClient(&checked)
	return &q
}
