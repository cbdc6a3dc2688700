package budget

import (
	"strconv"
	"strings"
	"time"
)

// longestHeader is how many bytes of a Ratelimit header are read.
const longestHeader = 512

// observeHeaders evaluates the Ratelimit headers of an answer. Cloudflare is known to report that all calls
// are left after any usage. Therefore only a number below the expectation of this scheduler counts, only from
// the policy of the budget, and at most half of the slots are given up.
func (s *Scheduler) observeHeaders(t *Permit, r Result, now int64) {
	if r.Limit == "" || r.Policy == "" {
		return
	}
	name, ok := s.budgetPolicy(r.Policy)
	if !ok {
		return
	}
	left, ok := number(find(r.Limit, name), "r")
	if !ok || left < 0 {
		return
	}
	// Cloudflare counted at some time between begin and end.
	held := max(t.held, s.spent.held())
	s.throttle.learn(min(s.own-held-left, s.own/2), now)
}

// budgetPolicy is the name of the policy that is the budget.
func (s *Scheduler) budgetPolicy(header string) (string, bool) {
	for item := range items(header) {
		calls, ok := number(item, "q")
		if !ok || calls != s.cfg.Calls {
			continue
		}
		seconds, ok := number(item, "w")
		if ok && time.Duration(seconds)*time.Second == s.cfg.Window {
			return title(item), true
		}
	}
	return "", false
}

// items returns the items of a header such as `"default";r=50;t=30, "burst";r=1`.
func items(header string) func(func(string) bool) {
	if len(header) > longestHeader {
		header = ""
	}
	return strings.SplitSeq(header, ",")
}

// find returns the item of a header with a name, "" if there is none.
func find(header, name string) string {
	for item := range items(header) {
		if title(item) == name {
			return item
		}
	}
	return ""
}

func title(item string) string {
	name, _, _ := strings.Cut(item, ";")
	return strings.Trim(name, ` "`)
}

// number is a parameter of an item.
func number(item, key string) (int, bool) {
	for part := range strings.SplitSeq(item, ";") {
		k, v, _ := strings.Cut(strings.TrimSpace(part), "=")
		if k == key {
			n, err := strconv.ParseInt(v, 10, 32)
			return int(n), err == nil
		}
	}
	return 0, false
}
