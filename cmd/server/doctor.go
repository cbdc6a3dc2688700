package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"time"

	"platform.internal/storekeeper/internal/config"
)

// doctorTimeout limits each request to Cloudflare and to the shared store.
const doctorTimeout = 15 * time.Second

// errUnhealthy says that a check failed. The findings are printed before.
var errUnhealthy = errors.New("at least one check failed")

// runDoctor checks everything that must hold before a deploy, reports each
// check, and fails if a check failed. It changes nothing, and uses a few calls
// of each account's budget.
func runDoctor(ctx context.Context, args []string, t terminal) error {
	var given configFlags
	flags := flag.NewFlagSet("doctor", flag.ContinueOnError)
	given.register(flags)
	output := flags.String("output", "text", "the `format` of the report: text or json")
	if err := parse(flags, args, t); err != nil {
		return err
	}
	if *output != "text" && *output != "json" {
		return usageError{"--output must be text or json"}
	}
	d := &doctor{}
	if *output == "text" {
		d.lines = t.out
	}
	c, err := given.load()
	if usage, wrong := errors.AsType[usageError](err); wrong {
		return usage
	}
	if err == nil {
		d.ok("configuration", given.file)
		d.examine(ctx, c)
	} else if d.lines == nil {
		d.fail("configuration", err, "mend the keys that are named; docs/configuration.md has them all")
	} else {
		return err
	}
	if *output == "json" {
		if err := d.writeJSON(t.out); err != nil {
			return err
		}
	}
	if d.failed {
		return errUnhealthy
	}
	return nil
}

// examine runs all checks.
func (d *doctor) examine(ctx context.Context, c *config.Config) {
	d.listeners(c.Listen)
	d.certificates(c.Listen.TLS)
	d.policy(c.Policy)
	d.trail(c.Audit)
	d.state(ctx, c)
	d.callers(c)
	d.issuers(ctx, c.Callers)
	d.budget(c)
	d.accounts(ctx, c)
}

// The results of a check. Only failed makes doctor fail.
const (
	checkOK      = "ok"
	checkWarning = "warning"
	checkFailed  = "failed"
)

// finding is the result of one check, and an object of the JSON report.
type finding struct {
	// Check names the checked key or section of the configuration.
	Check string `json:"check"`
	// Status is ok, warning or failed.
	Status string `json:"status"`
	// Message is the result in words.
	Message string `json:"message"`
	// Fix is the remedy. Empty only if Status is ok.
	Fix string `json:"fix,omitempty"`
}

// doctor collects findings.
type doctor struct {
	// lines receives each finding at once, as text. Nil: findings are only
	// collected.
	lines    io.Writer
	findings []finding
	failed   bool
}

func (d *doctor) ok(check, message string) {
	d.add(finding{Check: check, Status: checkOK, Message: message})
}

func (d *doctor) warn(check, message, fix string) {
	d.add(finding{Check: check, Status: checkWarning, Message: message, Fix: fix})
}

func (d *doctor) fail(check string, err error, fix string) {
	d.failed = true
	d.add(finding{Check: check, Status: checkFailed, Message: err.Error(), Fix: fix})
}

// report adds the result of a check: the error, or ok with a message.
func (d *doctor) report(check string, err error, message, fix string) {
	if err != nil {
		d.fail(check, err, fix)
		return
	}
	d.ok(check, message)
}

func (d *doctor) add(f finding) {
	d.findings = append(d.findings, f)
	if d.lines == nil {
		return
	}
	word := map[string]string{checkOK: "ok   ", checkWarning: "WARN ", checkFailed: "FAIL "}[f.Status]
	say(d.lines, "%s %s: %s\n", word, f.Check, f.Message)
	if f.Fix != "" {
		say(d.lines, "      fix: %s\n", f.Fix)
	}
}

// writeJSON writes the whole report as one object.
func (d *doctor) writeJSON(to io.Writer) error {
	text, err := json.MarshalIndent(struct {
		OK     bool      `json:"ok"`
		Checks []finding `json:"checks"`
	}{!d.failed, d.findings}, "", "  ")
	if err != nil {
		return fmt.Errorf("writing the report: %w", err)
	}
	say(to, "%s\n", text)
	return nil
}
