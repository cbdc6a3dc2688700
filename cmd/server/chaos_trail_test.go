package main

import (
	"fmt"
	"slices"
	"testing"
)

// judgeTrail compares the audit trail of a run with Cloudflare's executed
// changes, by mark: each intent has one outcome, each outcome an intent, and no
// outcome contradicts Cloudflare.
func judgeTrail(trail trailLines, executed map[string]int) (wrong []string) {
	intents, outcomes := map[string]trailLine{}, map[string][]string{}
	for _, r := range trail {
		switch r.Kind {
		case "intent":
			if _, twice := intents[r.ID]; twice {
				wrong = append(wrong, fmt.Sprintf("two intents %s", r.ID))
			}
			intents[r.ID] = r
		case "outcome":
			if _, known := intents[r.ID]; !known {
				wrong = append(wrong, fmt.Sprintf("outcome %s %s without its intent", r.ID, r.Outcome))
			}
			outcomes[r.ID] = append(outcomes[r.ID], r.Outcome)
		}
	}
	said := map[string][]string{}
	for id, intent := range intents {
		if len(outcomes[id]) != 1 {
			wrong = append(wrong, fmt.Sprintf("intent %s of %s has the outcomes %q", id, intent.Action, outcomes[id]))
			continue
		}
		for _, mark := range marksOf(intent) {
			said[mark] = append(said[mark], outcomes[id][0])
		}
	}
	for mark, all := range said {
		made := !slices.ContainsFunc(all, func(o string) bool { return o == "succeeded" || o == "unknown" })
		n, counted := executed[mark]
		switch {
		case !counted: // It was made to prepare a cycle.
		case n == 0 && slices.Contains(all, "succeeded"):
			wrong = append(wrong, fmt.Sprintf("%s: Cloudflare carried out nothing, and the trail says %q", mark, all))
		case n > 0 && made:
			wrong = append(wrong, fmt.Sprintf("%s: Cloudflare carried it out %d times, and the trail says %q", mark, n, all))
		}
	}
	return wrong
}

// marksOf are the marks of the change of an intent, as chaosChange has them.
func marksOf(intent trailLine) (marks []string) {
	switch intent.Action {
	case "store.create":
		return nil // The name of a store stands in no intent that is not judged by it.
	case "store.delete":
		return []string{intent.StoreID}
	case "secret.create", "secret.duplicate":
		for _, s := range intent.Secrets {
			if s.ID == "" {
				marks = append(marks, s.Name)
			}
		}
	default:
		for _, s := range intent.Secrets {
			marks = append(marks, s.ID)
		}
	}
	return marks
}

func TestTheVerdictOnATrailFindsWhatIsWrong(t *testing.T) {
	create := trailLine{Kind: "intent", ID: "1", Action: "secret.create", Secrets: []trailSecret{{Name: "A"}}}
	outcome := func(id, of string) trailLine { return trailLine{Kind: "outcome", ID: id, Outcome: of} }
	for name, c := range map[string]struct {
		trail    trailLines
		executed map[string]int
		wrong    int
	}{
		"made":                          {trailLines{create, outcome("1", "succeeded")}, map[string]int{"A": 1}, 0},
		"refused":                       {trailLines{create, outcome("1", "failed")}, map[string]int{"A": 0}, 0},
		"nobody knows":                  {trailLines{create, outcome("1", "unknown")}, map[string]int{"A": 1}, 0},
		"not sent":                      {trailLines{create, outcome("1", "not_sent")}, map[string]int{"A": 0}, 0},
		"no outcome":                    {trailLines{create}, nil, 1},
		"two outcomes":                  {trailLines{create, outcome("1", "unknown"), outcome("1", "succeeded")}, map[string]int{"A": 1}, 1},
		"an outcome alone":              {trailLines{outcome("2", "failed")}, nil, 1},
		"failed, and made":              {trailLines{create, outcome("1", "failed")}, map[string]int{"A": 1}, 1},
		"succeeded, and not made":       {trailLines{create, outcome("1", "succeeded")}, map[string]int{"A": 0}, 1},
		"not sent, and yet it is there": {trailLines{create, outcome("1", "not_sent")}, map[string]int{"A": 1}, 1},
	} {
		if wrong := judgeTrail(c.trail, c.executed); len(wrong) != c.wrong {
			t.Errorf("%s: found %q", name, wrong)
		}
	}
}
