package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"strings"

	"platform.internal/storekeeper/internal/authz"
	"platform.internal/storekeeper/internal/config"
)

// checkOutput checks the value of --output.
func checkOutput(format string) error {
	if format != "text" && format != "json" {
		return usageError{"--output must be text or json"}
	}
	return nil
}

// runConfigCheck reports all mistakes of a configuration, of the named files and of
// the rules. It opens no listener and makes no call; doctor does both.
func runConfigCheck(_ context.Context, args []string, t terminal) error {
	var given configFlags
	flags := flag.NewFlagSet("config check", flag.ContinueOnError)
	given.register(flags)
	output := flags.String("output", "text", "the `format` of the report: text or json")
	if err := parse(flags, args, t); err != nil {
		return err
	}
	if err := checkOutput(*output); err != nil {
		return err
	}
	if given.file == "" {
		return usageError{"--config FILE is missing"}
	}
	c, mistakes := config.Check(given.file, given.sets)
	var rules *authz.PolicyFile
	if c != nil {
		var more config.Mistakes
		rules, more = checkRules(c, mistakes)
		mistakes = append(mistakes, more...)
	}
	if *output == "json" {
		if err := printMistakesJSON(t, mistakes); err != nil {
			return err
		}
	}
	switch {
	case len(mistakes) > 0 && *output == "text":
		say(t.out, "%s\n", mistakes)
		fallthrough
	case len(mistakes) > 0:
		return fmt.Errorf("%s has %s", given.file, count(len(mistakes), "mistake"))
	case *output == "text":
		k := c.Callers
		say(t.out, "%s has no mistakes: %s, %s, %s, %s, %s, %s\n", given.file, count(len(c.Accounts), "account"), count(len(k.APIKeys), "API key"),
			count(len(k.Issuers), "issuer"), count(len(k.Certificates), "client certificate"), count(len(rules.Rules), "rule"), count(len(rules.Tests), "passing test"))
	}
	return nil
}

// checkRules compiles and tests the rules, unless their file has a mistake already.
func checkRules(c *config.Config, known config.Mistakes) (*authz.PolicyFile, config.Mistakes) {
	for _, m := range known {
		if m.Key == "policy.file" || c.Policy.File == "" {
			return nil, nil
		}
	}
	_, rules, err := authz.ReadFile(c.Policy.File)
	if found, ok := errors.AsType[authz.Mistakes](err); ok {
		var mistakes config.Mistakes
		for _, m := range found {
			mistakes = append(mistakes, config.Mistake{File: m.File, Line: m.Line, Text: m.Text})
		}
		return nil, mistakes
	}
	if err != nil {
		return nil, config.Mistakes{{File: c.Policy.File, Text: strings.TrimPrefix(err.Error(), c.Policy.File+": ")}}
	}
	return rules, nil
}

// printMistakesJSON prints one object.
func printMistakesJSON(t terminal, mistakes config.Mistakes) error {
	type mistake struct {
		File    string `json:"file"`
		Line    int    `json:"line,omitempty"`
		Key     string `json:"key,omitempty"`
		Message string `json:"message"`
	}
	report := struct {
		OK       bool      `json:"ok"`
		Mistakes []mistake `json:"mistakes"`
	}{len(mistakes) == 0, make([]mistake, 0, len(mistakes))}
	for _, m := range mistakes {
		report.Mistakes = append(report.Mistakes, mistake{m.File, m.Line, m.Key, m.Text})
	}
	text, err := json.MarshalIndent(report, "", "  ")
	if err != nil {
		return fmt.Errorf("writing the report: %w", err)
	}
	say(t.out, "%s\n", text)
	return nil
}

// count formats a number of things.
func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
