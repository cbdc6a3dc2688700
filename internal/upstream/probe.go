package upstream

import (
	"context"
	"time"

	"platform.internal/storekeeper/internal/fault"
)

// probeTimeout limits all calls of one probe together.
const probeTimeout = 10 * time.Second

// prove tests a candidate on its account: Cloudflare must report the token as active, and a read
// must succeed. prove does not test the write permission. It records results, so that the next
// attempt continues from there. A candidate costs at most three calls, not counting calls without a
// conclusive response.
func (c *Client) prove(ctx context.Context, a *accountState, n *candidate) error {
	ctx, cancel := context.WithTimeout(ctx, min(c.timeout, probeTimeout))
	defer cancel()
	at := a.root()
	// Cloudflare has no endpoint to verify a global key.
	if n.email == "" && !n.verified {
		if err := c.proveActive(ctx, at, n); err != nil {
			return err
		}
		n.verified = true
	}
	o := quotaOperation(at)
	o.cred = n.liveCredential
	_, _, err := try(ctx, c, &o, hasQuota)
	return err
}

// proveActive asks the endpoint for user tokens, and then the endpoint for account tokens. Each
// refuses a valid token of the other kind.
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
			// The token may still be a user token.
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
	answer, _, err := try(ctx, c, &o, hasStatus)
	if err == nil && answer.Result.Status != statusActive {
		return credentialRefused()
	}
	return err
}
