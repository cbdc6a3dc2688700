package main

import (
	"context"
	"crypto/sha256"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"platform.internal/storekeeper/internal/porttest"
)

// ran is the result of a command.
type ran struct {
	code     int
	out, err string
}

// runToEnd runs a command to its end.
func runToEnd(args ...string) ran {
	var out, complaints transcript
	code := run(context.Background(), args, terminal{out: &out, err: &complaints})
	return ran{code: code, out: out.String(), err: complaints.String()}
}

func TestACommandLineThatIsWrongIsExplained(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		args []string
		code int
		says string
	}{
		{nil, exitUsage, "a command is missing\nUsage: server COMMAND"},
		{[]string{"srve"}, exitUsage, `there is no command "srve"` + "\nUsage: server COMMAND"},
		{[]string{"serve"}, exitUsage, "--config FILE is missing"},
		{[]string{"doctor"}, exitUsage, "--config FILE is missing"},
		{[]string{"apikey"}, exitUsage, "--name CALLER is missing"},
		{[]string{"policy"}, exitUsage, "policy is a group of commands; name one of them\nUsage: server COMMAND\n\n  server policy test"},
		{[]string{"audit", "veryfy"}, exitUsage, `there is no command "audit veryfy"` + "\nUsage: server COMMAND\n\n  server audit verify"},
		{[]string{"help", "srve"}, exitUsage, `there is no command "srve"`},
		{[]string{"help", "policy", "tset"}, exitUsage, `there is no command "policy tset"`},
		{[]string{"help", "dev", "serve"}, exitUsage, `there is no command "dev serve"`},
		{[]string{"apikey", "--name", "Team A"}, exitUsage, "--name must be 1 to 128 of a-z, 0-9"},
		{[]string{"serve", "--nope"}, exitUsage, "flag provided but not defined: -nope"},
		{[]string{"serve", "config.yaml"}, exitUsage, `serve takes no argument "config.yaml"`},
		{[]string{"emulator", "--account", "x"}, exitUsage, "32 lower-case hexadecimal digits"},
		{[]string{"serve", "--config", "/nonexistent/config.yaml"}, exitFailed, "/nonexistent/config.yaml: cannot be read"},
		{[]string{"dev", "--set", "listen.rest=0.0.0.0:0"}, exitFailed, "--set listen.rest: must be on loopback in dev mode"},
		{[]string{"dev", "--set", "listen.rset=127.0.0.1:0"}, exitFailed, "listen.rset"},
	} {
		got := runToEnd(tc.args...)
		if got.code != tc.code || !strings.Contains(got.err, tc.says) || got.out != "" {
			t.Errorf("%q: %d\nout %s\nerr %s", tc.args, got.code, got.out, got.err)
		}
	}
}

func TestHelpNamesEveryCommand(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"help"}, {"-h"}, {"--help"}, {"help", "help"}} {
		got := runToEnd(args...)
		for _, c := range commands() {
			if got.code != exitOK || !strings.Contains(got.out, "  server "+c.usage+"\n        "+c.summary+"\n") {
				t.Errorf("%q: %d, lacks %s", args, got.code, c.name)
			}
		}
	}
	for _, c := range commands() {
		words := strings.Fields(c.name)
		for _, flag := range []string{"-h", "--help"} {
			if got := runToEnd(append(slices.Clone(words), flag)...); got.code != exitOK || !strings.HasPrefix(got.out, "Usage of "+c.name) || got.err != "" {
				t.Errorf("%s %s: %d, out %q, err %q", c.name, flag, got.code, got.out, got.err)
			}
		}
		// In full, and by the group alone.
		for _, asked := range [][]string{append([]string{"help"}, words...), {"help", words[0]}, {words[0], "--help"}} {
			got := runToEnd(asked...)
			if said := got.out + got.err; got.code != exitOK || asked[0] == "help" && !strings.Contains(got.out, c.summary) || said == "" {
				t.Errorf("%q: %d %s", asked, got.code, said)
			}
		}
	}
	for _, asked := range []string{"version", "--version", "-version"} {
		if got := runToEnd(asked); got.code != exitOK || !regexp.MustCompile(`^storekeeper \S+ go1\S+ \w+/\w+\n$`).MatchString(got.out) {
			t.Errorf("%s: %d %q", asked, got.code, got.out)
		}
	}
}

func TestEveryMistakeInAConfigurationIsNamedAtOnce(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "config.yaml")
	const broken = `listen:
  rest: nowhere
accounts:
  - id: 12
    name: main
    base_url: http://example.com
    credential: {api_token_file: missing}
callers:
  api_keys:
    - {name: a, sha256: sk_in-plain-text}
unknown: 1
`
	if err := os.WriteFile(file, []byte(broken), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, command := range []string{"serve", "doctor"} {
		got := runToEnd(command, "--config", file, "--set", "telemetry.log.level=loud")
		if got.code != exitFailed {
			t.Errorf("%s: exit code %d", command, got.code)
		}
		for _, want := range []string{":2: listen.rest: ", ":4: accounts[0].id: ", ":6: accounts[0].base_url: ", ":10: callers.api_keys[0].sha256: ", ":11: ", "--set telemetry.log.level: "} {
			if !strings.Contains(got.err, want) {
				t.Errorf("%s: %q is not in\n%s", command, want, got.err)
			}
		}
		if strings.Contains(got.err+got.out, "in-plain-text") {
			t.Errorf("%s repeats a key: %s", command, got.err)
		}
	}
}

func TestAServiceThatCannotListenSaysWhere(t *testing.T) {
	t.Parallel()
	p := start(t, setup{})
	file := filepath.Join(p.folder, "config.yaml")
	taken := strings.TrimPrefix(p.admin, "http://")
	got := runToEnd("serve", "--config", file, "--set", "listen.rest=127.0.0.1:0", "--set", "listen.grpc=127.0.0.1:0", "--set", "listen.admin="+taken,
		"--set", "audit.file="+filepath.Join(p.folder, "another.log"), "--set", "store.folder="+filepath.Join(p.folder, "another"))
	if got.code != exitFailed || !strings.Contains(got.err, taken+" is in use: stop the program that listens there, or choose another port, as with --set listen.admin=127.0.0.1:0") {
		t.Errorf("%d %s", got.code, got.err)
	}
	if got := runToEnd("emulator", "--listen", taken); got.code != exitFailed || !strings.Contains(got.err, "as with --listen=127.0.0.1:0") {
		t.Errorf("emulator: %d %s", got.code, got.err)
	}
}

// Two processes would not know each other's changes.
func TestTwoServicesCannotShareTheirState(t *testing.T) {
	t.Parallel()
	p := start(t, setup{})
	got := runToEnd(append([]string{"serve", "--config", p.file, "--set", "audit.file=" + filepath.Join(p.folder, "another.log")}, anyPorts()...)...)
	if got.code != exitFailed || !strings.Contains(got.err, "store.folder") || !strings.Contains(got.err, "another process holds it") {
		t.Errorf("%d %s", got.code, got.err)
	}
	p.must("GET", "stores", "")
}

func TestDoctorTellsWhatHolds(t *testing.T) {
	t.Parallel()
	p := start(t, setup{})
	file := filepath.Join(p.folder, "config.yaml")
	args := append([]string{"doctor", "--config", file}, anyPorts()...)
	good := runToEnd(args...)
	for _, want := range []string{"configuration: " + file, "listen.rest: ", "listen.grpc: ", "listen.admin: ", "account main credential: user token is active", "account main quota: 0 of 100 secrets are in use"} {
		if good.code != exitOK || !strings.Contains(good.out, "ok    "+want) {
			t.Errorf("%d, lacks %s: %s%s", good.code, want, good.out, good.err)
		}
	}
	if stores, secrets := p.cf.Counts(accountID); stores+secrets != 0 {
		t.Error("doctor has changed something")
	}

	p.writeFile(p.tokenFile(), "cf-token-that-nobody-knows")
	bad := runToEnd(append(args, "--set", "listen.rest="+strings.TrimPrefix(p.rest, "http://"))...)
	for _, want := range []string{"FAIL  listen.rest: ", "ok    listen.grpc: ", "FAIL  account main credential: UPSTREAM_CREDENTIAL_REFUSED", "FAIL  account main quota: UPSTREAM_CREDENTIAL_REFUSED"} {
		if bad.code != exitFailed || !strings.Contains(bad.out, want) {
			t.Errorf("%d, lacks %s: %s%s", bad.code, want, bad.out, bad.err)
		}
	}
	down := runToEnd(append(args, "--set", "accounts[0].base_url=http://"+porttest.Address(t)+"/client/v4")...)
	if down.code != exitFailed || !strings.Contains(down.out, "FAIL  account main quota: UPSTREAM_UNREACHABLE") {
		t.Errorf("%d %s%s", down.code, down.out, down.err)
	}
	if text := good.out + good.err + bad.out + bad.err + down.out + down.err; strings.Contains(text, "that-nobody-knows") || strings.Contains(text, platformToken) {
		t.Errorf("doctor shows a credential: %s", text)
	}
	if err := os.Remove(p.tokenFile()); err != nil {
		t.Fatal(err)
	}
	if gone := runToEnd(args...); gone.code != exitFailed || !strings.Contains(gone.err, "accounts[0].credential.api_token_file: must name a file that exists") {
		t.Errorf("%d %s%s", gone.code, gone.out, gone.err)
	}
}

func TestANewAPIKeyWorksAsPrinted(t *testing.T) {
	t.Parallel()
	got := runToEnd("apikey", "--name", "team-new")
	key := regexp.MustCompile(`(?m)^  (sk_[0-9a-f]{48})$`).FindStringSubmatch(got.out)
	entry := regexp.MustCompile(`(?m)^  - name: team-new\n    sha256: ([0-9a-f]{64})$`).FindStringSubmatch(got.out)
	if got.code != exitOK || key == nil || entry == nil || entry[1] != fmt.Sprintf("%x", sha256.Sum256([]byte(key[1]))) {
		t.Fatalf("%d %s%s", got.code, got.out, got.err)
	}
	// The forms of api_token and api_key that the Terraform provider accepts.
	for _, form := range []string{`^[0-9A-Za-z\-_]{40,80}$`, `^[0-9A-Za-z\-_]{37,60}$`} {
		if !regexp.MustCompile(form).MatchString(key[1]) {
			t.Errorf("the key does not fit %s", form)
		}
	}
	if again := runToEnd("apikey", "--name", "team-new"); again.out == got.out {
		t.Error("two keys are the same")
	}
	p := start(t, setup{callers: entry[0]})
	if got := p.must("GET", "/client/v4/user", "", "Authorization: Bearer "+key[1]); !strings.Contains(got.body, `"username":"team-new"`) {
		t.Errorf("got %s", got.body)
	}
	if got := p.do("GET", "/client/v4/user", "", "Authorization: Bearer "+entry[1]); got.status != http.StatusUnauthorized {
		t.Errorf("the digest is taken for the key: %s", got.body)
	}
}
