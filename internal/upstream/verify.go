package upstream

import (
	"context"
	"net/http"
	"time"

	"platform.internal/storekeeper/internal/fault"
)

// statusActive is Cloudflare's word for a token that can be used.
const statusActive = "active"

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
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	// Nothing in a token tells its kind, and the address for the one kind
	// calls a good token of the other invalid.
	answer, err := c.verifyAt(ctx, userVerify(at), KindUserToken)
	if err == nil || fault.From(err).Kind != fault.Upstream {
		return answer, err
	}
	return c.verifyAt(ctx, accountVerify(at), KindAccountToken)
}

func (c *Client) verifyAt(ctx context.Context, at listPlace, kind string) (Answer[Verification], error) {
	answer, err := call(ctx, c, verifyOperation(at), hasStatus)
	if err == nil {
		answer.Result.Kind = kind
	}
	return answer, err
}

func verifyOperation(at listPlace) operation {
	return operation{name: opVerifyToken, method: http.MethodGet, place: at}
}

// userVerify is where the tokens of users are verified.
func userVerify(root listPlace) listPlace {
	return listPlace{account: root.account, path: "/user/tokens/verify"}
}

// accountVerify is where the tokens of an account are verified.
func accountVerify(root listPlace) listPlace { return root.under("/tokens/verify") }

func hasStatus(given Answer[Verification]) bool { return given.Result.Status != "" }

// verifyKey tries a global key on the account: there is no address to verify
// one.
func (c *Client) verifyKey(ctx context.Context, account string) (Answer[Verification], error) {
	answer, err := c.Quota(ctx, account)
	if err != nil {
		return Answer[Verification]{}, err
	}
	return Answer[Verification]{
		Result:  Verification{Kind: KindGlobalKey, Status: statusActive},
		Notices: answer.Notices,
		Ray:     answer.Ray,
	}, nil
}
