package upstream

import "time"

// updateClock updates the clock offset of Cloudflare from the Date header of a response, which has
// a resolution of one second.
func (a *accountState) updateClock(r reply, start time.Time) {
	if r.date.IsZero() {
		return
	}
	middle := start.Add(r.elapsed / 2)
	ahead := r.date.Add(time.Second / 2).Sub(middle)
	if ahead.Abs() < time.Second {
		// Within the error of whole seconds and network latency.
		ahead = 0
	}
	a.ahead.Store(int64(ahead))
}

// Ahead returns the offset of Cloudflare's clock from ours, with an accuracy of about a second, as
// of the last response for an account. It returns 0 before the first response.
func (c *Client) Ahead(account string) time.Duration {
	a, err := c.accounts.find(account)
	if err != nil {
		return 0
	}
	return time.Duration(a.ahead.Load())
}
