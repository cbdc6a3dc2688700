package process

import (
	"testing"
	"time"
)

func TestParseStat(t *testing.T) {
	const rest = " S 1 2 3 0 -1 4194304 103 0 0 0 150 25 7 9 20 0 1 0 2262265 2998272"
	for name, c := range map[string]struct {
		stat string
		want time.Duration
		bad  bool
	}{
		"user and system time":           {stat: "42 (server)" + rest, want: 1750 * time.Millisecond},
		"a name with blanks and a paren": {stat: "42 (a ) b 7)" + rest, want: 1750 * time.Millisecond},
		"no name":                        {stat: "42 server" + rest, bad: true},
		"too short":                      {stat: "42 (server) S 1 2", bad: true},
		"no number":                      {stat: "42 (server) S 1 2 3 0 -1 4194304 103 0 0 0 x y 7", bad: true},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := parseStat(c.stat)
			if got != c.want || (err != nil) != c.bad {
				t.Errorf("got %s, %v", got, err)
			}
		})
	}
}
