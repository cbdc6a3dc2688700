package process

import (
	"testing"
	"time"
)

func TestSumOfCalls(t *testing.T) {
	const head = "% time     seconds  usecs/call     calls    errors syscall\n------ ----------- ----------- --------- --------- ----------------\n"
	for name, c := range map[string]struct {
		text string
		want float64
		bad  bool
	}{
		"no call":            {"", 0, false},
		"two kinds":          {head + " 60.00    0.100000         100      1600           fdatasync\n 40.00    0.000020          10         4         1 fsync\n100.00    0.1 100 1604 1 total\n", 1604, false},
		"another call":       {head + "100.00    0.000000           0         7           write\n100.00    0.0 0 7 total\n", 0, false},
		"a column is no sum": {head + "100.00    0.000000           0         x           fsync\n", 0, true},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := sumOfCalls(c.text)
			if got != c.want || (err != nil) != c.bad {
				t.Errorf("got %v, %v", got, err)
			}
		})
	}
}

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
