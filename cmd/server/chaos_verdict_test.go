package main

import (
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
)

// chaosObject is a store or a secret.
type chaosObject struct {
	// store is the identifier of the store of a secret, "" for a store.
	store           string
	name, id, value string
}

// place returns the unique name of the object.
func (o chaosObject) place() string { return o.store + "/" + o.name }

// chaosLife is a change with the answers to its callers.
type chaosLife struct {
	*chaosChange

	mu sync.Mutex
	// answers are the first answers to each caller.
	answers []chaosAnswer
	// replays are the answers to repeats.
	replays []chaosAnswer
	// failures are why a caller got no answer.
	failures []error
}

// done reports whether a caller got a success.
func (l *chaosLife) done() bool {
	return slices.ContainsFunc(l.answers, func(a chaosAnswer) bool { return a.refusal == "" })
}

// chaosHistory is all that is known of a cycle.
type chaosHistory struct {
	lives []*chaosLife
	// before are the objects before the cycle, after the objects afterwards.
	before, after []chaosObject
	// executed counts the requests that Cloudflare carried out, by mark.
	executed map[string]int
	// open is how many intents have no outcome.
	open int
}

// chaosFindings has the violations of a cycle.
type chaosFindings struct {
	duplicates, lost, open, wrong int
	texts                         []string
}

func (f *chaosFindings) add(count *int, format string, args ...any) {
	*count++
	f.texts = append(f.texts, fmt.Sprintf(format, args...))
}

// judge compares the answers with Cloudflare's state.
func (h *chaosHistory) judge() *chaosFindings {
	f := &chaosFindings{}
	for _, l := range h.lives {
		h.judgeAnswers(f, l)
		h.judgeExecution(f, l)
	}
	h.judgeObjects(f)
	if h.open != 0 {
		f.add(&f.open, "%d intents are open", h.open)
		f.open = max(1, h.open)
	}
	return f
}

// judgeAnswers checks the answers to the callers of a change.
func (h *chaosHistory) judgeAnswers(f *chaosFindings, l *chaosLife) {
	for _, err := range l.failures {
		f.add(&f.wrong, "%s: %s", l, err)
	}
	for _, a := range slices.Concat(l.answers, l.replays) {
		switch {
		case l.kind == kindRival && (a.refusal == "" || a.refusal == "secret_name_already_exists" && h.winners(l) == 1):
		case a.refusal != l.wanted():
			f.add(&f.wrong, "%s: told %q after %d tries, and not %q: %.300q", l, a.refusal, a.tries, l.wanted(), a.body)
		}
		if a.body != l.answers[0].body {
			f.add(&f.wrong, "%s: two answers: %.300q, and after %d tries %.300q", l, l.answers[0].body, a.tries, a.body)
		}
	}
	for _, a := range l.replays {
		if !a.replayed {
			f.add(&f.wrong, "%s: answered again, and not marked so", l)
		}
	}
}

// winners counts the rivals for a name that got a success.
func (h *chaosHistory) winners(l *chaosLife) int {
	n := 0
	for _, other := range h.lives {
		if other.kind == kindRival && other.store == l.store && other.names[0] == l.names[0] && other.done() {
			n++
		}
	}
	return n
}

// judgeExecution checks how often Cloudflare carried a change out. Creates
// must be carried out once; the others may be repeated.
func (h *chaosHistory) judgeExecution(f *chaosFindings, l *chaosLife) {
	wins := h.winners(l)
	for _, mark := range l.marks() {
		n := h.executed[mark]
		switch {
		case l.kind == kindRival && wins == 1 && n == 1:
		case l.kind == kindRival && wins > 1:
			f.add(&f.duplicates, "%s: %d callers were told that they made it", l, wins)
		case l.creates() && n > 1:
			f.add(&f.duplicates, "%s: carried out %d times", l, n)
		case l.done() && n == 0:
			f.add(&f.lost, "%s: acknowledged, and never carried out", l)
		case !l.done() && len(l.answers) > 0 && n > 0:
			f.add(&f.wrong, "%s: refused, and carried out %d times", l, n)
		}
	}
}

// judgeObjects compares the wanted with the actual objects.
func (h *chaosHistory) judgeObjects(f *chaosFindings) {
	expected := map[string]chaosObject{}
	for _, o := range h.before {
		expected[o.place()] = o
	}
	// First creates and updates, then deletes.
	for _, l := range h.lives {
		if l.done() {
			l.apply(expected)
		}
	}
	seen := map[string]int{}
	for _, o := range h.after {
		seen[o.place()]++
		want, known := expected[o.place()]
		switch {
		case seen[o.place()] > 1:
			f.add(&f.duplicates, "%s is there %d times", o.place(), seen[o.place()])
		case !known:
			f.add(&f.lost, "%s is there: it was deleted, or nobody was told that it was made", o.place())
		case want.id != o.id:
			f.add(&f.lost, "%s is %s, and the caller was told %s", o.place(), o.id, want.id)
		case want.value != o.value:
			f.add(&f.lost, "%s has another value than the caller set", o.place())
		}
	}
	for _, place := range slices.Sorted(maps.Keys(expected)) {
		if seen[place] == 0 {
			f.add(&f.lost, "%s is not there", place)
		}
	}
}

// apply applies the acknowledged change to the expected objects.
func (l *chaosLife) apply(expected map[string]chaosObject) {
	said := l.answers[slices.IndexFunc(l.answers, func(a chaosAnswer) bool { return a.refusal == "" })]
	id := func(i int) string {
		if i < len(said.ids) {
			return said.ids[i]
		}
		return "no identifier"
	}
	switch l.kind {
	case kindStore:
		o := chaosObject{name: l.store, id: id(0)}
		expected[o.place()] = o
	case kindNoStore:
		maps.DeleteFunc(expected, func(_ string, o chaosObject) bool { return o.id == l.store || o.store == l.store })
	case kindGone, kindBulk:
		for _, name := range l.names {
			delete(expected, l.store+"/"+name)
		}
	default:
		for i, name := range l.names {
			o := chaosObject{store: l.store, name: name, id: id(i), value: l.values[i]}
			expected[o.place()] = o
		}
	}
}

// goodHistory returns a history without violations.
func goodHistory() *chaosHistory {
	made := chaosObject{store: "s", name: "made", id: "m", value: "new"}
	held := chaosObject{store: "s", name: "held", id: "h", value: "old"}
	gone := chaosObject{store: "s", name: "gone", id: "g", value: "gone"}
	changed := held
	changed.value = "newer"
	store := chaosObject{name: "main", id: "s"}
	told := chaosAnswer{body: `{"id":"m"}`, ids: []string{"m"}}
	again := told
	again.replayed = true
	return &chaosHistory{
		lives: []*chaosLife{
			{chaosChange: &chaosChange{kind: kindSecret, store: "s", names: []string{"made"}, values: []string{"new"}}, answers: []chaosAnswer{told}, replays: []chaosAnswer{again}},
			{chaosChange: &chaosChange{kind: kindValue, store: "s", names: []string{"held"}, ids: []string{"h"}, values: []string{"newer"}}, answers: []chaosAnswer{{ids: []string{"h"}}}},
			{chaosChange: &chaosChange{kind: kindGone, store: "s", names: []string{"gone"}, ids: []string{"g"}}, answers: []chaosAnswer{{}}},
			{chaosChange: &chaosChange{kind: kindTaken, store: "s", names: []string{"held2"}, values: []string{"x"}}, answers: []chaosAnswer{{refusal: "secret_name_already_exists"}}},
		},
		before:   []chaosObject{store, held, gone},
		after:    []chaosObject{store, made, changed},
		executed: map[string]int{"made": 1, "h": 2, "g": 1},
	}
}

// TestTheVerdictOnChaosFindsWhatIsWrong spoils a good history in each way that
// the harness is there to find.
func TestTheVerdictOnChaosFindsWhatIsWrong(t *testing.T) {
	t.Parallel()
	if f := goodHistory().judge(); len(f.texts) != 0 {
		t.Fatalf("a good history: %v", f.texts)
	}
	for name, c := range map[string]struct {
		spoil func(*chaosHistory)
		found func(*chaosFindings) int
	}{
		"an object is there twice":                  {func(h *chaosHistory) { h.after = append(h.after, h.after[1]) }, duplicatesIn},
		"a create was carried out twice":            {func(h *chaosHistory) { h.executed["made"] = 2 }, duplicatesIn},
		"an acknowledged create is not there":       {func(h *chaosHistory) { h.after = slices.Delete(h.after, 1, 2) }, lostIn},
		"an acknowledged create was never sent":     {func(h *chaosHistory) { delete(h.executed, "made") }, lostIn},
		"an acknowledged value is not there":        {func(h *chaosHistory) { h.after[2].value = "old" }, lostIn},
		"what was deleted is there":                 {func(h *chaosHistory) { h.after = append(h.after, h.before[2]) }, lostIn},
		"somebody else's object was given":          {func(h *chaosHistory) { h.after[1].id = "other" }, lostIn},
		"what nobody touched is gone":               {func(h *chaosHistory) { h.after = h.after[1:] }, lostIn},
		"what was refused was made":                 {func(h *chaosHistory) { h.executed["held2"] = 1 }, wrongIn},
		"a caller was told that the name is in use": {func(h *chaosHistory) { h.lives[0].answers[0].refusal = "secret_name_already_exists" }, wrongIn},
		"a caller was told that the secret is gone": {func(h *chaosHistory) { h.lives[2].answers[0].refusal = "secret_not_found" }, wrongIn},
		"what must be refused was not":              {func(h *chaosHistory) { h.lives[3].answers[0].refusal = "" }, wrongIn},
		"a caller got no answer":                    {func(h *chaosHistory) { h.lives[0].failures = []error{errAskAgain} }, wrongIn},
		"a replay differs":                          {func(h *chaosHistory) { h.lives[0].replays[0].body += " " }, wrongIn},
		"a replay is not marked":                    {func(h *chaosHistory) { h.lives[0].replays[0].replayed = false }, wrongIn},
		"two rivals won": {func(h *chaosHistory) {
			h.lives[0].kind = kindRival
			h.lives = append(h.lives, h.lives[0])
		}, duplicatesIn},
		"an intent is open": {func(h *chaosHistory) { h.open = 1 }, openIn},
	} {
		h := goodHistory()
		c.spoil(h)
		if f := h.judge(); c.found(f) == 0 {
			t.Errorf("%s: not found: %+v", name, f)
		}
	}
}

func duplicatesIn(f *chaosFindings) int { return f.duplicates }
func lostIn(f *chaosFindings) int       { return f.lost }
func wrongIn(f *chaosFindings) int      { return f.wrong }
func openIn(f *chaosFindings) int       { return f.open }
