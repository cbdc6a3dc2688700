package main

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
)

// shows reports whether /metrics has a line that matches a pattern as a whole.
func (p *program) shows(pattern string) bool {
	p.t.Helper()
	_, page := p.page("/metrics")
	return regexp.MustCompile(`(?m)^` + pattern + `$`).MatchString(page)
}

// Each question of an operator has a metric with the right answer.
func TestMetricsAnswerQuestions(t *testing.T) {
	t.Parallel()
	p := start(t, setup{sets: []string{
		"quotas[0].tenant=" + callerName, "quotas[0].account=main", "quotas[0].secrets=7", "reads.max_staleness=5m",
	}})
	secrets := "stores/" + p.madeStore("questions") + "/secrets"
	p.must("POST", secrets, `[{"name":"A","value":"v","scopes":["workers"]}]`)
	p.must("GET", secrets, "")
	p.must("GET", secrets, "")
	if got := p.do("GET", "stores", "", "Authorization: Bearer nobody"); got.status != http.StatusUnauthorized {
		t.Fatalf("a key that nobody has gave %d", got.status)
	}
	for question, pattern := range map[string]string{
		"why were callers denied":          `storekeeper_denials_total\{reason="CREDENTIAL_UNKNOWN"\} 1`,
		"is it ready":                      `storekeeper_ready 1`,
		"which check fails":                `storekeeper_ready_check\{advisory="false",check="state"\} 1`,
		"which store is it":                `storekeeper_store_epoch\{store="[0-9a-f]{32}"\} [1-9][0-9]*`,
		"how long do commits take":         `storekeeper_store_commit_duration_seconds_count\{result="ok"\} [1-9][0-9]*`,
		"how long do syncs take":           `storekeeper_store_sync_duration_seconds_count\{result="ok"\} [1-9][0-9]*`,
		"how long do calls wait":           `storekeeper_budget_wait_duration_seconds_count\{credential="main",result="granted"\} [1-9][0-9]*`,
		"who gets permits":                 `storekeeper_budget_permits_total\{result="granted",tenant="` + callerName + `"\} [1-9][0-9]*`,
		"how many creates share a request": `storekeeper_batch_calls_sum 1`,
		"does the cache answer":            `storekeeper_cache_reads_total\{result="hit"\} [1-9][0-9]*`,
		"how much is left to a tenant":     `storekeeper_quota_limit_objects\{account="main",kind="secrets",tenant="` + callerName + `"\} 7`,
		"how much has a tenant":            `storekeeper_quota_used_objects\{account="main",kind="secrets",tenant="` + callerName + `"\} 1`,
		"how long is the trail":            `storekeeper_audit_last_record [1-9][0-9]*`,
		"how large is the trail":           `storekeeper_audit_file_bytes [1-9][0-9.e+]*`,
		"is anything missing in it":        `storekeeper_audit_gaps_total 0`,
		"what does Storekeeper itself add": `storekeeper_rpc_own_duration_seconds_count\{method=".*CreateSecrets",protocol="rest"\} 1`,
		"were the rules read":              `storekeeper_file_loads_total\{kind="policy"\} 1`,
	} {
		if !p.shows(pattern) {
			t.Errorf("%s? no line matches %s", question, pattern)
		}
	}
	p.await("the records reach the file of the trail", func() bool { return p.shows(`storekeeper_audit_backlog 0`) })
	_, page := p.page("/metrics")
	problems, err := promlint.New(strings.NewReader(page)).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, problem := range problems {
		t.Errorf("%s: %s", problem.Metric, problem.Text)
	}
}
