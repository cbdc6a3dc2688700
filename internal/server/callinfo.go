package server

import (
	"context"
	"strconv"
	"time"

	"google.golang.org/grpc/metadata"

	"platform.internal/storekeeper/internal/scope"
	"platform.internal/storekeeper/internal/telemetry"
)

// callInfo is the content of an answer's headers beside the identifiers of the call.
type callInfo struct {
	// limit and policy are the values of the headers Ratelimit and Ratelimit-Policy: the remaining
	// share of the call budget of the caller's tenant.
	limit, policy string
	// replayed reports that the answer is the stored answer of an earlier call.
	replayed bool
	// freshness describes a cached answer.
	freshness scope.Freshness
}

// share returns a tenant's remaining share of an account's call budget, as the headers Ratelimit
// and Ratelimit-Policy. If share is nil, the headers are absent.
type share func(account, tenant string) (limit, policy string)

// infoOf describes the answer of a call that has ended.
func (s share) infoOf(ctx context.Context) callInfo {
	t := auditFrom(ctx)
	i := callInfo{replayed: t.replayed, freshness: t.answer.Freshness()}
	if s != nil && t.account != "" {
		i.limit, i.policy = s(t.account, t.caller.Payer())
	}
	return i
}

// maxAnswerHeaders is the number of headers that answerHeaders can return.
const maxAnswerHeaders = 7

// answerHeaders returns the headers that identify the call and describe the answer.
func answerHeaders(f telemetry.Facts, i callInfo) metadata.MD {
	// One allocation holds all values.
	md, values := metadata.MD{}, make([]string, 0, maxAnswerHeaders)
	set := func(key, value string) {
		n := len(values)
		values = append(values, value)
		md[key] = values[n : n+1 : n+1]
	}
	set(requestID, f.RequestID)
	if n := len(f.Rays); n > 0 {
		set("cf-ray", f.Rays[n-1])
	}
	if i.limit != "" {
		set("ratelimit", i.limit)
	}
	if i.policy != "" {
		set("ratelimit-policy", i.policy)
	}
	if i.replayed {
		set("idempotent-replayed", "true")
	}
	if i.freshness.Hit {
		// RFC 9111 and RFC 9211.
		set("age", strconv.Itoa(int(i.freshness.Age/time.Second)))
		status := "storekeeper; hit"
		if i.freshness.Stale {
			status += "; detail=stale"
		}
		set("cache-status", status)
	}
	return md
}
