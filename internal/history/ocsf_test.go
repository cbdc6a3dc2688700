package history_test

import (
	"bytes"
	"context"
	"encoding/json"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"platform.internal/storekeeper/internal/audit"
	"platform.internal/storekeeper/internal/history"
)

// shape is the schema of an event or an object.
type shape struct {
	Attributes map[string]string `json:"attributes"`
	Required   []string          `json:"required"`
	AtLeastOne []string          `json:"at_least_one"`
}

// schema is the part of OCSF that the class API Activity needs.
type schema struct {
	Event   shape            `json:"event"`
	Objects map[string]shape `json:"objects"`
}

func readSchema(t *testing.T) schema {
	t.Helper()
	text, err := os.ReadFile("testdata/ocsf.json")
	if err != nil {
		t.Fatal(err)
	}
	var s schema
	if err := json.Unmarshal(text, &s); err != nil || len(s.Event.Required) == 0 {
		t.Fatal(err)
	}
	return s
}

// check validates an object against its shape.
func (s schema) check(t *testing.T, at string, of shape, v map[string]any) {
	t.Helper()
	for _, name := range of.Required {
		if _, there := v[name]; !there {
			t.Errorf("%s: %s is required", at, name)
		}
	}
	if len(of.AtLeastOne) > 0 && !slices.ContainsFunc(of.AtLeastOne, func(name string) bool { return v[name] != nil }) {
		t.Errorf("%s: has none of %q", at, of.AtLeastOne)
	}
	for name, value := range v {
		kind, known := of.Attributes[name]
		if !known {
			t.Errorf("%s: the schema has no attribute %s", at, name)
			continue
		}
		s.value(t, at+"."+name, kind, value)
	}
}

func (s schema) value(t *testing.T, at, kind string, value any) {
	t.Helper()
	if list, ok := value.([]any); ok != strings.HasSuffix(kind, "[]") {
		t.Errorf("%s: %v is not %s", at, value, kind)
		return
	} else if ok {
		for _, one := range list {
			s.value(t, at, strings.TrimSuffix(kind, "[]"), one)
		}
		return
	}
	object, isObject := value.(map[string]any)
	number, isNumber := value.(float64)
	_, isText := value.(string)
	switch of, known := s.Objects[kind]; {
	case known && isObject:
		s.check(t, at, of, object)
	case kind == "object" && isObject, kind == "string" && isText, kind == "integer" && isNumber && number == float64(int64(number)):
	default:
		t.Errorf("%s: %v is not %s", at, value, kind)
	}
}

// events exports records.
func events(t *testing.T, records ...audit.Record) (all []map[string]any) {
	t.Helper()
	chain := audit.NewChain(nil, audit.NewOrigin(nil), audit.Place{})
	lines := [][]byte{chain.AppendOwn(nil, audit.KindStart, "", time.Now())}
	for _, r := range records {
		line, err := chain.Append(nil, r, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, line)
	}
	from := func(_ context.Context, _ uint64, visit func([]byte) error) error {
		for _, line := range lines {
			if err := visit(line[:len(line)-1]); err != nil {
				return err
			}
		}
		return nil
	}
	var out bytes.Buffer
	if err := history.ExportOCSF(t.Context(), from, history.Range{}, "v1", &out); err != nil {
		t.Fatal(err)
	}
	for line := range bytes.Lines(out.Bytes()) {
		var e map[string]any
		if err := json.Unmarshal(line, &e); err != nil {
			t.Fatal(err)
		}
		all = append(all, e)
	}
	return all
}

func full(kind audit.RecordKind, id string) audit.Record {
	return audit.Record{
		Kind: kind, ID: id, Time: time.UnixMilli(1_700_000_000_123), Caller: "gh:repo", Tenant: "payments", Credential: audit.CredentialJWT, Issuer: "https://issuer", Subject: "repo:x", JTI: "j", RunID: "7",
		Method: "/secretsstore.v1.SecretsStoreService/UpdateSecret", Action: "secret.update", Account: "main", Store: audit.Store{ID: "1", Name: "shop"},
		Secrets: []audit.Secret{{ID: "2", Name: "KEY"}}, SecretCount: 2, Changed: []string{"value"}, Decision: audit.Decision{Allowed: true, Rule: "r"}, Policy: "sha256:00",
		RequestID: "q", Rays: []string{"ray"}, Protocol: "rest", Peer: "10.0.0.1:4000",
	}
}

func TestEventsKeepToTheSchema(t *testing.T) {
	t.Parallel()
	s := readSchema(t)
	intent, outcome := full(audit.KindIntent, "a"), full(audit.KindOutcome, "a")
	outcome.Outcome, outcome.Code = audit.Succeeded, "OK"
	denial := full(audit.KindDenial, "b")
	denial.Decision, denial.Reason, denial.Peer = audit.Decision{ID: "d"}, "NOT_ALLOWED", "2001:db8::1"
	records := []audit.Record{intent, outcome, denial, {Kind: audit.KindDenial}, {Kind: audit.KindIntent, ID: "open"}, {Kind: audit.KindOutcome, ID: "lost", Outcome: audit.Unknown}}
	all := events(t, records...)
	if len(all) != 5 {
		t.Fatalf("got %d events", len(all))
	}
	for _, e := range all {
		s.check(t, "event", s.Event, e)
		if e["class_uid"] != 6003.0 || e["category_uid"] != 6.0 || e["type_uid"] != 600300+e["activity_id"].(float64) {
			t.Errorf("class of %v", e)
		}
	}
	e := all[0]
	if e["activity_id"] != 3.0 || e["status_id"] != 1.0 || e["time"] != 1_700_000_000_123.0 || e["src_endpoint"].(map[string]any)["ip"] != "10.0.0.1" ||
		e["api"].(map[string]any)["operation"] != "UpdateSecret" || e["resources"].([]any)[0].(map[string]any)["name"] != "KEY" {
		t.Errorf("an update: %v", e)
	}
	if e := all[1]; e["action_id"] != 2.0 || e["status_id"] != 2.0 || e["status_detail"] != "NOT_ALLOWED" {
		t.Errorf("a denial: %v", e)
	}
	if e := all[4]; e["status_id"] != 0.0 || e["unmapped"].(map[string]any)["outcome"] != "open" {
		t.Errorf("an open change: %v", e)
	}
}

func TestEventsOfAnyRecordKeepToTheSchema(t *testing.T) {
	t.Parallel()
	s := readSchema(t)
	r := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		record := full([]audit.RecordKind{audit.KindDenial, audit.KindOutcome, audit.KindIntent}[r.IntN(3)], "x")
		record.Outcome = []audit.Outcome{audit.Succeeded, audit.Failed, audit.NotSent, audit.Unknown}[r.IntN(4)]
		for _, text := range []*string{
			&record.ID, &record.Caller, &record.Tenant, &record.Issuer, &record.Subject, &record.JTI, &record.Method, &record.Action, &record.Account, &record.Store.ID, &record.Store.Name,
			&record.Secrets[0].ID, &record.Secrets[0].Name, &record.Policy, &record.Decision.Rule, &record.RequestID, &record.Peer, &record.Reason, &record.Code,
		} {
			if r.IntN(2) == 0 {
				*text = ""
			}
		}
		for _, e := range events(t, record) {
			s.check(t, "event", s.Event, e)
		}
	}
}
