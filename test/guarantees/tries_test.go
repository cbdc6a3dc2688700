package guarantees_test

import (
	"context"
	"math/rand/v2"
	"testing"
	"time"

	"platform.internal/storekeeper/test/guarantees/calls"
	"platform.internal/storekeeper/test/guarantees/history"
)

// scripted answers each call with the next verdict.
type scripted struct {
	calls.Client

	verdicts []calls.Verdict
}

func (s *scripted) next() calls.Answer {
	a := calls.Answer{Verdict: s.verdicts[0]}
	s.verdicts = s.verdicts[1:]
	return a
}

func (s *scripted) Create(context.Context, calls.Mark, string, calls.Write) calls.Answer {
	return s.next()
}

func (s *scripted) Update(context.Context, calls.Mark, string, calls.Write) calls.Answer {
	return s.next()
}

func (s *scripted) Delete(context.Context, calls.Mark, string) calls.Answer { return s.next() }

// TestTheHistoryHasTheTriesThatMayHaveMadeAChange: an answer may be late without a
// kill, too. A replica that is away for seconds refuses hundreds of connections, and
// the time of the check grows exponentially with the number of open changes.
func TestTheHistoryHasTheTriesThatMayHaveMadeAChange(t *testing.T) {
	t.Parallel()
	values, comment := calls.Write{Value: "v", Comment: "c"}, calls.Write{Comment: "c"}
	for name, c := range map[string]struct {
		manner manner
		kind   history.Kind
		write  calls.Write
		// open is the number of tries in the history, killed the same with kills.
		open, killed int
	}{
		"a create without a key":               {sdk, history.Create, values, 2, 2},
		"a create with a key":                  {named, history.Create, values, 0, 0},
		"an update of a value without a key":   {sdk, history.Update, values, 2, 2},
		"an update of a value with a key":      {named, history.Update, values, 0, 2},
		"an update of a comment without a key": {sdk, history.Update, comment, 2, 2},
		"an update of a comment with a key":    {named, history.Update, comment, 0, 0},
		"a deletion without a key":             {sdk, history.Delete, calls.Write{}, 0, 0},
		"a deletion with a key":                {named, history.Delete, calls.Write{}, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for killed, want := range map[bool]int{false: c.open, true: c.killed} {
				of := &crowd{book: history.NewBook(), patience: time.Hour, killed: killed}
				replica := &scripted{verdicts: []calls.Verdict{calls.Lost, calls.Unsent, calls.Unsent, calls.Later, calls.Lost, calls.Unsent, calls.Done}}
				one := &client{crowd: of, manner: c.manner, random: rand.New(rand.NewPCG(1, 2)), ways: [][]calls.Client{{replica}}}
				if out := one.try(history.Input{Kind: c.kind, Name: "n", ID: "x", Write: c.write}); out.Verdict != calls.Done {
					t.Fatalf("the last answer is %s", out.Verdict)
				}
				if all, open := of.book.Counts(); all != want || open != want {
					t.Errorf("with kills %v: the history has %d calls, %d of them open; want %d", killed, all, open, want)
				}
			}
		})
	}
}
