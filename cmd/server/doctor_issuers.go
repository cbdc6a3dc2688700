package main

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	"platform.internal/storekeeper/internal/authn"
	"platform.internal/storekeeper/internal/config"
)

// maxSkew is the largest accepted difference of two clocks. Tokens that become
// valid later than that are refused. Half of maxSkew gives a warning.
const maxSkew = 30 * time.Second

// issuers reads the keys of each issuer as the service does.
func (d *doctor) issuers(ctx context.Context, list config.Callers) {
	for _, i := range issuers(list) {
		check := "issuer " + i.Name
		state := authn.CheckIssuer(ctx, i)
		if state.Err != nil {
			d.fail(check, state.Err, cmp.Or(authn.FixOf(state.Err), "correct the entry of the issuer in callers.issuers"))
		} else {
			d.ok(check, fmt.Sprintf("%d keys from %s", state.Keys, cmp.Or(state.KeysURL, i.JWKSFile)))
		}
		if state.ClockKnown {
			d.clock(check+" clock", "the issuer", state.ClockAhead)
		}
		if !state.CertificateEnds.IsZero() {
			d.checkExpiry(check+" certificate", hostOf(state.URL), state.CertificateBegins, state.CertificateEnds)
		}
	}
}

// clock compares the clock of another machine with the local clock.
func (d *doctor) clock(check, whose string, ahead time.Duration) {
	text := fmt.Sprintf("the clock of %s is within a few seconds of this machine's", whose)
	apart := ahead.Abs().Round(time.Second)
	direction := "ahead of"
	if ahead < 0 {
		direction = "behind"
	}
	const fix = "set the clock of this machine, best by NTP"
	switch {
	case apart > maxSkew:
		d.fail(check, fmt.Errorf("the clock of %s is %s %s this machine's; times of tokens and answers are judged wrong", whose, apart, direction), fix)
	case apart > maxSkew/2:
		d.warn(check, fmt.Sprintf("the clock of %s is %s %s this machine's", whose, apart, direction), fix)
	default:
		d.ok(check, text)
	}
}

func hostOf(url string) string {
	_, rest, _ := strings.Cut(url, "://")
	host, _, _ := strings.Cut(rest, "/")
	return host
}
