package transcript_test

import (
	"strings"
	"testing"

	"platform.internal/storekeeper/test/clients/transcript"
)

const (
	oneID   = "23bdc9c2e8ca470d82352c53ec8d2e67"
	otherID = "3fd85f74b32742f1bff64a85009dda07"
)

func run(base string, x ...transcript.Exchange) transcript.Transcript {
	return transcript.Transcript{Base: base, Entries: []transcript.Entry{{Step: "step", Exchanges: x}}}
}

func answer(body string) transcript.Exchange {
	return transcript.Exchange{Method: "GET", Path: "/x", Status: 200, ContentType: "application/json", Body: body}
}

func TestRunsThatDifferInNamesOnlyAreEqual(t *testing.T) {
	t.Parallel()
	direct := run("http://127.0.0.1:1", answer(`{"id":"`+oneID+`","store_id":"`+otherID+`","again":"`+oneID+`","created":"2026-01-02T03:04:05.000001Z","modified":"2026-01-02T03:04:05.000001Z","ray":"0123456789abcdef-DEV","email":"a@example.com","username":"a","roles":["x"],"url":"http://127.0.0.1:1/a"}`))
	through := run("http://127.0.0.1:2", answer(`{"id":"`+otherID+`","store_id":"`+oneID+`","again":"`+otherID+`","created":"2027-02-03T04:05:06.700000Z","modified":"2027-02-03T04:05:06.700000Z","ray":"fedcba9876543210-AMS","email":"b@example.org","username":"b","roles":["y"],"url":"http://127.0.0.1:2/a"}`))
	if found := transcript.Diff(direct.Normalise(), through.Normalise()); len(found) > 0 {
		t.Errorf("found %q", found)
	}
}

func TestEveryOtherDifferenceIsFound(t *testing.T) {
	t.Parallel()
	const id, at = `{"id":"` + oneID + `"}`, `{"created":"2026-01-02T03:04:05.000001Z"}`
	base := answer(id)
	status, kind, sent, path := base, base, base, base
	status.Status, kind.ContentType, sent.Sent, path.Path = 202, "text/plain", "{}", "/y"
	for name, runs := range map[string][2]transcript.Transcript{
		"a status":                   {run("", base), run("", status)},
		"a content type":             {run("", base), run("", kind)},
		"a request body":             {run("", base), run("", sent)},
		"a path":                     {run("", base), run("", path)},
		"the order of keys":          {run("", answer(`{"a":1,"b":2}`)), run("", answer(`{"b":2,"a":1}`))},
		"a space":                    {run("", answer(`{"a":1}`)), run("", answer(`{"a": 1}`))},
		"a new line at the end":      {run("", answer(`{}`)), run("", answer("{}\n"))},
		"an escape":                  {run("", answer(`"<"`)), run("", answer(`"\u003c"`))},
		"the digits of a time":       {run("", answer(at)), run("", answer(strings.Replace(at, "000001", "001", 1)))},
		"two ids in place of one":    {run("", answer(id+id)), run("", answer(id+strings.Replace(id, oneID, otherID, 1)))},
		"two times in place of one":  {run("", answer(at+at)), run("", answer(at+strings.Replace(at, "000001", "000002", 1)))},
		"an id in capitals":          {run("", answer(id)), run("", answer(strings.ToUpper(id)))},
		"a request more":             {run("", base), run("", base, base)},
		"a step less":                {run("", base), {}},
		"what the client made of it": {{Entries: []transcript.Entry{{View: "1"}}}, {Entries: []transcript.Entry{{View: "2"}}}},
		"a difference that is gone":  {meantToDiffer(base), meantToDiffer(base)},
	} {
		if found := transcript.Diff(runs[0].Normalise(), runs[1].Normalise()); len(found) != 1 {
			t.Errorf("%s: found %q", name, found)
		}
	}
}

func TestADifferenceIsShownWhereItIs(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 1000)
	found := transcript.Diff(run("", answer(long+"one"+long)), run("", answer(long+"two"+long)))
	if len(found) != 1 || !strings.Contains(found[0], `differs at byte 1000`) || !strings.Contains(found[0], "xone") || len(found[0]) > 1200 {
		t.Errorf("found %q", found)
	}
}

func meantToDiffer(e ...transcript.Exchange) transcript.Transcript {
	return transcript.Transcript{Entries: []transcript.Entry{{Differs: true, Exchanges: e}}}
}

func TestACallThatAClientRefusesByItselfHasNoDifference(t *testing.T) {
	t.Parallel()
	if found := transcript.Diff(meantToDiffer(), meantToDiffer()); len(found) != 0 {
		t.Errorf("found %q", found)
	}
}
