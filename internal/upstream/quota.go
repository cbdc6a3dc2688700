package upstream

import (
	"context"
	"encoding/json"
	"net/http"
)

// Quota is the usage of an account's plan.
type Quota struct {
	// Secrets counts the secrets of all stores of the account.
	Secrets QuotaUsage
}

// QuotaUsage is the limit and the usage of one resource.
type QuotaUsage struct {
	// Quota is the maximum number.
	Quota int64
	// Usage is the present number.
	Usage int64
}

// UnmarshalJSON decodes Cloudflare's form. Both numbers are required, because a missing limit must
// not be read as 0.
func (q *Quota) UnmarshalJSON(text []byte) error {
	var wire struct {
		Secrets struct {
			Quota *number `json:"quota"`
			Usage *number `json:"usage"`
		} `json:"secrets"`
	}
	if err := json.Unmarshal(text, &wire); err != nil {
		return err
	}
	if wire.Secrets.Quota == nil || wire.Secrets.Usage == nil {
		return errNumber
	}
	q.Secrets = QuotaUsage{Quota: int64(*wire.Secrets.Quota), Usage: int64(*wire.Secrets.Usage)}
	return nil
}

// Quota returns the quota of an account, by its identifier or name.
func (c *Client) Quota(ctx context.Context, account string) (Answer[Quota], error) {
	at, err := c.at(account)
	if err != nil {
		return Answer[Quota]{}, err
	}
	o := quotaOperation(at)
	answer, err := call(ctx, c, &o, hasQuota)
	if err != nil {
		return Answer[Quota]{}, err
	}
	return Answer[Quota]{Result: *answer.Result, Info: answer.Info, Notices: answer.Notices, Ray: answer.Ray}, nil
}

// quotaOperation reads the quota of the account at the given root.
func quotaOperation(at listPlace) operation {
	return operation{name: opQuota, method: http.MethodGet, place: at.under("secrets_store/quota")}
}

// hasQuota accepts a quota with valid numbers.
func hasQuota(given Answer[*Quota]) bool {
	q := given.Result
	return q != nil && q.Secrets.Quota >= 0 && q.Secrets.Usage >= 0
}
