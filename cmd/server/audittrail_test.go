package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"platform.internal/storekeeper/internal/store/postgrestest"
)

// sharedSets returns the settings of a program with records and trail in a
// database.
func sharedSets(t testing.TB, server *postgrestest.Server) []string {
	t.Helper()
	key := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(key, []byte(strings.Repeat("k", 32)), 0o600); err != nil {
		t.Fatal(err)
	}
	return []string{
		"store.kind=postgres", "store.key_file=" + key, "store.postgres.hosts[0]=" + server.Address(), "store.postgres.tls=off",
		"store.postgres.user=" + postgrestest.Superuser, "store.postgres.database=" + postgrestest.Superuser,
		"audit.sink=store", "audit.file=",
	}
}

// withConfig are the arguments of a command about the configuration of a program.
func (p *program) withConfig(command ...string) []string {
	args := append(command, "--config", p.file)
	for _, set := range p.setup.sets {
		args = append(args, "--set", set)
	}
	return args
}

func TestTheTrailOfADatabaseIsVerifiedAndExported(t *testing.T) {
	t.Parallel()
	server := postgrestest.Start(t)
	p := start(t, setup{sets: sharedSets(t, server)})
	p.must("POST", "stores", `{"name":"s"}`)
	got := runToEnd(p.withConfig("audit", "verify")...)
	if got.code != exitOK || !strings.Contains(got.out, "every record is what was written") || !strings.Contains(got.out, "0 intents have no outcome yet") {
		t.Fatalf("audit verify: %d %s%s", got.code, got.out, got.err)
	}
	exported := runToEnd(p.withConfig("audit", "export")...)
	all := readTrail(t, exported.out)
	if exported.code != exitOK || len(all) < 3 || all[0].Kind != "start" || strings.Count(exported.out, `"kind":"intent"`) != 1 || strings.Count(exported.out, `"kind":"outcome"`) != 1 {
		t.Fatalf("audit export: %d %s%s", exported.code, exported.out, exported.err)
	}
	rest := runToEnd(p.withConfig("audit", "export", "--after", "2")...)
	if _, want, _ := strings.Cut(exported.out, "\n"); rest.code != exitOK || rest.out != want[strings.Index(want, "\n")+1:] {
		t.Errorf("audit export --after 2: %d %s%s", rest.code, rest.out, rest.err)
	}
	// The lines are the hashed bytes, so a file of the lines verifies.
	file := filepath.Join(t.TempDir(), "audit.log")
	written(t, file, exported.out)
	if got := runToEnd("audit", "verify", file); !strings.Contains(got.out, fmt.Sprintf("%d records", len(all))) {
		t.Errorf("audit verify of what was exported: %d %s%s", got.code, got.out, got.err)
	}

	server.Exec(postgrestest.Superuser, `update storekeeper.trail set line = replace(line, '"kind":"intent"', '"kind":"denial"') where seq = 2`)
	got = runToEnd(p.withConfig("audit", "verify")...)
	if got.code != exitFailed || !strings.Contains(got.out, "FAIL") || !strings.Contains(got.err, "is not what was written") {
		t.Errorf("audit verify of a trail that was changed: %d %s%s", got.code, got.out, got.err)
	}
}

func TestATrailThatIsNotThereIsNotMade(t *testing.T) {
	t.Parallel()
	server := postgrestest.Start(t)
	p := &program{t: t, folder: t.TempDir(), setup: setup{sets: sharedSets(t, server)}, cfURL: "http://127.0.0.1:1"}
	p.file = p.writeConfig(p.setup)
	for _, command := range []string{"verify", "export"} {
		for range 2 {
			if got := runToEnd(p.withConfig("audit", command)...); got.code != exitFailed || !strings.Contains(got.err, "it is empty") {
				t.Errorf("audit %s: %d %s%s", command, got.code, got.out, got.err)
			}
		}
	}
}

func TestAuditCommandsTakeFilesOrAConfiguration(t *testing.T) {
	t.Parallel()
	p := start(t, setup{})
	p.must("POST", "stores", `{"name":"s"}`)
	p.stop()
	streamed := &program{t: t, folder: t.TempDir(), setup: setup{sets: []string{"audit.sink=stdout", "audit.file="}}, cfURL: "http://127.0.0.1:1"}
	streamed.file = streamed.writeConfig(streamed.setup)
	for name, c := range map[string]struct {
		args []string
		code int
		says string
	}{
		"the file of a configuration": {p.withConfig("audit", "verify"), exitOK, "every record is what was written"},
		"both":                        {append(p.withConfig("audit", "verify"), "audit.log"), exitUsage, "FILE and --key-file must not be given"},
		"both keys":                   {append(p.withConfig("audit", "verify"), "--key-file", "key"), exitUsage, "FILE and --key-file must not be given"},
		"neither":                     {[]string{"audit", "verify"}, exitUsage, "audit verify --config FILE"},
		"export of a file":            {p.withConfig("audit", "export"), exitOK, `"kind":"outcome"`},
		"export of nothing":           {[]string{"audit", "export"}, exitUsage, "FILE is missing"},
		"a query of both":             {append(p.withConfig("audit", "query"), "audit.log"), exitUsage, "FILE must not be given"},
		"a query of a missing file":   {[]string{"audit", "query", filepath.Join(p.folder, "missing")}, exitFailed, "no such file"},
		"a query of a stream":         {streamed.withConfig("audit", "query"), exitFailed, "audit.sink is stdout"},
		"another outcome":             {[]string{"audit", "query", "--outcome", "good", "audit.log"}, exitUsage, "succeeded failed unknown not_sent open"},
		"another time":                {[]string{"audit", "query", "--since", "1y", "audit.log"}, exitUsage, "an age such as 30d"},
		"another output":              {[]string{"audit", "query", "--output", "xml", "audit.log"}, exitUsage, "table, jsonl or ocsf"},
		"another format":              {[]string{"audit", "export", "--format", "xml", "audit.log"}, exitUsage, "jsonl or ocsf"},
		"a stream":                    {streamed.withConfig("audit", "verify"), exitFailed, "audit.sink is stdout"},
		"export of a stream":          {streamed.withConfig("audit", "export"), exitFailed, "audit.sink is stdout"},
	} {
		if got := runToEnd(c.args...); got.code != c.code || !strings.Contains(got.out+got.err, c.says) {
			t.Errorf("%s: %d %s%s", name, got.code, got.out, got.err)
		}
	}
}
