package upstream

import (
	"context"
	"net/http"
	"time"

	"platform.internal/storekeeper/internal/fault"
)

const opVerifyToken = "VerifyToken"

// The kinds of credential that VerifyToken tells apart.
const (
	// KindUserToken is an API token of a user.
	KindUserToken = "user token"
	// KindAccountToken is an API token of an account.
	KindAccountToken = "account token"
	// KindGlobalKey is a user's global API key.
	KindGlobalKey = "global key"
)

// Verification is what Cloudflare says about the credential of an account.
type Verification struct {
	// Kind is one of the Kind constants.
	Kind string `json:"-"`
	// ID is Cloudflare's identifier of the token. Empty for a global key.
	ID string `json:"id"`
	// Status is "active", "disabled" or "expired".
	Status string `json:"status"`
	// NotBefore is when the token begins to be valid. Nil means always.
	NotBefore *time.Time `json:"not_before"`
	// ExpiresOn is when the token ends. Nil means never.
	ExpiresOn *time.Time `json:"expires_on"`
}

// VerifyToken asks Cloudflare about the credential of an account, by its
// identifier or name. It costs up to two calls of the account's budget. Faults:
// Upstream where the credential is refused.
func (c *Client) VerifyToken(ctx context.Context, account string) (Answer[Verification], error) {
	at, err := c.at(account)
	if err != nil {
		return Answer[Verification]{}, err
	}
	if at.account.secret.email != "" {
		return c.verifyKey(ctx, account)
	}
	ctx, cancel := c.bound(ctx)
	defer cancel()
	// Nothing in a token tells its kind, and the address for the one kind
	// calls a good token of the other invalid.
	answer, err := c.verifyAt(ctx, place{account: at.account, path: "/user/tokens/verify"}, KindUserToken)
	if err == nil || fault.From(err).Kind != fault.Upstream {
		return answer, err
	}
	return c.verifyAt(ctx, at.under("/tokens/verify"), KindAccountToken)
}

func (c *Client) verifyAt(ctx context.Context, at place, kind string) (Answer[Verification], error) {
	o := operation{name: opVerifyToken, method: http.MethodGet, place: at}
	answer, err := call(ctx, c, o, func(v Verification) bool { return v.Status != "" })
	if err == nil {
		answer.Result.Kind = kind
	}
	return answer, err
}

// verifyKey tries a global key on the account: there is no address to verify
// one.
func (c *Client) verifyKey(ctx context.Context, account string) (Answer[Verification], error) {
	answer, err := c.Quota(ctx, account)
	if err != nil {
		return Answer[Verification]{}, err
	}
	return Answer[Verification]{
		Result:  Verification{Kind: KindGlobalKey, Status: "active"},
		Notices: answer.Notices,
		Ray:     answer.Ray,
	}, nil
}
