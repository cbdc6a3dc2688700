package batch_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"platform.internal/storekeeper/internal/fault"
)

const lostWord = fault.ReasonUpstreamAnswerLost

func TestEachCallerGetsItsOwnAnswer(t *testing.T) {
	cases := []struct {
		name    string
		before  []string // the existing names
		callers []string
		told    []string
		sent    []string
	}{
		{"all are good", nil, []string{"A", "B C", "D"},
			[]string{"id of A", "id of B, id of C", "id of D"}, []string{"A B C D"}},
		{"one caller has nobody beside it", nil, []string{"A B"},
			[]string{"id of A, id of B, about A"}, []string{"A B"}},
		{"one of three is bad", nil, []string{"A", "B BAD", "C"},
			[]string{"id of A", "SECRET_SCOPE_INVALID /1/scopes/0 of BAD", "id of C"}, []string{"A B BAD C", "B BAD", "A C"}},
		{"a bad one leads", nil, []string{"BAD", "A"},
			[]string{"SECRET_SCOPE_INVALID /0/scopes/0 of BAD", "id of A"}, []string{"BAD A", "BAD", "A"}},
		{"two names are taken", []string{"A", "C"}, []string{"A", "B", "C", "D"},
			[]string{"SECRET_NAME_ALREADY_EXISTS A", "id of B", "SECRET_NAME_ALREADY_EXISTS C", "id of D"},
			[]string{"A B C D", "A", "B D", "C"}},
		{"all are bad", nil, []string{"BAD1", "BAD2"},
			[]string{"SECRET_SCOPE_INVALID /0/scopes/0 of BAD1", "SECRET_SCOPE_INVALID /0/scopes/0 of BAD2"},
			[]string{"BAD1 BAD2", "BAD1", "BAD2"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			inScene(t, func(s *scene) {
				for _, name := range c.before {
					s.cloud.put(name)
				}
				time.Sleep(time.Minute)
				s.spend()
				told := s.createAll(c.callers...)
				for i := range told {
					if !sameStart(told[i], c.told[i]) {
						t.Errorf("%s was told %q, want %q", c.callers[i], told[i], c.told[i])
					}
				}
				if got, want := sorted(s.cloud.sent()), sorted(c.sent); !slices.Equal(got, want) {
					t.Errorf("sent %q, want %q", got, want)
				}
			})
		})
	}
}

// sorted sorts calls, and the names within each call, because the order of retries is random.
func sorted(calls []string) []string {
	var all []string
	for _, call := range calls {
		names := strings.Fields(call)
		slices.Sort(names)
		all = append(all, strings.Join(names, " "))
	}
	slices.Sort(all)
	return all
}

func TestOfTwoCallersWithOneNameOneGetsIt(t *testing.T) {
	inScene(t, func(s *scene) {
		told := s.createAll("A", "A", "B")
		slices.Sort(told)
		if told[0] != "SECRET_NAME_ALREADY_EXISTS A" || !sameStart(told[1], "id of A") || !sameStart(told[2], "id of B") {
			t.Errorf("told %q", told)
		}
	})
}

// TestCompanyIsPartedUntilSomebodyIsFound refuses every batch with a certain item, without naming the item.
func TestCompanyIsPartedUntilSomebodyIsFound(t *testing.T) {
	for _, f := range []*fault.Error{
		fault.New(fault.LimitReached, "MAXIMUM_SECRETS_EXCEEDED", "full"),
		fault.New(fault.BadInput, "SECRET_ODD", "odd"),
		fault.New(fault.Upstream, "UPSTREAM_REQUEST_REFUSED", "refused"),
		fault.New(fault.Upstream, "UPSTREAM_BLOCKED", "a firewall did not like it"),
	} {
		t.Run(f.Reason, func(t *testing.T) {
			inScene(t, func(s *scene) {
				s.cloud.answer = func(_ context.Context, names []string) error {
					if slices.Contains(names, "ODD") {
						return f
					}
					return nil
				}
				told := s.createAll("A", "B", "ODD", "C", "D", "E")
				want := []string{"id of A", "id of B", f.Reason, "id of C", "id of D", "id of E"}
				for i := range told {
					if !sameStart(told[i], want[i]) {
						t.Errorf("told %q, want %q", told[i], want[i])
					}
				}
				if sent := s.cloud.sent(); len(sent) > 7 {
					t.Errorf("sent %q", sent)
				}
			})
		})
	}
}

// TestATurnThatACompanyDoesNotUseIsGivenBack has calls that end before they
// come to be sent.
func TestATurnThatACompanyDoesNotUseIsGivenBack(t *testing.T) {
	inScene(t, func(s *scene) {
		s.cloud.idle = true
		s.createAll("A", "B")
		s.coalescer.Close()
		if state := s.scheduler.State(); state.InFlight != 0 || len(s.cloud.sent()) != 1 {
			t.Errorf("%+v", state)
		}
	})
}

// TestFaultsOfTheWayAreForAll has faults that no item caused.
func TestFaultsOfTheWayAreForAll(t *testing.T) {
	for _, kind := range []fault.Kind{fault.NotFound, fault.Unavailable, fault.Throttled, fault.Denied, fault.Internal} {
		inScene(t, func(s *scene) {
			f := fault.New(kind, "REASON", "public")
			f.Detail, f.RetryAfter, f.Ray = "A", time.Second, "ray"
			f.Fields, f.Notices = []fault.Field{{Pointer: "/0"}}, []fault.Notice{{Text: "A"}}
			s.cloud.answer = func(context.Context, []string) error { return f }
			one, two := s.create(s.t.Context(), "A"), s.create(s.t.Context(), "B")
			first, second := fault.From((<-one).err), fault.From((<-two).err)
			for _, got := range []*fault.Error{first, second} {
				if got.Kind != kind || got.Reason != "REASON" || got.RetryAfter != time.Second || got.Detail != "" || got.Fields != nil || got.Notices != nil {
					t.Errorf("got %+v", got)
				}
			}
			if first == second {
				t.Error("two callers share a fault")
			}
			if sent := s.cloud.sent(); len(sent) != 1 {
				t.Errorf("sent %q", sent)
			}
		})
	}
}

func TestARefusedCredentialIsForAll(t *testing.T) {
	inScene(t, func(s *scene) {
		s.cloud.answer = func(context.Context, []string) error {
			return fault.New(fault.Upstream, "UPSTREAM_CREDENTIAL_REFUSED", "public")
		}
		if told := s.createAll("A", "B"); told[0] != "UPSTREAM_CREDENTIAL_REFUSED" || told[1] != told[0] || len(s.cloud.sent()) != 1 {
			t.Errorf("told %q, sent %q", told, s.cloud.sent())
		}
	})
}

func TestALostAnswerIsLostForAll(t *testing.T) {
	inScene(t, func(s *scene) {
		f := fault.New(fault.Unavailable, lostWord, "lost")
		f.Ray = "ray"
		s.cloud.answer = func(context.Context, []string) error { return f }
		one, two := s.create(s.t.Context(), "A"), s.create(s.t.Context(), "B")
		first, second := (<-one).err, (<-two).err
		for _, err := range []error{first, second} {
			if got := fault.From(err); got == f || got.Kind != fault.Unavailable || got.Reason != lostWord || got.Ray != "ray" {
				t.Errorf("got %+v", got)
			}
		}
		if fault.From(first) == fault.From(second) {
			t.Error("two callers share a fault")
		}
	})
}

// TestAnAnswerInAnotherOrderIsLost: a caller never gets the secret of another caller.
func TestAnAnswerInAnotherOrderIsLost(t *testing.T) {
	inScene(t, func(s *scene) {
		s.cloud.reversed = true
		if told := s.createAll("A", "B"); told[0] != lostWord || told[1] != lostWord {
			t.Errorf("told %q", told)
		}
	})
}
