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
	"time"

	"platform.internal/storekeeper/internal/audit"
	"platform.internal/storekeeper/internal/authn/authntest"
	"platform.internal/storekeeper/internal/emulator"
	"platform.internal/storekeeper/internal/store/file"
)

// cutChange is a change whose process ends before Cloudflare answers.
type cutChange struct {
	method, path, body string
	// executed says that Cloudflare has made the change by then.
	executed bool
	want     string
	// changed lists the changed fields in the trail.
	changed string
}

func TestTheTrailCallsNothingFailedThatIsNotProved(t *testing.T) {
	t.Parallel()
	const one, several = "/secrets/SECRET", "/secrets"
	for name, c := range map[string]cutChange{
		"a value that was set":            {"PATCH", one, `{"value":"n"}`, true, "unknown UNPROVEN", "value"},
		"a value that was not set":        {"PATCH", one, `{"value":"n"}`, false, "unknown NOT_SEEN", "value"},
		"a value set beside a comment":    {"PATCH", one, `{"value":"n","comment":"c"}`, true, "unknown UNPROVEN", "comment value"},
		"scopes that were set":            {"PATCH", one, `{"scopes":["access"]}`, true, "succeeded RECOVERED", "scopes"},
		"scopes that were not set":        {"PATCH", one, `{"scopes":["access"]}`, false, "unknown NOT_SEEN", "scopes"},
		"a secret that was made":          {"POST", several, newSecret, true, "succeeded RECOVERED", ""},
		"a secret that was not made":      {"POST", several, newSecret, false, "unknown NOT_SEEN", ""},
		"a copy that was made":            {"POST", one + "/duplicate", `{"name":"COPY","scopes":["dex"]}`, true, "succeeded RECOVERED", ""},
		"a secret that was deleted":       {"DELETE", one, "", true, "succeeded RECOVERED", ""},
		"a secret that was not deleted":   {"DELETE", one, "", false, "unknown NOT_SEEN", ""},
		"secrets that were deleted":       {"DELETE", several, `{"ids":["SECRET"]}`, true, "succeeded RECOVERED", ""},
		"secrets that were not deleted":   {"DELETE", several, `{"ids":["SECRET"]}`, false, "unknown NOT_SEEN", ""},
		"a store that was not deleted":    {"DELETE", "", "", false, "unknown NOT_SEEN", ""},
		"a secret that was never there":   {"DELETE", "/secrets/" + noSuchID, "", false, "failed SECRET_NOT_FOUND", ""},
		"deletions, one was never there":  {"DELETE", several, `{"ids":["SECRET","` + noSuchID + `"]}`, false, "unknown NOT_SEEN", ""},
		"a value of what was never there": {"PATCH", "/secrets/" + noSuchID, `{"value":"n"}`, false, "failed SECRET_NOT_FOUND", "value"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.check(t)
		})
	}
}

func (c cutChange) check(t *testing.T) {
	p := start(t, setup{sets: []string{"listen.shutdown_grace=50ms"}})
	w := p.given("secret")
	p.must("GET", "stores/"+w.store+"/secrets", "")
	p.inject(emulator.Fault{Kind: emulator.KindDelay, Delay: time.Minute, Method: c.method, Times: 1, AfterCommit: c.executed})
	fill := strings.NewReplacer("SECRET", w.secret)
	path, body := "stores/"+w.store+fill.Replace(c.path), fill.Replace(c.body)
	sent := p.sent()
	done := make(chan reply, 1)
	go func() {
		got, _ := p.try(context.Background(), c.method, path, strings.NewReader(body), "X-Request-Id: cut")
		done <- got
	}()
	p.await("the change arrives", func() bool { return p.sent() > sent })
	p.restart()
	if got := <-done; got.status == http.StatusOK {
		t.Errorf("the call that was cut: %d %s", got.status, got.body)
	}
	p.settled()
	var last trailLine
	p.await("the trail has an outcome of recovery", func() bool {
		all := p.trail(t).of(p.trail(t).about("cut")[0].ID)
		last = all[len(all)-1]
		return last.Kind == "outcome" && last.Reason != "UPSTREAM_ANSWER_LOST"
	})
	if all := p.trail(t).of(last.ID); slices.ContainsFunc(all, func(r trailLine) bool { return r.Kind == "alarm" }) {
		t.Errorf("the stop of the process raised an alarm: %+v", all)
	}
	if got := last.Outcome + " " + last.Reason; got != c.want {
		t.Errorf("the trail says %s, want %s", got, c.want)
	}
	if got := strings.Join(last.Changed, " "); got != c.changed {
		t.Errorf("the trail says that %q changed, want %q", got, c.changed)
	}
	if last.Caller != callerName || last.Action == "" || last.Account == "" {
		t.Errorf("the record of recovery does not say for whom and what: %+v", last)
	}
	if strings.Contains(c.path, "SECRET") && c.method != http.MethodPost && last.Secrets[0].Name == "" {
		t.Errorf("the record of recovery does not name the secret: %+v", last.Secrets)
	}
	made := c.method == http.MethodPost && c.executed
	if made && !slices.ContainsFunc(last.Secrets, func(s trailSecret) bool { return s.ID != "" && s.ID != w.secret }) {
		t.Errorf("the record of recovery does not name what was made: %+v", last.Secrets)
	}
}

func TestTheTrailTellsWhichTokenAndWhichRulesMadeAChange(t *testing.T) {
	t.Parallel()
	d := openDoor(t, setup{})
	token := bearer(d.issuer.Token(doorAudience, doorSubject, map[string]any{"jti": "token-9", "run_id": "4711"}))
	path := "/client/v4/accounts/" + accountID + "/secrets_store/stores/" + d.store + "/secrets"
	got, err := d.overREST(t, token, attempt{method: "POST", path: path, body: newSecret}, "made")
	if err != nil || got.status != http.StatusOK {
		t.Fatalf("%d %s %v", got.status, got.body, err)
	}
	rules, err := os.ReadFile(filepath.Join(d.folder, "policy.yaml"))
	must(t, err)
	digest := fmt.Sprintf("sha256:%x", sha256.Sum256(rules))
	records := d.trail(t).about("made")
	if len(records) != 2 {
		t.Fatalf("%+v", records)
	}
	for _, r := range records {
		if r.Issuer != d.issuer.URL || r.Subject != doorSubject || r.JTI != "token-9" || r.RunID != "4711" || r.Policy != digest {
			t.Errorf("the %s has %q %q %q %q %q", r.Kind, r.Issuer, r.Subject, r.JTI, r.RunID, r.Policy)
		}
	}
	if made := records[1].Secrets; len(made) != 1 || !identifier.MatchString(`"id":"`+made[0].ID+`"`) {
		t.Errorf("the outcome names %+v", made)
	}
}

func TestADenialNamesTheVerifiedTokenThatIsNotAdmitted(t *testing.T) {
	t.Parallel()
	d := openDoor(t, setup{})
	const unheard = "repo:my-org/unheard:ref:refs/heads/main"
	token := bearer(d.issuer.Token(doorAudience, unheard, map[string]any{"jti": "token-7", "run_id": 88}))
	if got, err := d.overREST(t, token, d.attempts()[1], "rest"); err != nil || got.status != http.StatusUnauthorized {
		t.Errorf("%d %s %v", got.status, got.body, err)
	}
	d.overGRPC(t, token, d.attempts()[1], "grpc")
	for _, id := range []string{"rest", "grpc"} {
		r := d.trail(t).about(id)
		if len(r) != 1 || r[0].Caller != "" || r[0].Issuer != d.issuer.URL || r[0].Subject != unheard || r[0].JTI != "token-7" || r[0].RunID != "88" {
			t.Errorf("over %s: %+v", id, r)
		}
	}
	stranger := bearer(authntest.NewIssuer(t).Token(doorAudience, unheard, nil))
	if _, err := d.overREST(t, stranger, d.attempts()[1], "forged"); err != nil {
		t.Error(err)
	}
	if r := d.trail(t).about("forged"); len(r) != 1 || r[0].Issuer != "" || r[0].Subject != "" {
		t.Errorf("what nobody verified stands in the trail: %+v", r)
	}
}

// audited runs audit verify and returns its exit code and output.
func audited(t *testing.T, args ...string) (int, string) {
	t.Helper()
	var out, problems transcript
	code := run(t.Context(), append([]string{"audit", "verify"}, args...), terminal{out: &out, err: &problems})
	return code, out.String() + problems.String()
}

func TestAuditVerifyReportsEveryGapThatItKnowsOf(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	name := filepath.Join(folder, "audit.log")
	write := func() {
		s, err := file.Open(t.Context(), file.Config{
			Folder: filepath.Join(folder, "state"), Trail: file.TrailConfig{Path: name, RotateSize: 1000},
			Key:     func(string, bool) ([]byte, error) { return []byte("a key of the store"), nil },
			MaxWait: time.Minute, // the disk of a busy machine is slow
		})
		must(t, err)
		for i := range 10 {
			must(t, trailOf{s}.Append(t.Context(), audit.Record{Kind: audit.KindIntent, ID: fmt.Sprint(i)}))
		}
		must(t, s.Close())
	}
	for range 4 {
		write()
	}
	code, said := audited(t, name)
	if code != exitOK || !strings.Contains(said, "none is missing") {
		t.Fatalf("a whole trail: %d %s", code, said)
	}
	rotated, err := audit.RotatedFiles(name)
	must(t, err)
	_, said = audited(t, rotated[0])
	last := regexp.MustCompile(`last record (\S+)`).FindStringSubmatch(said)[1]
	if code, said := audited(t, append([]string{"--after", last}, append(rotated[1:], name)...)...); code != exitOK {
		t.Errorf("files after those that were verified before: %d %s", code, said)
	}
	must(t, os.Remove(rotated[1]))
	if code, said := audited(t, name); code == exitOK || !strings.Contains(said, "are missing") {
		t.Errorf("a rotated file was deleted: %d %s", code, said)
	}
	must(t, os.Remove(rotated[0]))
	if code, said := audited(t, name); code == exitOK || !strings.Contains(said, "GAP") {
		t.Errorf("the first files were deleted: %d %s", code, said)
	}
	for _, f := range rotated[2:] {
		must(t, os.Remove(f))
	}
	must(t, os.Remove(name))
	if code, said := audited(t, name); code == exitOK || !strings.Contains(said, "its head names record") {
		t.Errorf("the file was deleted: %d %s", code, said)
	}
	write()
	if code, said := audited(t, name); code == exitOK || !strings.Contains(said, "records 1 to") {
		t.Errorf("the file was deleted and a server went on: %d %s", code, said)
	}
	for _, wrong := range [][]string{{}, {"--after", "x", name}, {"--after", "3:zz", name}} {
		if code, said := audited(t, wrong...); code == exitOK {
			t.Errorf("%q: %d %s", wrong, code, said)
		}
	}
}

// The first attempt is executed and its answer lost; the secret is deleted from
// outside before the second attempt, which is refused.
func TestARefusalAfterALostAnswerIsNoProofThatNothingWasDone(t *testing.T) {
	t.Parallel()
	p := start(t, setup{})
	w := p.given("secret")
	p.inject(emulator.Fault{Kind: emulator.KindCut, Method: "PATCH", Times: 1, AfterCommit: true})
	p.inject(emulator.Fault{Kind: emulator.KindStatus, Status: http.StatusNotFound, Method: "PATCH", Times: 1})
	got := p.do("PATCH", "stores/"+w.store+"/secrets/"+w.secret, `{"value":"v2"}`, "X-Request-Id: twice")
	if got.status != http.StatusNotFound {
		t.Fatalf("%d %s", got.status, got.body)
	}
	if said := p.lastOutcome(t, "twice"); said != "unknown SECRET_NOT_FOUND" {
		t.Errorf("the trail says %s", said)
	}
}
