package upstream

import (
	"context"
	"time"

	"platform.internal/storekeeper/internal/fault"
)

// probeTimeout bounds the calls of one probe together.
const probeTimeout = 10 * time.Second

// prove tries a candidate on its account: Cloudflare has to call the token
// active, and one read has to succeed. That it may write is not tried. What was
// found out is noted, so that the next try goes on from there and a candidate
// costs three calls at most, those aside that brought no answer to the
// question.
func (c *Client) prove(ctx context.Context, a *accountState, n *candidate) error {
	ctx, cancel := context.WithTimeout(ctx, min(c.timeout, probeTimeout))
	defer cancel()
	at := listPlace{account: a, path: "/accounts/" + a.id}
	// There is no address to verify a global key.
	if n.email == "" && !n.verified {
		if err := c.proveActive(ctx, at, n); err != nil {
			return err
		}
		n.verified = true
	}
	o := quotaOperation(at)
	o.cred = n.liveCredential
	_, _, err := try(ctx, c, o, hasQuota)
	return err
}

// proveActive asks at the address for the tokens of users, and then at that for
// the tokens of accounts. Either refuses a good token of the other kind.
func (c *Client) proveActive(ctx context.Context, at listPlace, n *candidate) error {
	var doubt error
	if !n.notUsers {
		err := c.proveAt(ctx, userVerify(at), n.liveCredential)
		f := fault.From(err)
		switch {
		case err == nil:
			return nil
		case f.Kind != fault.Upstream || f.Reason == fault.ReasonUpstreamBlocked:
			return err
		case !refuses(err):
			// It may be a user's token yet.
			doubt = err
		}
		n.notUsers = doubt == nil
	}
	err := c.proveAt(ctx, accountVerify(at), n.liveCredential)
	if refuses(err) && doubt != nil {
		return doubt
	}
	return err
}

func (c *Client) proveAt(ctx context.Context, at listPlace, cred liveCredential) error {
	o := verifyOperation(at)
	o.cred = cred
	answer, _, err := try(ctx, c, o, hasStatus)
	if err == nil && answer.Result.Status != statusActive {
		return credentialRefused()
	}
	return err
}
