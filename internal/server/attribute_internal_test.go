package server

import "testing"

func TestNoCacheIsADirectiveOnAnyLine(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		lines []string
		want  bool
	}{
		"alone":                {[]string{"no-cache"}, true},
		"in any case":          {[]string{"No-Cache"}, true},
		"in a list":            {[]string{"max-age=0, no-cache"}, true},
		"on the second line":   {[]string{"max-age=60", "no-cache"}, true},
		"part of a word":       {[]string{"x-no-cache-please"}, false},
		"another directive":    {[]string{"no-store"}, false},
		"an empty line":        {[]string{""}, false},
		"the header is absent": {nil, false},
	} {
		if got := noCache(c.lines); got != c.want {
			t.Errorf("%s: got %v", name, got)
		}
	}
}
