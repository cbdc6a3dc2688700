package audit_test

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"platform.internal/storekeeper/internal/audit"
)

// anyText returns a random text with characters that a line must escape.
func anyText(r *rand.Rand) string {
	const letters = `aZ0_-./:"\{}[],` + "é\u202e\x00\n "
	var b strings.Builder
	for range r.IntN(12) {
		b.WriteRune([]rune(letters)[r.IntN(len([]rune(letters)))])
	}
	return b.String()
}

func anyRecord(r *rand.Rand) audit.Record {
	kinds := []audit.RecordKind{audit.KindIntent, audit.KindOutcome, audit.KindDenial, audit.KindAlarm}
	text := func() string { return anyText(r) }
	record := audit.Record{
		Kind: kinds[r.IntN(len(kinds))], ID: text(), Caller: text(), Tenant: text(), TenantID: text(), Credential: text(), Issuer: text(), Subject: text(), JTI: text(), RunID: text(),
		Method: text(), Action: text(), Account: text(), Store: audit.Store{ID: text(), Name: text()}, Policy: text(), Outcome: audit.Succeeded,
		Decision: audit.Decision{Allowed: true, Rule: text()}, Changed: []string{text()}, RequestID: text(), Peer: text(),
	}
	for range r.IntN(4) {
		record.Secrets = append(record.Secrets, audit.Secret{ID: text(), Name: text(), Fingerprint: text()})
	}
	return record
}

func TestFactsAreThoseOfTheRecord(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 0))
	chain := audit.NewChain(nil, audit.NewOrigin(nil), audit.Place{})
	var facts audit.Facts
	for range 2_000 {
		text, err := chain.Append(nil, anyRecord(r), time.Now())
		if err != nil {
			t.Fatal(err)
		}
		e, err := audit.ParseLine(text)
		if err != nil {
			t.Fatal(err)
		}
		ok := facts.Read(text[:len(text)-1])
		if !ok || facts.Kind != e.Record.Kind {
			t.Fatalf("seed %d: %t %+v of %s", seed, ok, facts, text)
		}
		if facts.Kind != audit.KindIntent && facts.Kind != audit.KindOutcome {
			continue // others are not indexed
		}
		if want := audit.AppendKeys(nil, &e.Record); facts.ID != e.Record.ID || !slices.Equal(facts.Keys, want) {
			t.Fatalf("seed %d: %+v and not %q %v of %s", seed, facts, e.Record.ID, want, text)
		}
	}
}

func TestFactsOfOtherTextsAreNone(t *testing.T) {
	t.Parallel()
	line, err := audit.NewChain(nil, audit.NewOrigin(nil), audit.Place{}).Append(nil, anyRecord(rand.New(rand.NewPCG(1, 2))), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	var facts audit.Facts
	for cut := range len(line) - 1 {
		// Read must not panic. The result for a partial line does not matter.
		facts.Read(line[cut:])
		facts.Read(line[:cut])
	}
	for _, text := range []string{"", "{}", strings.Repeat("x", 500), `{"seq":1,` + strings.Repeat(" ", 500)} {
		if facts.Read([]byte(text)) {
			t.Errorf("facts of %.20q", text)
		}
	}
}
