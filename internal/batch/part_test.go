package batch_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"platform.internal/storekeeper/internal/fault"
)

// TestWhatWasMadeBeforeARefusalIsLeftOpen has a Cloudflare that creates the items before the first refused
// item.
func TestWhatWasMadeBeforeARefusalIsLeftOpen(t *testing.T) {
	inScene(t, func(s *scene) {
		s.cloud.partly = true
		told := s.createAll("A", "B", "C BAD", "D")
		want := []string{lostWord, lostWord, lostWord, "id of D"}
		for i := range told {
			if !sameStart(told[i], want[i]) {
				t.Errorf("caller %d was told %q, want %q", i, told[i], want[i])
			}
		}
	})
}

// TestWhatAnotherMadeMeanwhileIsNotOurs has another client create one of the names just now, with a
// Cloudflare that creates all items or none.
func TestWhatAnotherMadeMeanwhileIsNotOurs(t *testing.T) {
	cases := []struct {
		name          string
		callers, told []string
	}{
		{"of the first", []string{"TAKEN", "A", "B"}, []string{"SECRET_NAME_ALREADY_EXISTS TAKEN", "id of A", "id of B"}},
		{"of the last", []string{"A", "B", "TAKEN"}, []string{"id of A", "id of B", "SECRET_NAME_ALREADY_EXISTS TAKEN"}},
		{"of one beside a bad one", []string{"A", "TAKEN", "BAD"},
			[]string{"id of A", "SECRET_NAME_ALREADY_EXISTS TAKEN", "SECRET_SCOPE_INVALID /0/scopes/0 of BAD"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			inScene(t, func(s *scene) {
				time.Sleep(window - time.Second)
				s.cloud.put("TAKEN")
				told := s.createAll(c.callers...)
				for i := range told {
					if !sameStart(told[i], c.told[i]) {
						t.Errorf("%s was told %q, want %q", c.callers[i], told[i], c.told[i])
					}
				}
			})
		})
	}
}

// TestWithoutALookNobodyKnows cannot list the store after a refusal.
func TestWithoutALookNobodyKnows(t *testing.T) {
	inScene(t, func(s *scene) {
		s.cloud.unlisted = fault.New(fault.Unavailable, "AWAY", "away")
		if told := s.createAll("A", "BAD"); told[0] != lostWord || told[1] != lostWord {
			t.Errorf("told %q", told)
		}
	})
}

// TestBadCompanyDelaysNobodyForEver adds refused items to each batch.
func TestBadCompanyDelaysNobodyForEver(t *testing.T) {
	inScene(t, func(s *scene) {
		first := s.create(s.t.Context(), "A")
		var bad []<-chan result
		for _, name := range []string{"BAD1", "BAD2", "BAD3", "BAD4", "BAD5", "BAD6"} {
			bad = append(bad, s.create(s.t.Context(), name))
			time.Sleep(window)
		}
		if got := (<-first).told(); !sameStart(got, "id of A") {
			t.Errorf("told %q", got)
		}
		travels := 0
		for _, sent := range s.cloud.sent() {
			if slices.Contains(strings.Fields(sent), "A") {
				travels++
			}
		}
		if travels > 5 {
			t.Errorf("it travelled %d times: %q", travels, s.cloud.sent())
		}
		for _, done := range bad {
			if got := <-done; fault.From(got.err).Reason != "SECRET_SCOPE_INVALID" {
				t.Errorf("told %q", got.told())
			}
		}
	})
}
