package quota

import (
	"fmt"

	"platform.internal/storekeeper/internal/fault"
)

// limitCode is Cloudflare's error code for a limit that is reached.
const limitCode = 1003

// tenantFault returns the fault of a tenant that has reached its own limit. Cloudflare's error names a limit
// only for secrets. The reason is Cloudflare's and normally concerns the plan of the account, so a notice
// says whose limit applies.
func tenantFault(k resourceState, limit int) error {
	reason, what, detail := fault.ReasonMaximumSecretsExceeded, "secrets", fmt.Sprintf("max %d", limit)
	if k == stores {
		reason, what, detail = fault.ReasonMaximumStoresExceeded, "stores", ""
	}
	text := fmt.Sprintf("The tenant has all the %s that its own limit in this account allows: %d.", what, limit)
	f := fault.New(fault.LimitReached, reason, text)
	f.Detail, f.Local = detail, true
	f.Notices = []fault.Notice{{Code: limitCode, Text: text}}
	return f
}

// accountFault returns the fault that Cloudflare would return.
func accountFault(quota int64) error {
	f := fault.New(fault.LimitReached, fault.ReasonMaximumSecretsExceeded, "The account has all the secrets that its Cloudflare plan allows.")
	f.Detail, f.Local = fmt.Sprintf("max %d", quota), true
	return f
}
