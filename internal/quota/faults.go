package quota

import (
	"fmt"

	"platform.internal/storekeeper/internal/fault"
)

// Cloudflare's words, so that clients need to know no others.
const (
	reasonStores  = "MAXIMUM_STORES_EXCEEDED"
	reasonSecrets = "MAXIMUM_SECRETS_EXCEEDED"
)

// tenantFault refuses a tenant that has reached its own limit. Cloudflare names
// the limit for secrets only.
func tenantFault(k kind, limit int) error {
	if k == stores {
		f := fault.New(fault.LimitReached, reasonStores,
			fmt.Sprintf("The tenant has all the stores that its own limit in this account allows: %d.", limit))
		f.Local = true
		return f
	}
	f := fault.New(fault.LimitReached, reasonSecrets,
		fmt.Sprintf("The tenant has all the secrets that its own limit in this account allows: %d.", limit))
	f.Detail, f.Local = fmt.Sprintf("max %d", limit), true
	return f
}

// accountFault is what Cloudflare would say.
func accountFault(quota int64) error {
	f := fault.New(fault.LimitReached, reasonSecrets, "The account has all the secrets that its Cloudflare plan allows.")
	f.Detail, f.Local = fmt.Sprintf("max %d", quota), true
	return f
}
