package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// policyFile writes rules for two teams and operators.
func policyFile(t *testing.T) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "policy.yaml")
	const text = `rules:
  - {id: pay, actions: [secret.*], when: 'principal.tenant == "payments" && store == "default" && secret.startsWith("PAY_")'}
  - {id: branch, actions: [secret.update], when: 'principal.claims.ref == "main" && "ci" in principal.groups && scopes.all(s, s == "workers")'}
  - {id: run, actions: [operator.*], when: 'principal.name == "ops"'}
`
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestAPolicyFileIsAskedOffline(t *testing.T) {
	t.Parallel()
	file := policyFile(t)
	for _, tc := range []struct {
		name string
		args string
		code int
		out  string
	}{
		{"explain what is allowed", "explain --as tenant=payments --do secret.update --on account=main,store=default,secret=PAY_X", exitOK,
			"Allowed by rule pay.\nRules that allow the caller secret.update:\n  pay: when store == \"default\" && secret.startsWith(\"PAY_\")\n"},
		{"explain what is denied", "explain --as tenant=payments --do secret.update --on store=default,secret=OTHER", exitOK,
			"Denied: no rule allows it.\nRules that allow the caller secret.update:\n  pay: when"},
		{"explain what depends on a name", "explain --as tenant=payments --do secret.update --on store=default", exitOK, "Not decided: it depends on the name"},
		{"explain what nobody allows", "explain --as tenant=search --do secret.update --on store=default,secret=PAY_X", exitOK,
			"Denied: no rule allows it.\nNo rule allows the caller secret.update on any object.\n"},
		{"explain by claims, groups and scopes", "explain --as group=a,group=ci --as claim.ref=main --do secret.update --on store=s,secret=x,scope=workers", exitOK,
			"Allowed by rule branch.\nRules that allow the caller secret.update:\n  branch: when scopes.all(s, s == \"workers\")\n"},
		{"explain for programs", "explain --as tenant=payments --do secret.get --on store=default,secret=PAY_X --output json", exitOK,
			`{"result":{"allowed":true,"rule":"pay","reason":""},"permissions":[{"rule":"pay","actions":["secret.create","secret.get",`},
		{"list", "can-i --list --as name=ops", exitOK, "run\n  operator.status, operator.tenants\n  on everything\n"},
		{"list nothing", "can-i --list --as name=nobody", exitOK, "No rule allows the caller anything.\n"},
		{"list one action that is not allowed", "can-i --list --as tenant=payments --do store.get", exitOK, "No rule allows the caller store.get on any object.\n"},
		{"list one action", "can-i --list --as tenant=payments --do secret.delete", exitOK, "pay\n  secret.create,"},
		{"list for programs", "can-i --list --as name=ops --output json", exitOK,
			`{"permissions":[{"rule":"run","actions":["operator.status","operator.tenants"],"condition":"","account":"","store":"","secret":"","secretPrefix":"","hidden":false}],"nextPageToken":"","policy":"sha256:`},
		{"yes", "can-i --as tenant=payments --do secret.get --on store=default,secret=PAY_X", exitOK, "yes\n"},
		{"no", "can-i --as tenant=payments --do store.get --on store=default", exitFailed, "no\n"},
		{"no for programs", "can-i --as tenant=payments --do store.get --on store=default --output json", exitFailed, `{"results":[{"allowed":false,"rule":"","reason":"NOT_ALLOWED"}],"policy":"sha256:`},
	} {
		args := append([]string{"policy"}, strings.Fields(tc.args)...)
		got := runToEnd(append(args, "--policy", file)...)
		if got.code != tc.code || !strings.HasPrefix(got.out, tc.out) || got.err != "" {
			t.Errorf("%s: %d\nout %s\nerr %s", tc.name, got.code, got.out, got.err)
		}
	}
}

func TestAQuestionToAPolicyFileThatIsWrongIsExplained(t *testing.T) {
	t.Parallel()
	file := policyFile(t)
	for args, says := range map[string]string{
		"explain":                                                                               "--policy FILE is missing",
		"explain --policy " + file:                                                              "--do ACTION is missing",
		"can-i --policy " + file:                                                                "--do ACTION is missing",
		"can-i --do secret.put --policy " + file:                                                `--do: there is no action "secret.put"; there are `,
		"can-i --list --as team=x --policy " + file:                                             `--as: "team=x" must be KEY=VALUE with one of the keys name, tenant, group, kind, claim.NAME`,
		"can-i --list --as x --policy " + file:                                                  `--as: "x" must be KEY=VALUE`,
		"explain --do secret.get --on id=x --policy " + file:                                    `--on: "id=x" must be KEY=VALUE with one of the keys account, store, secret, scope`,
		"explain --do secret.get --as tenant=a,tenant=b --policy " + file:                       "--as: tenant is given twice; only group may be repeated",
		"explain --do secret.get --as claim.ref=a --as claim.ref=b --policy " + file:            "--as: claim.ref is given twice",
		"can-i --do secret.get --on store=s,secret=A,scope=a,scope=b,secret=B --policy " + file: "--on: secret is given twice; only scope may be repeated",
		"can-i --list --on store=s --policy " + file:                                            "--list takes no --on; for an answer about one object, give --do and --on",
		"explain --do secret.get --output xml --policy " + file:                                 `--output: "xml" must be text or json`,
	} {
		got := runToEnd(append([]string{"policy"}, strings.Fields(args)...)...)
		if got.code != exitUsage || !strings.Contains(got.err, says) || got.out != "" {
			t.Errorf("%s: %d\nout %s\nerr %s", args, got.code, got.out, got.err)
		}
	}
	if got := runToEnd("policy", "explain", "--do", "secret.get", "--policy", file+".not"); got.code != exitFailed || !strings.Contains(got.err, "policy.yaml.not") {
		t.Errorf("a file that is not there: %d %s", got.code, got.err)
	}
}
