package history_test

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"platform.internal/storekeeper/test/guarantees/calls"
	"platform.internal/storekeeper/test/guarantees/history"
)

// call is one line of an invented history.
type call struct {
	kind       history.Kind
	id         string
	write      string
	begin, end int64
	verdict    calls.Verdict
	shows      string
}

// never is when a call ends that was not answered.
const never = math.MaxInt64

func TestHistories(t *testing.T) {
	for _, c := range []struct {
		name  string
		holds bool
		calls []call
	}{
		{"what was made is seen", true, []call{
			{history.Create, "x", "1", 0, 1, calls.Done, "1"},
			{history.See, "x", "", 2, 3, calls.Done, "1"},
		}},
		{"what was made is not seen", false, []call{
			{history.Create, "x", "1", 0, 1, calls.Done, "1"},
			{history.See, "", "", 2, 3, calls.Missing, ""},
		}},
		{"what is being made may be seen or not", true, []call{
			{history.Create, "x", "1", 0, 9, calls.Done, "1"},
			{history.See, "", "", 2, 3, calls.Missing, ""},
			{history.Get, "x", "", 4, 5, calls.Done, "1"},
		}},
		{"what was seen is gone again", false, []call{
			{history.Create, "x", "1", 0, 9, calls.Done, "1"},
			{history.Get, "x", "", 2, 3, calls.Done, "1"},
			{history.See, "", "", 4, 5, calls.Missing, ""},
		}},
		{"one name is made twice", false, []call{
			{history.Create, "x", "1", 0, 9, calls.Done, "1"},
			{history.Create, "y", "2", 0, 9, calls.Done, "2"},
		}},
		{"two callers are told that they made the same secret", false, []call{
			{history.Create, "x", "1", 0, 9, calls.Done, "1"},
			{history.Create, "x", "2", 0, 9, calls.Done, "2"},
		}},
		{"a create without an answer may happen late", true, []call{
			{history.Create, "", "1", 0, never, calls.Lost, ""},
			{history.See, "", "", 2, 3, calls.Missing, ""},
			{history.See, "x", "", 4, 5, calls.Done, "1"},
		}},
		{"a create without an answer may never happen", true, []call{
			{history.Create, "", "1", 0, never, calls.Lost, ""},
			{history.See, "", "", 2, 3, calls.Missing, ""},
			{history.Create, "x", "2", 4, 5, calls.Done, "2"},
		}},
		{"a create without an answer happens twice", false, []call{
			{history.Create, "", "1", 0, never, calls.Lost, ""},
			{history.See, "x", "", 2, 3, calls.Done, "1"},
			{history.Delete, "x", "", 4, 5, calls.Done, ""},
			{history.See, "y", "", 6, 7, calls.Done, "1"},
		}},
		{"a name is taken and nobody has it", false, []call{
			{history.Create, "", "1", 0, 1, calls.Taken, ""},
		}},
		{"a change is lost", false, []call{
			{history.Create, "x", "1", 0, 1, calls.Done, "1"},
			{history.Update, "x", "2", 2, 3, calls.Done, "2"},
			{history.See, "x", "", 4, 5, calls.Done, "1"},
		}},
		{"a change is undone by an older one", false, []call{
			{history.Create, "x", "1", 0, 1, calls.Done, "1"},
			{history.Update, "x", "2", 2, 3, calls.Done, "2"},
			{history.Update, "x", "3", 4, 5, calls.Done, "3"},
			{history.See, "x", "", 6, 7, calls.Done, "2"},
		}},
		{"a secret is deleted twice", false, []call{
			{history.Create, "x", "1", 0, 1, calls.Done, "1"},
			{history.Delete, "x", "", 2, 9, calls.Done, ""},
			{history.Delete, "x", "", 2, 9, calls.Done, ""},
		}},
		{"a deleted secret comes back", false, []call{
			{history.Create, "x", "1", 0, 1, calls.Done, "1"},
			{history.Delete, "x", "", 2, 3, calls.Done, ""},
			{history.Get, "x", "", 4, 5, calls.Done, "1"},
		}},
		{"a secret is gone that nobody deleted", false, []call{
			{history.Create, "x", "1", 0, 1, calls.Done, "1"},
			{history.Update, "x", "2", 2, 3, calls.Missing, ""},
		}},
		{"a change that was tried twice is made twice", true, []call{
			{history.Create, "x", "1", 0, 1, calls.Done, "1"},
			{history.Update, "x", "2", 2, never, calls.Lost, ""},
			{history.Update, "x", "2", 6, never, calls.Lost, ""},
			{history.Update, "x", "3", 3, 5, calls.Done, "3"},
			{history.See, "x", "", 4, 4, calls.Done, "2"},
			{history.See, "x", "", 7, 8, calls.Done, "2"},
		}},
		{"a change that was tried twice is made a second time before its second try", false, []call{
			{history.Create, "x", "1", 0, 1, calls.Done, "1"},
			{history.Update, "x", "2", 9, never, calls.Lost, ""},
			{history.Update, "x", "2", 2, never, calls.Lost, ""},
			{history.See, "x", "", 3, 3, calls.Done, "2"},
			{history.Update, "x", "3", 4, 5, calls.Done, "3"},
			{history.See, "x", "", 7, 8, calls.Done, "2"},
		}},
		{"a change that was tried twice is made three times", false, []call{
			{history.Create, "x", "1", 0, 1, calls.Done, "1"},
			{history.Update, "x", "2", 2, never, calls.Lost, ""},
			{history.Update, "x", "2", 2, never, calls.Lost, ""},
			{history.See, "x", "", 3, 3, calls.Done, "2"},
			{history.Update, "x", "3", 4, 5, calls.Done, "3"},
			{history.See, "x", "", 6, 6, calls.Done, "2"},
			{history.Update, "x", "4", 7, 8, calls.Done, "4"},
			{history.See, "x", "", 9, 9, calls.Done, "2"},
		}},
		{"only the second try is made", true, []call{
			{history.Create, "x", "1", 0, 1, calls.Done, "1"},
			{history.Update, "x", "2", 2, never, calls.Lost, ""},
			{history.Update, "x", "2", 6, never, calls.Lost, ""},
			{history.See, "x", "", 3, 5, calls.Done, "1"},
			{history.See, "x", "", 7, 8, calls.Done, "2"},
		}},
		{"two deletes of one secret without an answer", true, []call{
			{history.Create, "x", "1", 0, 1, calls.Done, "1"},
			{history.Delete, "x", "", 2, never, calls.Lost, ""},
			{history.Delete, "x", "", 3, never, calls.Lost, ""},
			{history.Create, "y", "2", 4, 5, calls.Done, "2"},
			{history.See, "y", "", 6, 7, calls.Done, "2"},
		}},
		{"the value at Cloudflare is an older one", false, []call{
			{history.Create, "x", "1", 0, 1, calls.Done, "1"},
			{history.Look, "x", "0", 2, 3, calls.Done, "1"},
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			result := porcupine.CheckOperations(history.Model(), operations(c.calls))
			if result != c.holds {
				t.Errorf("linearizable: %v, want %v", result, c.holds)
			}
		})
	}
}

// TestManyTriesOfChangesAreUnderstood: callers that repeat changes while a replica is
// killed again and again leave dozens of equal open changes.
func TestManyTriesOfChangesAreUnderstood(t *testing.T) {
	for _, last := range []string{"2", "9"} {
		list := []call{{history.Create, "x", "1", 0, 1, calls.Done, "1"}}
		for i := range int64(12) {
			for _, write := range []string{"2", "3", "4"} {
				list = append(list, call{history.Update, "x", write, 2 + i, never, calls.Lost, ""})
			}
		}
		for i, seen := range []string{"2", "3", "4", "3", last} {
			list = append(list, call{history.See, "x", "", 20 + 2*int64(i), 21 + 2*int64(i), calls.Done, seen})
		}
		want := porcupine.Ok
		if last == "9" {
			want = porcupine.Illegal
		}
		if result := porcupine.CheckOperationsTimeout(history.Model(), operations(list), time.Minute); result != want {
			t.Errorf("with %q at the end: %s, want %s", last, result, want)
		}
	}
}

// operations converts the calls. The written text is comment, scopes and value
// at once.
func operations(list []call) []porcupine.Operation {
	var all []porcupine.Operation
	for i, c := range list {
		in := history.Input{Kind: c.kind, Name: "n", ID: c.id}
		out := history.Output{Verdict: c.verdict}
		switch c.kind {
		case history.Create:
			in.ID, in.Write = "", calls.Write{Value: c.write, Comment: c.write, Scopes: c.write}
		case history.Update:
			in.Write = calls.Write{Value: c.write, Comment: c.write, Scopes: c.write}
		case history.Look:
			out.Value = c.write
		}
		if c.shows != "" {
			out.Secret = calls.Secret{ID: c.id, Name: "n", Comment: c.shows, Scopes: c.shows}
		}
		all = append(all, porcupine.Operation{ClientId: i, Input: in, Call: c.begin, Output: out, Return: c.end})
	}
	return all
}

func TestABookIsDrawnWhenItIsWrong(t *testing.T) {
	book := history.NewBook()
	made := calls.Secret{ID: "x", Comment: "1"}
	book.Add(0, book.Now(), history.Input{Kind: history.Create, Name: "n", Write: calls.Write{Comment: "1"}}, history.Output{Verdict: calls.Done, Secret: made})
	folder := t.TempDir()
	if err := book.Check(folder, time.Second); err != nil {
		t.Fatalf("what is right: %v", err)
	}
	book.Add(1, book.Now(), history.Input{Kind: history.See, Name: "n"}, history.Output{Verdict: calls.Later})
	book.Add(1, book.Now(), history.Input{Kind: history.Delete, Name: "n", ID: "x"}, history.Output{Verdict: calls.Lost})
	if all, open := book.Counts(); all != 2 || open != 1 {
		t.Errorf("%d calls, %d of them open; want 2 and 1", all, open)
	}
	book.Add(1, book.Now(), history.Input{Kind: history.See, Name: "n"}, history.Output{Verdict: calls.Missing})
	book.Add(1, book.Now(), history.Input{Kind: history.Get, Name: "n", ID: "x"}, history.Output{Verdict: calls.Done, Secret: made})
	err := book.Check(folder, time.Second)
	if err == nil || !strings.Contains(err.Error(), "is not linearizable") {
		t.Fatalf("what is wrong: %v", err)
	}
	if _, err := os.Stat(filepath.Join(folder, "history.html")); err != nil {
		t.Error(err)
	}
}
