package transcript

import (
	"fmt"
	"regexp"
	"strings"
	"time"
)

var (
	idPattern = regexp.MustCompile(`\b[0-9a-f]{32}\b`)
	// timePattern also finds the forms in which clients print a time.
	timePattern = regexp.MustCompile(`\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)`)
	rayPattern  = regexp.MustCompile(`\b[0-9a-f]{16}-[A-Z]{3}\b`)
	// mailPattern, userPattern and rolePattern: the two sides have different
	// callers.
	mailPattern = regexp.MustCompile(`[\w.+-]+@[\w-]+(\.[\w-]+)+`)
	userPattern = regexp.MustCompile(`("username":\s*)"[^"]*"`)
	rolePattern = regexp.MustCompile(`("roles":\s*)\["[^"]*"\]`)
)

// Normalise returns a copy in which ids and times are numbered in the order of their first
// occurrence, so that equal values stay equal and different values stay different. Request
// ids, names of callers and the base URL become fixed words. In bodies a time keeps the
// length of its fraction, because the format is compared there; a client may print times in
// any format.
func (t Transcript) Normalise() Transcript {
	n := namer{base: t.Base, ids: map[string]string{}, times: map[int64]string{}}
	out := Transcript{Base: t.Base}
	for _, e := range t.Entries {
		if e.Differs {
			// Values on one side only must not shift the numbers.
			out.Entries = append(out.Entries, e)
			continue
		}
		plain := Entry{Step: e.Step}
		for _, x := range e.Exchanges {
			x.Path, x.Sent = n.text(x.Path), n.text(x.Sent)
			x.Body = n.body(x.Body)
			plain.Exchanges = append(plain.Exchanges, x)
		}
		plain.View = n.text(e.View)
		out.Entries = append(out.Entries, plain)
	}
	return out
}

type namer struct {
	base  string
	ids   map[string]string
	times map[int64]string
}

func (n namer) body(s string) string {
	return n.rename(s, func(fraction string) string { return fmt.Sprintf(" %d digits", max(0, len(fraction)-1)) })
}

func (n namer) text(s string) string {
	return n.rename(s, func(string) string { return "" })
}

func (n namer) rename(s string, form func(fraction string) string) string {
	if n.base != "" {
		s = strings.ReplaceAll(s, n.base, "<base>")
	}
	s = rayPattern.ReplaceAllString(s, "<ray>")
	s = mailPattern.ReplaceAllString(s, "<mail>")
	s = userPattern.ReplaceAllString(s, `$1"<user>"`)
	s = rolePattern.ReplaceAllString(s, `$1["<role>"]`)
	s = idPattern.ReplaceAllStringFunc(s, n.id)
	return timePattern.ReplaceAllStringFunc(s, func(found string) string {
		return n.time(found, form(timePattern.FindStringSubmatch(found)[1]))
	})
}

func (n namer) id(found string) string {
	if _, known := n.ids[found]; !known {
		n.ids[found] = fmt.Sprintf("<id-%d>", len(n.ids)+1)
	}
	return n.ids[found]
}

func (n namer) time(found, form string) string {
	at, err := time.Parse(time.RFC3339Nano, found)
	if err != nil {
		return found
	}
	key := at.UnixNano()
	if _, known := n.times[key]; !known {
		n.times[key] = fmt.Sprintf("time-%d", len(n.times)+1)
	}
	return "<" + n.times[key] + form + ">"
}
