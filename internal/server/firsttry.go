package server

import (
	"context"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"platform.internal/storekeeper/internal/fault"
)

// forgetTimeout limits how long a refusal waits until the record of an older
// equal call is dropped.
const forgetTimeout = time.Second

// firstTry makes a call without a key that is not a retry. If the call fails with an error after
// which clients retry, firstTry drops the record of an older equal call, so that the retry does not
// get the answer of that call.
func (c *Chain) firstTry(ctx context.Context, method string, request proto.Message, next grpc.UnaryHandler) (any, error) {
	came := time.Now()
	out, err := next(ctx, request)
	if err == nil || !repeated(err) {
		return out, err
	}
	c.dropOlder(ctx, method, request, came)
	return out, err
}

// dropOlder drops the record of a call that equals a failed call and is older.
func (c *Chain) dropOlder(ctx context.Context, method string, request proto.Message, came time.Time) {
	call, err := c.callFor(ctx, method, request)
	if err != nil {
		return
	}
	bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), forgetTimeout)
	defer cancel()
	c.Idempotency.Coordinator.Forget(bounded, *call, came)
}

// repeated reports whether clients retry after a fault.
func repeated(err error) bool {
	switch fault.From(err).Kind {
	case fault.Throttled, fault.Unavailable, fault.Deadline, fault.Canceled, fault.Internal, fault.Upstream, fault.NotEmpty:
		return true
	default:
		return false
	}
}
