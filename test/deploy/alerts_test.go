package deploy_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

// In each scenario all is well for the first minutes, and then something happens.
const (
	wellMinutes    = 40
	troubleMinutes = 35
	// leadMinutes is how long before the trouble the rules are evaluated.
	leadMinutes = 6
)

// scenario is a condition, and the alerts that fire during the condition.
type scenario struct {
	// trouble has series that replace or extend the series of normal operation:
	// a name with labels, and the values during the condition.
	trouble map[string]string
	fires   []string
}

const (
	call    = `method="/secretsstore.v1.SecretsStoreService/CreateSecrets",protocol="rest"`
	day     = 86400
	okCount = `storekeeper_rpc_duration_seconds_count{` + call + `,code="OK",instance="r1"}`
)

// stays is a value that does not change.
func stays(value float64) string { return fmt.Sprintf("%gx%d", value, troubleMinutes) }

// gone is a series that ends.
func gone() string { return fmt.Sprintf("_x%d", troubleMinutes) }

// wellSeries are the series of two replicas in good times, with their values.
func wellSeries() map[string]string {
	well := map[string]string{}
	steady := func(value float64) string { return fmt.Sprintf("%gx%d", value, wellMinutes) }
	grows := func(perMinute int) string { return fmt.Sprintf("0+%dx%d", perMinute, wellMinutes) }
	for _, replica := range []string{"r1", "r2"} {
		set := func(name, labels, values string) {
			well[name+"{"+strings.TrimPrefix(labels+`,instance="`+replica+`"`, ",")+"}"] = values
		}
		for _, name := range []string{"up", "storekeeper_build_info", "storekeeper_ready", "storekeeper_store_healthy", "storekeeper_audit_healthy"} {
			set(name, "", steady(1))
		}
		for _, name := range []string{
			"storekeeper_audit_gaps_total", "storekeeper_panics_total", "storekeeper_intents_open", "storekeeper_audit_backlog",
			"storekeeper_store_damaged_records_total", "storekeeper_audit_denials_suppressed_total",
		} {
			set(name, "", steady(0))
		}
		set("storekeeper_changes_total", `event="late"`, steady(0))
		set("storekeeper_audit_disk_free_bytes", "", steady(1e12))
		set("storekeeper_store_epoch", `store="ab"`, grows(120))
		set("storekeeper_rpc_duration_seconds_count", call+`,code="OK"`, grows(60))
		for _, le := range []string{"0.05", "1", "5", "+Inf"} {
			set("storekeeper_rpc_duration_seconds_bucket", call+`,code="OK",le="`+le+`"`, grows(60))
			set("storekeeper_rpc_own_duration_seconds_bucket", call+`,le="`+le+`"`, grows(60))
		}
		set("storekeeper_rpc_own_duration_seconds_count", call, grows(60))
		for _, le := range []string{"0.005", "0.25", "+Inf"} {
			set("storekeeper_store_commit_duration_seconds_bucket", `result="ok",le="`+le+`"`, grows(120))
		}
		set("storekeeper_upstream_duration_seconds_count", `operation="CreateSecrets",status_class="2xx"`, grows(60))
		set("storekeeper_rpc_in_flight", call, steady(1))
		set("storekeeper_files_failing", `kind="policy"`, steady(0))
		set("storekeeper_budget_used_calls", `credential="main"`, steady(100))
		set("storekeeper_budget_limit_calls", `credential="main"`, steady(600))
		set("storekeeper_budget_waiting_calls", `credential="main"`, steady(0))
		set("storekeeper_budget_blocked_seconds", `credential="main"`, steady(0))
		set("storekeeper_budget_permits_total", `tenant="pay",result="granted"`, grows(30))
		set("storekeeper_budget_permits_total", `tenant="pay",result="refused"`, steady(0))
		set("storekeeper_quota_used_objects", `account="main",tenant="pay",kind="secrets"`, steady(10))
		set("storekeeper_quota_limit_objects", `account="main",tenant="pay",kind="secrets"`, steady(100))
		set("storekeeper_issuer_up", `issuer="ci"`, steady(1))
		set("storekeeper_issuer_keys", `issuer="ci"`, steady(2))
		set("storekeeper_issuer_keys_read_timestamp_seconds", `issuer="ci"`, fmt.Sprintf("0+60x%d", wellMinutes))
		set("storekeeper_issuer_keys_end_timestamp_seconds", `issuer="ci"`, fmt.Sprintf("%d+60x%d", day, wellMinutes))
		set("storekeeper_certificate_begin_timestamp_seconds", `certificate="listener"`, steady(-60*day))
		set("storekeeper_certificate_end_timestamp_seconds", `certificate="listener"`, steady(30*day))
	}
	return well
}

// continued are values that go on as they were.
func continued(values string) string {
	var first, growth float64
	if _, err := fmt.Sscanf(strings.ReplaceAll(values, "x", " "), "%g+%g", &first, &growth); err == nil {
		return fmt.Sprintf("%g+%gx%d", first+growth*(wellMinutes+1), growth, troubleMinutes)
	}
	if _, err := fmt.Sscanf(strings.ReplaceAll(values, "x", " "), "%g", &first); err == nil {
		return stays(first)
	}
	return gone()
}

// lines are the series of the whole time.
func (s scenario) lines() (all []string) {
	well := wellSeries()
	trouble := map[string]string{}
	for name, values := range s.trouble {
		for _, replica := range []string{"r1", "r2"} {
			trouble[strings.ReplaceAll(name, "BOTH", replica)] = values
		}
	}
	for name, before := range well {
		after, changed := trouble[name]
		if !changed {
			after = continued(before)
		}
		delete(trouble, name)
		all = append(all, inJob(name)+" "+before+" "+after)
	}
	for name, after := range trouble {
		all = append(all, inJob(name)+fmt.Sprintf(" _x%d ", wellMinutes+1)+after)
	}
	return all
}

// inJob adds the label that Prometheus adds.
func inJob(name string) string { return strings.TrimSuffix(name, "}") + `,job="storekeeper"}` }

// without are the series of a replica that has vanished, all of which end.
func without(replica string) map[string]string {
	ended := map[string]string{}
	for name := range wellSeries() {
		if strings.Contains(name, `instance="`+replica+`"`) {
			ended[name] = gone()
		}
	}
	return ended
}

func merged(sets ...map[string]string) map[string]string {
	all := map[string]string{}
	for _, set := range sets {
		maps.Copy(all, set)
	}
	return all
}

// ended are calls of a code, as many a minute as in good times, while none succeeds.
func ended(code string) map[string]string {
	return map[string]string{
		`storekeeper_rpc_duration_seconds_count{` + call + `,code="OK",instance="BOTH"}`:           stays(60 * wellMinutes),
		`storekeeper_rpc_duration_seconds_count{` + call + `,code="` + code + `",instance="BOTH"}`: fmt.Sprintf("0+60x%d", troubleMinutes),
	}
}

func scenarios() map[string]scenario {
	errorCount := `storekeeper_upstream_errors_total{operation="ListStores",reason="UPSTREAM_CREDENTIAL_REFUSED",instance="r1"}`
	return map[string]scenario{
		"all is well": {},
		"a replica is gone with its target": {
			trouble: without("r2"), fires: []string{"StorekeeperReplicaDown"},
		},
		"a replica cannot be scraped": {
			trouble: merged(without("r2"), map[string]string{`up{instance="r2"}`: stays(0)}), fires: []string{"StorekeeperReplicaDown"},
		},
		"no replica is left": {
			trouble: merged(without("r1"), without("r2")), fires: []string{"StorekeeperAbsent"},
		},
		"99 % of the calls end with DeadlineExceeded": {
			trouble: merged(ended("DeadlineExceeded"), map[string]string{okCount: fmt.Sprintf("%d+1x%d", 60*wellMinutes, troubleMinutes)}),
			fires:   []string{"StorekeeperErrorsBurnFast", "StorekeeperErrorsBurnSlow"},
		},
		"half of the calls are refused": {
			trouble: map[string]string{
				`storekeeper_rpc_duration_seconds_count{` + call + `,code="OK",instance="BOTH"}`:               fmt.Sprintf("%d+25x%d", 60*wellMinutes, troubleMinutes),
				`storekeeper_rpc_duration_seconds_count{` + call + `,code="PermissionDenied",instance="BOTH"}`: fmt.Sprintf("0+35x%d", troubleMinutes),
			},
			fires: []string{"StorekeeperCallsRefused"},
		},
		"one call in twenty is denied": {
			trouble: map[string]string{`storekeeper_rpc_duration_seconds_count{` + call + `,code="PermissionDenied",instance="BOTH"}`: fmt.Sprintf("0+3x%d", troubleMinutes)},
		},
		"Storekeeper itself takes too long for a third of the calls": {
			trouble: map[string]string{`storekeeper_rpc_own_duration_seconds_bucket{` + call + `,le="0.05",instance="BOTH"}`: fmt.Sprintf("%d+40x%d", 60*(wellMinutes+1), troubleMinutes)},
			fires:   []string{"StorekeeperLatencyBurnFast", "StorekeeperLatencyBurnSlow"},
		},
		"a changed policy cannot be used": {
			trouble: map[string]string{`storekeeper_files_failing{kind="policy",instance="r2"}`: stays(1)},
			fires:   []string{"StorekeeperReloadFailed"},
		},
		"a certificate has ten days left": {
			trouble: map[string]string{`storekeeper_certificate_end_timestamp_seconds{certificate="listener",instance="BOTH"}`: stays(10 * day)},
			fires:   []string{"StorekeeperCertificateEndsSoon"},
		},
		"a certificate has a day left": {
			trouble: map[string]string{`storekeeper_certificate_end_timestamp_seconds{certificate="listener",instance="BOTH"}`: stays(day)},
			fires:   []string{"StorekeeperCertificateEnds", "StorekeeperCertificateEndsSoon"},
		},
		"an issuer is down and its keys are old": {
			trouble: map[string]string{
				`storekeeper_issuer_up{issuer="ci",instance="BOTH"}`:                          stays(0),
				`storekeeper_issuer_keys_read_timestamp_seconds{issuer="ci",instance="BOTH"}`: stays(-20 * 3600),
				`storekeeper_issuer_keys_end_timestamp_seconds{issuer="ci",instance="BOTH"}`:  stays(4 * 3600),
			},
			fires: []string{"StorekeeperIssuerDown", "StorekeeperIssuerKeysOld"},
		},
		"the trail cannot be written": {
			trouble: map[string]string{`storekeeper_audit_healthy{instance="r1"}`: stays(0), `storekeeper_audit_backlog{instance="r1"}`: stays(20_000)},
			fires:   []string{"StorekeeperAuditBacklog", "StorekeeperAuditUnhealthy"},
		},
		"records are gone from the trail": {
			trouble: map[string]string{`storekeeper_audit_gaps_total{instance="r1"}`: stays(1)}, fires: []string{"StorekeeperAuditRecordsLost"},
		},
		"the store is away": {
			trouble: map[string]string{
				`storekeeper_store_healthy{instance="BOTH"}`: stays(0), `storekeeper_ready{instance="BOTH"}`: stays(0), `storekeeper_intents_open{instance="BOTH"}`: stays(-1),
			},
			fires: []string{"StorekeeperNotReady", "StorekeeperStoreUnhealthy"},
		},
		"an older copy of the store was restored": {
			trouble: map[string]string{`storekeeper_store_epoch{store="ab",instance="BOTH"}`: fmt.Sprintf("17+120x%d", troubleMinutes)},
			fires:   []string{"StorekeeperStoreReplaced"},
		},
		"replicas use different stores": {
			trouble: map[string]string{`storekeeper_store_epoch{store="cd",instance="r2"}`: stays(4), `storekeeper_store_epoch{store="ab",instance="r2"}`: gone()},
			fires:   []string{"StorekeeperStoreReplaced"},
		},
		"the budget starves a tenant": {
			trouble: map[string]string{
				`storekeeper_budget_permits_total{tenant="pay",result="refused",instance="BOTH"}`: fmt.Sprintf("0+50x%d", troubleMinutes),
			},
			fires: []string{"StorekeeperTenantStarved"},
		},
		"the budget is spent": {
			trouble: map[string]string{
				`storekeeper_budget_used_calls{credential="main",instance="BOTH"}`: stays(598), `storekeeper_budget_waiting_calls{credential="main",instance="BOTH"}`: stays(20),
			},
			fires: []string{"StorekeeperBudgetShort"},
		},
		"a tenant has used its quota": {
			trouble: map[string]string{`storekeeper_quota_used_objects{account="main",tenant="pay",kind="secrets",instance="BOTH"}`: stays(95)},
			fires:   []string{"StorekeeperQuotaNearlyUsed"},
		},
		"Cloudflare refuses the credential now and then": {
			trouble: map[string]string{errorCount: fmt.Sprintf("1+1x%d", troubleMinutes)}, fires: []string{"StorekeeperCredentialRefused"},
		},
	}
}

func TestAlertsFireInTheirScenariosAndNoOtherDoes(t *testing.T) {
	all := allRules(t)
	for name, s := range allScenarios() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRuleRunner(t, all, s.lines())
			var fired []string
			for n := wellMinutes - leadMinutes; n <= wellMinutes+troubleMinutes; n++ {
				firing := r.firing(n)
				if n <= wellMinutes && len(firing) > 0 {
					t.Fatalf("%v fire while all is well, at minute %d", firing, n)
				}
				fired = append(fired, firing...)
			}
			slices.Sort(fired)
			if fired = slices.Compact(fired); !slices.Equal(fired, s.fires) {
				t.Errorf("%v fired, want %v", fired, s.fires)
			}
		})
	}
}
