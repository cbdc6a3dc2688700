package upstream

import (
	"context"
	"net/http"
	"time"

	"platform.internal/storekeeper/internal/fault"
)

// statusActive is Cloudflare's status of a usable token.
const statusActive = "active"

// The kinds of credential that VerifyToken returns.
const (
	// KindUserToken is an API token of a user.
	KindUserToken = "user token"
	// KindAccountToken is an API token of an account.
	KindAccountToken = "account token"
	// KindGlobalKey is a user's global API key.
	KindGlobalKey = "global key"
)

// Verification is Cloudflare's statement about the credential of an account.
type Verification struct {
	// Kind is a Kind constant.
	Kind string `json:"-"`
	// ID is Cloudflare's identifier of the token. Empty for a global key.
	ID string `json:"id"`
	// Status is "active", "disabled" or "expired".
	Status string `json:"status"`
	// NotBefore is the start of the token's validity. Nil means no restriction.
	NotBefore *time.Time `json:"not_before"`
	// ExpiresOn is the end of the token's validity. Nil means never.
	ExpiresOn *time.Time `json:"expires_on"`
}

// VerifyToken asks Cloudflare about the credential of an account, by its identifier or name. It
// costs up to two calls of the account's budget. Faults: Upstream if the credential is refused.
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
	// The kind of a token is not visible in the token, and each endpoint reports a valid token of
	// the other kind as invalid.
	answer, err := c.verifyAt(ctx, userVerify(at), KindUserToken)
	if err == nil || fault.From(err).Kind != fault.Upstream {
		return answer, err
	}
	return c.verifyAt(ctx, accountVerify(at), KindAccountToken)
}

func (c *Client) verifyAt(ctx context.Context, at listPlace, kind string) (Answer[Verification], error) {
	o := verifyOperation(at)
	answer, err := call(ctx, c, &o, hasStatus)
	if err == nil {
		answer.Result.Kind = kind
	}
	return answer, err
}

func verifyOperation(at listPlace) operation {
	return operation{name: opVerifyToken, method: http.MethodGet, place: at}
}

// userVerify returns the endpoint that verifies user tokens.
func userVerify(root listPlace) listPlace {
	return listPlace{account: root.account, path: root.account.base.Path + "/user/tokens/verify"}
}

// accountVerify returns the endpoint that verifies account tokens.
func accountVerify(root listPlace) listPlace { return root.under("tokens/verify") }

func hasStatus(given Answer[Verification]) bool { return given.Result.Status != "" }

// verifyKey tests a global key with a read, because Cloudflare has no endpoint to verify a global
// key.
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
