package main

import (
	"context"
	"encoding/json"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"platform.internal/storekeeper/internal/config"
	"platform.internal/storekeeper/internal/emulator"
)

func TestAConfigurationIsWrittenCheckedAndServedAsTheOutputSays(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "storekeeper")
	got := runToEnd("config", "init", "--folder", folder)
	if got.code != exitOK || got.err != "" {
		t.Fatalf("%d %s", got.code, got.err)
	}
	key := regexp.MustCompile(`sk_[0-9a-f]{48}`).FindString(got.out)
	// The printed commands are run, except for ports that another test may use.
	commands := regexp.MustCompile(`(?m)^  `+regexp.QuoteMeta(programName())+` (.*)$`).FindAllStringSubmatch(got.out, -1)
	if len(commands) != 3 || key == "" {
		t.Fatalf("it says %s", got.out)
	}
	if checked := runToEnd(strings.Fields(commands[0][1])...); checked.code != exitOK || !strings.Contains(checked.out, "has no mistakes: 1 account, 1 API key,") {
		t.Errorf("%s: %+v", commands[0][1], checked)
	}
	if words := strings.Fields(commands[1][1]); words[0] != "emulator" || words[4] != config.DevAccount {
		t.Errorf("the emulator is started by %v", words)
	}
	cf := httptest.NewServer(emulator.New(emulator.Config{Accounts: []emulator.Account{{ID: config.DevAccount}}}))
	t.Cleanup(cf.Close)
	p := &program{t: t, folder: folder}
	args := append(strings.Fields(commands[2][1]), append(anyPorts(), "--set", "accounts[0].base_url="+cf.URL+"/client/v4", "--set", "telemetry.log.format=json")...)
	p.begin(func(ctx context.Context, console terminal) int { return run(ctx, args, console) })
	p.arrive()
	as := "Authorization: Bearer " + key
	store := p.must("POST", "/client/v4/accounts/main/secrets_store/stores", `{"name":"default_secrets_store"}`, as).id()
	p.must("POST", "/client/v4/accounts/main/secrets_store/stores/"+store+"/secrets", `[{"name":"A","value":"v","scopes":["workers"]}]`, as)
	if again := runToEnd("config", "init", "--folder", folder); again.code != exitFailed || !strings.Contains(again.err, "nothing in it is overwritten") {
		t.Errorf("again: %+v", again)
	}
}

func TestConfigInitForCloudflare(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	token := filepath.Join(folder, "token")
	must(t, os.WriteFile(token, []byte(platformToken), 0o600))
	got := runToEnd("config", "init", "--folder", filepath.Join(folder, "x"), "--upstream", "cloudflare", "--account", accountID, "--token-file", token, "--output", "json")
	var made map[string]any
	if err := json.Unmarshal([]byte(got.out), &made); got.code != exitOK || err != nil || made["emulator"] != "" || strings.Contains(got.out, platformToken) {
		t.Fatalf("%+v: %v", got, err)
	}
	if checked := runToEnd("config", "check", "--config", made["config"].(string), "--output", "json"); checked.code != exitOK || !strings.Contains(checked.out, `"ok": true`) {
		t.Errorf("%+v", checked)
	}
	for name, c := range map[string]struct {
		args []string
		says string
	}{
		"no token":       {[]string{"--upstream", "cloudflare", "--account", accountID}, "--upstream cloudflare needs --account ID and --token-file FILE"},
		"a token":        {[]string{"--token-file", token}, "--token-file goes with --upstream cloudflare"},
		"another":        {[]string{"--upstream", "aws"}, "--upstream must be emulator or cloudflare"},
		"an account":     {[]string{"--account", "main"}, "--account must be 32 lower-case hexadecimal digits"},
		"an output":      {[]string{"--output", "xml"}, "--output must be text or json"},
		"no such token":  {[]string{"--upstream", "cloudflare", "--account", accountID, "--token-file", token + "x"}, "--token-file must name a file that exists"},
		"several wrongs": {[]string{"--caller", "A", "--account-name", "B"}, "--caller must be"},
	} {
		got := runToEnd(append([]string{"config", "init", "--folder", filepath.Join(folder, "y")}, c.args...)...)
		if _, err := os.Stat(filepath.Join(folder, "y")); got.code != exitUsage || !strings.Contains(got.err, c.says) || got.out != "" || err == nil {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

func TestConfigCheckReportsAllMistakesAtOnce(t *testing.T) {
	t.Parallel()
	p := &program{t: t, folder: t.TempDir(), cfURL: "https://cf.example.com"}
	file := p.writeConfig(setup{policy: `{rules: [], tests: [{name: x, as: {name: a}, do: store.get, allow: nobody}]}`})
	must(t, os.Remove(p.tokenFile()))
	args := []string{"config", "check", "--config", file, "--set", "reads.max_staleness=never"}
	want := []string{"accounts[0].credential.api_token_file", "--set reads.max_staleness: must be a duration", filepath.Join(p.folder, "policy.yaml") + `:1: tests[0] "x": is denied`}
	got := runToEnd(args...)
	for _, text := range want {
		if got.code != exitFailed || !strings.Contains(got.out, text) || !strings.Contains(got.err, "config.yaml has 3 mistakes") {
			t.Errorf("%q is missing: %+v", text, got)
		}
	}
	got = runToEnd(append(args, "--output", "json")...)
	var report struct {
		OK       bool
		Mistakes []struct{ File, Key, Message string }
	}
	if err := json.Unmarshal([]byte(got.out), &report); err != nil || got.code != exitFailed || report.OK || len(report.Mistakes) != 3 || report.Mistakes[2].File != filepath.Join(p.folder, "policy.yaml") {
		t.Errorf("%v: %+v", err, got)
	}
	for _, args := range [][]string{{"config", "check"}, {"config", "check", "--config", file, "--output", "xml"}, {"config"}} {
		if got := runToEnd(args...); got.code != exitUsage {
			t.Errorf("%v: %+v", args, got)
		}
	}
}

func TestAnAPIKeyHasAWholeEntry(t *testing.T) {
	t.Parallel()
	got := runToEnd("apikey", "--name", "team-search", "--tenant", "search", "--group", "ci", "--group", "on-call", "--valid-for", "24h")
	entry := got.out[strings.Index(got.out, "  - name:"):]
	file := filepath.Join(t.TempDir(), "callers.yaml")
	must(t, os.WriteFile(file, []byte("api_keys:\n"+entry), 0o600))
	c, err := config.Dev([]string{"callers.file=" + file})
	must(t, err)
	k := c.Callers.APIKeys[0]
	if k.Name != "team-search" || k.Tenant != "search" || strings.Join(k.Groups, " ") != "ci on-call" || k.Expires == 0 {
		t.Errorf("%s is %+v", entry, k)
	}
	for _, args := range [][]string{{"--tenant", "A"}, {"--group", "b:c"}, {"--valid-for", "-1h"}} {
		if got := runToEnd(append([]string{"apikey", "--name", "x"}, args...)...); got.code != exitUsage {
			t.Errorf("%v: %+v", args, got)
		}
	}
}
