package script_test

import (
	"context"
	"strings"
	"testing"

	"platform.internal/storekeeper/test/clients/script"
	"platform.internal/storekeeper/test/clients/transcript"
)

// canned answers every call with the same exchange and notes the calls.
type canned struct {
	exchange transcript.Exchange
	calls    []script.Call
}

func (c *canned) Do(_ context.Context, call script.Call) (script.View, error) {
	c.calls = append(c.calls, call)
	if call.Op == "missing" {
		return nil, script.ErrNotOffered
	}
	return script.View(`{"result":"seen"}`), nil
}

func (c *canned) Take() []transcript.Exchange { return []transcript.Exchange{c.exchange} }

func TestAStepThatGoesOtherwiseIsAnError(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		step script.Step
		want string
	}{
		"another status":   {script.Step{Status: 201}, "status 200, want 201"},
		"another word":     {script.Step{Status: 200, Word: "nothing"}, `lacks "nothing"`},
		"another view":     {script.Step{Status: 200, Says: "nothing"}, `does not say "nothing"`},
		"too few ids":      {script.Step{Status: 200, Save: []string{"a", "b"}}, "too few"},
		"all as it should": {script.Step{Status: 200, Word: "id", Says: "seen", Save: []string{"a"}}, ""},
		"through another":  {script.Step{Status: 400, Differs: "why", Through: script.Answer{Status: 200}}, ""},
	} {
		client := &canned{exchange: transcript.Exchange{Status: 200, Body: `{"result":{"id":"1"}}`}}
		_, err := script.Runner{Client: client, Recorder: client, Through: true}.Run(t.Context(), []script.Step{c.step})
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestIDsOfAnAnswerAreFilledIntoLaterCalls(t *testing.T) {
	t.Parallel()
	client := &canned{exchange: transcript.Exchange{Status: 200, Body: `{"result":[{"id":"1"},{"id":"2"}]}`}}
	steps := []script.Step{
		{Status: 200, Save: []string{"a", "b"}},
		{Status: 200, Call: script.Call{Store: "$a", Secret: "$b", IDs: []string{"$b", "x"}, Request: script.Request{Path: "/$a", Body: "<$b>"}, Command: script.Command{Args: []string{"$a"}}}},
	}
	if _, err := (script.Runner{Client: client, Recorder: client, Account: "acc"}).Run(t.Context(), steps); err != nil {
		t.Fatal(err)
	}
	got := client.calls[1]
	if got.Store != "1" || got.Secret != "2" || got.IDs[0] != "2" || got.Request.Path != "/1" || got.Request.Body != "<2>" || got.Command.Args[0] != "1" || got.Account != "acc" {
		t.Errorf("called with %+v", got)
	}
	if steps[1].Call.IDs[0] != "$b" {
		t.Error("the script itself was changed")
	}
}

func TestWhatAClientDoesNotOfferIsLeftOut(t *testing.T) {
	t.Parallel()
	client := &canned{exchange: transcript.Exchange{Status: 200}}
	out, err := script.Runner{Client: client, Recorder: client}.Run(t.Context(), []script.Step{{Call: script.Call{Op: "missing"}}, {Status: 200}})
	if err != nil || len(out.Entries) != 1 {
		t.Errorf("%d steps, %v", len(out.Entries), err)
	}
}

// Two steps with one name would be ambiguous in a report.
func TestEveryStepOfAScriptHasItsOwnName(t *testing.T) {
	t.Parallel()
	for script, steps := range map[string][]script.Step{
		"life": script.Life(), "limits": script.Limits(), "terraform": script.Terraform(), "written": script.Written(), "wrangler": script.Wrangler(), "wrangler starts": script.WranglerStarts(),
	} {
		seen := map[string]bool{}
		for _, s := range steps {
			if seen[s.Name] {
				t.Errorf("%s: %q stands twice", script, s.Name)
			}
			seen[s.Name] = true
		}
	}
}
