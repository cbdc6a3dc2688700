package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	storekeeperv1 "platform.internal/storekeeper/gen/storekeeper/v1"
	"platform.internal/storekeeper/internal/audit"
	"platform.internal/storekeeper/internal/store/postgrestest"
)

func TestAuditQueryFindsWhatListChangesFinds(t *testing.T) {
	t.Parallel()
	for name, sets := range map[string]func(t *testing.T) []string{
		"files": func(*testing.T) []string { return nil },
		"postgres": func(t *testing.T) []string {
			t.Helper()
			return sharedSets(t, postgrestest.Start(t))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := start(t, setup{sets: sets(t)})
			secrets := "stores/" + p.must("POST", "stores", `{"name":"shop"}`).id() + "/secrets"
			id := p.must("POST", secrets, `[{"name":"KEY","value":"v","scopes":["workers"]}]`).id()
			p.must("PATCH", secrets+"/"+id, `{"comment":"x"}`)
			p.must("POST", secrets, `[{"name":"OTHER","value":"v","scopes":["workers"]}]`)
			p.queried(t)
			p.exported(t)
		})
	}
}

// queried compares the command with the call.
func (p *program) queried(t *testing.T) {
	online := p.listChanges(callerKey, asking("secret", "KEY"))
	got := runToEnd(p.withConfig("audit", "query", "--secret", "KEY", "--since", "1h", "--output", "jsonl")...)
	var offline []*storekeeperv1.Change
	for line := range strings.Lines(got.out) {
		c := &storekeeperv1.Change{}
		if err := protojson.Unmarshal([]byte(line), c); err != nil {
			t.Fatal(err, got.out, got.err)
		}
		offline = append(offline, c)
	}
	for _, c := range append(slices.Clone(online), offline...) {
		c.GetStore().Name = "" // an update has it from Cloudflare's list, if at all
	}
	if got.code != exitOK || !slices.EqualFunc(online, offline, func(a, b *storekeeperv1.Change) bool { return proto.Equal(a, b) }) {
		t.Errorf("the command finds %v %s, and the call %v", offline, got.err, online)
	}
	got = runToEnd(p.withConfig("audit", "query", "--store", "shop", "--caller", callerName, "--limit", "2")...)
	if lines := strings.Split(strings.TrimSpace(got.out), "\n"); got.code != exitOK || len(lines) != 3 || !strings.HasPrefix(lines[0], "BEGAN") ||
		!strings.Contains(lines[1], "secret.create") || !strings.Contains(lines[1], "OTHER") || !strings.Contains(lines[2], "secret.update") {
		t.Errorf("a table: %d %s%s", got.code, got.out, got.err)
	}
}

// exported checks the trail as OCSF events and as JSON lines.
func (p *program) exported(t *testing.T) {
	got := runToEnd(p.withConfig("audit", "export", "--format", "ocsf", "--since", "1h")...)
	var types []int
	for line := range strings.Lines(got.out) {
		var e struct {
			TypeUID  int                      `json:"type_uid"`
			Metadata struct{ Version string } `json:"metadata"`
		}
		if err := json.Unmarshal([]byte(line), &e); err != nil || e.Metadata.Version != "1.8.0" {
			t.Fatal(err, line)
		}
		types = append(types, e.TypeUID)
	}
	if !slices.Equal(types, []int{600301, 600301, 600303, 600301}) {
		t.Errorf("events %v: %s%s", types, got.out, got.err)
	}
	lines := runToEnd(p.withConfig("audit", "export")...)
	file := filepath.Join(t.TempDir(), "audit.log")
	if err := os.WriteFile(file, []byte(lines.out), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := runToEnd("audit", "query", file, "--secret", "KEY", "--output", "ocsf"); strings.Count(got.out, "\n") != 2 {
		t.Errorf("a query of what was exported: %d %s%s", got.code, got.out, got.err)
	}
	if got := runToEnd("audit", "export", file, "--until", "1h"); got.code != exitOK || got.out != "" {
		t.Errorf("an hour ago: %d %s%s", got.code, got.out, got.err)
	}
	missing := filepath.Join(t.TempDir(), "audit.log")
	if got := runToEnd("audit", "query", missing); got.code == exitOK || !strings.Contains(got.err, "no such file") {
		t.Errorf("a file that is missing: %d %s%s", got.code, got.out, got.err)
	}
	// A rotation renames the file, and then creates the new one.
	if err := os.Rename(file, audit.RotatedPath(missing, 99)); err != nil {
		t.Fatal(err)
	}
	for command, want := range map[string]int{"query": 5, "export": strings.Count(lines.out, "\n")} {
		got := runToEnd("audit", command, missing)
		if n := strings.Count(got.out, "\n"); got.code != exitOK || n != want {
			t.Errorf("audit %s between two files: %d, %d lines %s%s", command, got.code, n, got.out, got.err)
		}
	}
}

// TestAQueryOfATrailThatIsNotWholeSaysSo damages a trail. Records behind the damage are found, and the command fails:
// an answer without them would look like "nobody changed it".
func TestAQueryOfATrailThatIsNotWholeSaysSo(t *testing.T) {
	t.Parallel()
	p := start(t, setup{})
	secrets := "stores/" + p.must("POST", "stores", `{"name":"shop"}`).id() + "/secrets"
	for _, name := range []string{"A", "B", "C"} {
		p.must("POST", secrets, `[{"name":"`+name+`","value":"v","scopes":["workers"]}]`)
	}
	whole := runToEnd(p.withConfig("audit", "export")...)
	lines := strings.SplitAfter(strings.TrimSuffix(whole.out, "\n"), "\n")
	if whole.code != exitOK || len(lines) < 8 {
		t.Fatal(whole.code, whole.out, whole.err)
	}
	for what, damaged := range map[string]string{
		"the first line":  "no record\n" + strings.Join(lines[1:], "") + "\n",
		"a line between":  strings.Join(lines[:3], "") + "no record\n" + strings.Join(lines[3:], "") + "\n",
		"the last line":   whole.out + "no record\n",
		"the line behind": whole.out + strings.Repeat("x", 300<<10),
	} {
		file := filepath.Join(t.TempDir(), "audit.log")
		if err := os.WriteFile(file, []byte(damaged), 0o600); err != nil {
			t.Fatal(err)
		}
		const says = "parts of the audit trail are no records and were left out"
		for _, secret := range []string{"A", "C"} {
			got := runToEnd("audit", "query", file, "--secret", secret, "--output", "jsonl")
			if got.code != exitFailed || strings.Count(got.out, "\n") != 1 || !strings.Contains(got.err, says) {
				t.Errorf("%s, a query of %s: %d\n%s%s", what, secret, got.code, got.out, got.err)
			}
		}
		got := runToEnd("audit", "export", file, "--format", "ocsf")
		if got.code != exitFailed || strings.Count(got.out, "\n") < 4 || !strings.Contains(got.err, says) {
			t.Errorf("%s, events: %d\n%s%s", what, got.code, got.out, got.err)
		}
	}
	config := p.withConfig("audit", "query")[3]
	for _, command := range []string{"query", "export"} {
		got := runToEnd("audit", command, config)
		if got.code != exitFailed || got.out != "" || !strings.Contains(got.err, "holds no record of an audit trail") {
			t.Errorf("%s of another file: %d\n%s%s", command, got.code, got.out, got.err)
		}
		got = runToEnd("audit", command, config+".not")
		if got.code != exitFailed || got.out != "" || !strings.Contains(got.err, "no such file") {
			t.Errorf("%s of a missing file: %d\n%s%s", command, got.code, got.out, got.err)
		}
	}
}

func TestAQuerySaysThatItEndsAtItsLimit(t *testing.T) {
	t.Parallel()
	p := start(t, setup{})
	secrets := "stores/" + p.must("POST", "stores", `{"name":"shop"}`).id() + "/secrets"
	p.must("POST", secrets, `[{"name":"A","value":"v","scopes":["workers"]}]`)
	for limit, more := range map[string]bool{"1": true, "2": false, "3": false, "0": false} {
		got := runToEnd(p.withConfig("audit", "query", "--limit", limit)...)
		if got.code != exitOK || strings.Contains(got.err, "these are the newest 1, and --limit 0 lists all") != more || !more && got.err != "" {
			t.Errorf("limit %s: %d\n%s%s", limit, got.code, got.out, got.err)
		}
	}
}

// A kill just after a rotation leaves a part of the first line, which the next start removes.
func TestAQueryAfterAKillReadsTheRotatedFiles(t *testing.T) {
	t.Parallel()
	p := start(t, setup{})
	secrets := "stores/" + p.must("POST", "stores", `{"name":"shop"}`).id() + "/secrets"
	p.must("POST", secrets, `[{"name":"A","value":"v","scopes":["workers"]}]`)
	whole := runToEnd(p.withConfig("audit", "export")...)
	file := filepath.Join(t.TempDir(), "audit.log")
	rotated := audit.RotatedPath(file, uint64(strings.Count(whole.out, "\n")))
	for what, tc := range map[string]struct {
		rotated, file string
		code          int
	}{
		"a part of a line":        {whole.out, `{"seq":99,"ti`, exitOK},
		"no record":               {whole.out, "no record\n", exitFailed},
		"a part of a line before": {whole.out + `{"seq":9`, "", exitFailed},
	} {
		written(t, rotated, tc.rotated)
		written(t, file, tc.file)
		for command, want := range map[string]string{"query": `"name":"A"`, "export": whole.out} {
			args := []string{"audit", command, file}
			if command == "query" {
				args = append(args, "--output", "jsonl")
			}
			got := runToEnd(args...)
			if got.code != tc.code || !strings.Contains(got.out, want) || (got.code == exitFailed) != strings.Contains(got.err, "parts of the audit trail are no records") {
				t.Errorf("%s, %s: %d\n%s%s", what, command, got.code, got.out, got.err)
			}
		}
	}
}
