// Package wrangler runs Cloudflare's command line tool, one process for each
// command. It must not interpret the output of the tool.
package wrangler

import (
	"bytes"
	"context"
	"errors"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"

	"platform.internal/storekeeper/test/clients/script"
)

// Client is the tool, connected to one side.
type Client struct {
	// Node is the path of node, and Folder the folder of the installed tool.
	Node, Folder string
	// Base is the URL of the API without a trailing slash.
	Base, Token string
	// Environment returns the environment of a process, without the settings of
	// the tool: each command gets a new home folder, so that no state is kept
	// between commands.
	Environment func(t testing.TB, more ...string) []string
	// T makes the homes.
	T testing.TB
}

// Do runs one command and returns its exit code and output.
func (c *Client) Do(ctx context.Context, call script.Call) (script.View, error) {
	if call.Op != script.Run {
		return nil, script.ErrNotOffered
	}
	tool, err := filepath.Abs(filepath.Join(c.Folder, "node_modules", "wrangler", "bin", "wrangler.js"))
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, c.Node, append([]string{tool}, call.Command.Args...)...)
	cmd.Env = c.Environment(c.T, c.settings(call)...)
	cmd.Dir = c.T.TempDir()
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if _, failed := errors.AsType[*exec.ExitError](cmd.Run()); !failed && !cmd.ProcessState.Success() {
		return nil, errors.New("wrangler could not be run")
	}
	return script.Seen(map[string]any{
		"exit": cmd.ProcessState.ExitCode(), "stdout": steady(stdout.String()), "stderr": steady(stderr.String()),
	})
}

// settings returns the environment variables of the tool: the URL of the API, and no telemetry.
func (c *Client) settings(call script.Call) []string {
	base, token := c.Base, c.Token
	if call.Command.Slash {
		base += "/"
	}
	if call.Token != "" {
		token = call.Token
	}
	settings := []string{
		"CLOUDFLARE_API_BASE_URL=" + base, "CLOUDFLARE_API_TOKEN=" + token,
		"CI=1", "NO_COLOR=1", "WRANGLER_SEND_METRICS=false", "WRANGLER_HIDE_BANNER=true",
	}
	if !call.Command.GuessAccount {
		settings = append(settings, "CLOUDFLARE_ACCOUNT_ID="+call.Account)
	}
	return settings
}

var (
	// localTime matches a time in the tool's format, to the second.
	localTime = regexp.MustCompile(`\d{1,2}/\d{1,2}/\d{4}, \d{1,2}:\d\d:\d\d [AP]M`)
	// padding fills tables up to the longest time.
	padding = regexp.MustCompile(`[ ]{2,}|\x{2500}{2,}`)
	logFile = regexp.MustCompile(`.*Logs were written to.*\n?`)
	ansi    = regexp.MustCompile("\x1b\\[[0-9;]*m")
)

// steady removes the parts that differ between any two runs.
func steady(printed string) string {
	for _, r := range []struct {
		pattern *regexp.Regexp
		by      string
	}{{ansi, ""}, {logFile, ""}, {localTime, "<time>"}, {padding, "  "}} {
		printed = r.pattern.ReplaceAllString(printed, r.by)
	}
	return printed
}
