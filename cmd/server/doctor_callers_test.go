package main

import (
	"strings"
	"testing"
	"time"
)

func TestDoctorWarnsOfKeysThatEndAndOfTenantsWithoutCallers(t *testing.T) {
	t.Parallel()
	in := func(d time.Duration) string { return ", expires: " + time.Now().Add(d).UTC().Format(time.RFC3339) }
	p := prepared(t, setup{callersFile: "tenants: [{name: find, id: search}, {name: gone, id: lost}]\napi_keys:\n" +
		keyEntry(callerName, callerKey, "") + keyEntry("a", "a", in(-time.Hour)) + keyEntry("b", "b", in(72*time.Hour)) +
		keyEntry("c", "c", in(90*24*time.Hour)) + keyEntry("d", "d", in(time.Hour)+", not_before: "+time.Now().UTC().Format(time.RFC3339)) +
		keyEntry("e", "e", ", tenant: find")})
	found := diagnosed(t, p, "quotas[0].tenant=search", "quotas[0].stores=1", "quotas[1].tenant=find2", "quotas[1].stores=1")
	for check, want := range map[string]struct{ status, says string }{
		"callers.api_keys[0]":     {"", ""},
		"callers.api_keys[1]":     {checkWarning, "a key of a expired at "},
		"callers.api_keys[2]":     {checkWarning, "a key of b expires at "},
		"callers.api_keys[3]":     {checkOK, "a key of c expires at "},
		"callers.api_keys[4]":     {checkOK, "a key of d expires at "},
		"callers.tenants[0].name": {"", ""},
		"callers.tenants[1].name": {checkWarning, "no caller has the tenant gone"},
		"quotas[0].tenant":        {"", ""},
		"quotas[1].tenant":        {checkWarning, "no caller has the tenant find2"},
	} {
		got := found.find(check)
		if got.Status != want.status || !strings.Contains(got.Message, want.says) || (got.Fix == "") != (want.status != checkWarning) {
			t.Errorf("%s: %+v, want %+v", check, got, want)
		}
	}
}
