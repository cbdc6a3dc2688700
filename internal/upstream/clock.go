package upstream

import "time"

// tellsTime notes how far Cloudflare's clock is ahead of ours, from the Date of
// an answer, which is in whole seconds.
func (a *accountState) tellsTime(r reply, start time.Time) {
	if r.date.IsZero() {
		return
	}
	middle := start.Add(r.elapsed / 2)
	ahead := r.date.Add(time.Second / 2).Sub(middle)
	if ahead.Abs() < time.Second {
		// No more than what whole seconds and the way explain.
		ahead = 0
	}
	a.ahead.Store(int64(ahead))
}

// Ahead says how far Cloudflare's clock is ahead of ours, to about a second, by
// its last answer for an account. 0 before there was one.
func (c *Client) Ahead(account string) time.Duration {
	a, err := c.accounts.find(account)
	if err != nil {
		return 0
	}
	return time.Duration(a.ahead.Load())
}
