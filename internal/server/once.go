package server

import (
	"cmp"
	"context"
	"crypto/sha256"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	secretsstorev1 "platform.internal/storekeeper/gen/secretsstore/v1"
	"platform.internal/storekeeper/internal/access"
	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/idempotency"
	"platform.internal/storekeeper/internal/policy"
	"platform.internal/storekeeper/internal/telemetry"
	"platform.internal/storekeeper/internal/tenant"
	"platform.internal/storekeeper/internal/upstream"
)

const (
	// idempotencyKey is the metadata key, and the header, by which a caller
	// names a change.
	idempotencyKey = "idempotency-key"
	// longestKey is how long such a name may be.
	longestKey = 255
)

// retryMarks are the metadata keys by which clients say how often they tried
// before: Cloudflare's SDKs over REST, and gRPC itself.
var retryMarks = []string{"x-stainless-retry-count", "grpc-previous-rpc-attempts"}

// Once is what makes a change happen once, however often it is asked for.
type Once struct {
	// Keeper knows the changes that were made and those that run. Nil: every
	// call is made as it comes.
	Keeper *idempotency.Keeper
	// Before says what there is before a change, for whoever has to find out
	// what became of it.
	Before func(ctx context.Context, account string, about policy.Target) ([]byte, error)
	// Enter makes the context that a change runs with of the one that the Keeper
	// gives it. Nil: that one.
	Enter func(context.Context) context.Context
}

// named is the name that a caller gave a change, and whether it comes again.
type named struct {
	key   string
	again bool
}

// nameOf reads the name of a change. A name in the request and another one in
// the metadata is a mistake.
func nameOf(ctx context.Context, req any) (named, error) {
	var n named
	for _, mark := range retryMarks {
		again, err := isRetry(ctx, mark)
		if err != nil {
			return n, err
		}
		n.again = n.again || again
	}
	// A key that is empty or ambiguous is not a missing key: the caller wants a
	// protection that the change would then be made without.
	if keys := metadata.ValueFromIncomingContext(ctx, idempotencyKey); len(keys) > 0 {
		if len(keys) > 1 || !wellFormed(keys[0]) {
			return n, fault.Invalid(fault.Field{
				Path: idempotencyKey, Reason: "IDEMPOTENCY_KEY_INVALID", Text: "must be 1 to 255 visible ASCII characters, sent once",
			})
		}
		n.key = keys[0]
	}
	r, ok := req.(interface{ GetRequestId() string })
	switch {
	case !ok || r.GetRequestId() == "":
	case n.key != "" && n.key != r.GetRequestId():
		return n, fault.Invalid(fault.Field{
			Path: "request_id", Reason: "REQUEST_ID_INVALID", Text: "must be the same as the metadata " + idempotencyKey + ", where both are given",
		})
	default:
		n.key = r.GetRequestId()
	}
	return n, nil
}

// isRetry reports whether the caller marked the call as one that it sends again.
// The mark is a whole number: how often the caller sent the call before.
func isRetry(ctx context.Context, mark string) (bool, error) {
	values := metadata.ValueFromIncomingContext(ctx, mark)
	if len(values) == 0 {
		return false, nil
	}
	count, err := strconv.ParseUint(values[0], 10, 32)
	if len(values) > 1 || err != nil {
		reason := strings.ToUpper(strings.ReplaceAll(mark, "-", "_")) + "_INVALID"
		return false, fault.Invalid(fault.Field{Path: mark, Reason: reason, Text: "must be a whole number, sent once"})
	}
	return count > 0, nil
}

func wellFormed(key string) bool {
	return key != "" && len(key) <= longestKey && !strings.ContainsFunc(key, func(r rune) bool { return r <= ' ' || r > '~' })
}

// recall teaches the directory the names behind a change that comes again: what
// it deleted has no name at Cloudflare any more, and rights are judged by names.
func recall(c Chain) grpc.UnaryServerInterceptor {
	return func(ctx context.Context, req any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
		m, request := c.Rights.Methods[info.FullMethod], asMessage(req)
		if c.Once.Keeper == nil || m == nil || !m.Changes || request == nil {
			return next(ctx, req)
		}
		// A name that is no good is for validation to refuse.
		n, err := nameOf(ctx, req)
		if err != nil || n.key == "" && !n.again {
			return next(ctx, req)
		}
		caller, _ := access.PrincipalFrom(ctx)
		call, err := callOf(caller.Name, info.FullMethod, n, request)
		if err != nil {
			return nil, err
		}
		about := m.Target(request)
		if account, served := c.Rights.Names.Account(about.Account); served {
			if before, known := c.Once.Keeper.Peek(ctx, &call); known {
				c.Rights.Names.Remember(account, about.StoreID, before.Names)
			}
		}
		trailFrom(ctx).call = &call
		return next(ctx, req)
	}
}

// once makes a change happen once: a call that comes again gets the answer of
// the first, or waits for it. A change that began goes on when its caller leaves.
func once(c Chain) grpc.UnaryServerInterceptor {
	return func(ctx context.Context, req any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
		m, request := c.Rights.Methods[info.FullMethod], asMessage(req)
		if c.Once.Keeper == nil || m == nil || !m.Changes || request == nil {
			return next(ctx, req)
		}
		t := trailFrom(ctx)
		call, err := callFor(ctx, t, info.FullMethod, request)
		if err != nil {
			return nil, err
		}
		about := m.Target(request)
		if call.Objects, err = c.objectsOf(ctx, t.account, about); err != nil {
			return nil, err
		}
		call.Intent = func(ctx context.Context) (idempotency.Intent, error) { return c.intentOf(ctx, t, about, request) }
		var made packed
		answer, err := c.Once.Keeper.Do(ctx, call, func(ctx context.Context) ([]byte, error) {
			if c.Once.Enter != nil {
				ctx = c.Once.Enter(ctx)
			}
			out, err := next(ctx, req)
			if err != nil {
				return nil, err
			}
			return made.pack(out)
		})
		// What was read on the way says nothing of the answer.
		telemetry.CallFrom(ctx).SetFreshness(telemetry.Freshness{})
		if answer.Replayed {
			telemetry.CallFrom(ctx).SetReplayed()
		}
		if err != nil {
			return nil, err
		}
		return made.unpack(answer.Body)
	}
}

// callFor is the call that recall has looked up, or says what it is.
func callFor(ctx context.Context, t *trail, method string, request proto.Message) (idempotency.Call, error) {
	if t.call != nil {
		return *t.call, nil
	}
	n, err := nameOf(ctx, request)
	if err != nil {
		return idempotency.Call{}, err
	}
	return callOf(t.caller.Name, method, n, request)
}

// callOf says what a call is, so that it is known when it comes again.
func callOf(caller, method string, n named, request proto.Message) (idempotency.Call, error) {
	if r, ok := request.(interface{ GetRequestId() string }); ok && r.GetRequestId() != "" {
		request = unnamed(request)
	}
	if u, ok := request.(*secretsstorev1.UpdateSecretRequest); ok {
		request = masked(u)
	}
	payload, err := proto.MarshalOptions{Deterministic: true}.Marshal(request)
	return idempotency.Call{Caller: caller, Key: n.key, Retry: n.again, Method: method, Payload: payload}, err
}

// unnamed copies a request without its name, which is no part of what it asks
// for: it may come as metadata the next time.
func unnamed(request proto.Message) proto.Message {
	out := proto.Clone(request)
	m := out.ProtoReflect()
	m.Clear(m.Descriptor().Fields().ByName("request_id"))
	return out
}

// masked gives a request the mask that says what it changes. Over REST there is
// one always, and over gRPC it may be left out.
func masked(u *secretsstorev1.UpdateSecretRequest) proto.Message {
	u, _ = proto.Clone(u).(*secretsstorev1.UpdateSecretRequest)
	if u.GetUpdateMask() == nil {
		u.UpdateMask = &fieldmaskpb.FieldMask{}
	}
	if mask := u.GetUpdateMask(); len(mask.GetPaths()) == 0 {
		for path, given := range map[string]bool{"value": u.Value != nil, "comment": u.Comment != nil, "scopes": len(u.GetScopes()) > 0} {
			if given {
				mask.Paths = append(mask.Paths, path)
			}
		}
	}
	slices.Sort(u.GetUpdateMask().Paths)
	return u
}

// objectsOf names what a change is about, so that two changes of the same thing
// do not run at the same time. A secret that exists goes by its name too: who
// deletes it must wait for whoever is not sure yet of having made it. What a
// copy is made of is not changed by that.
func (c Chain) objectsOf(ctx context.Context, account string, about policy.Target) ([]string, error) {
	var list []string
	store := account + "/" + about.StoreID
	for _, s := range about.Secrets {
		list = append(list, store+"/name/"+s.Name)
	}
	if about.StoreName != "" {
		list = append(list, storeNamed(account, about.StoreName))
	}
	if len(list) > 0 {
		return list, nil
	}
	if len(about.SecretIDs) == 0 {
		name, err := c.Rights.Names.Store(ctx, account, about.StoreID)
		if err == nil {
			list = append(list, storeNamed(account, name))
		}
		return append(list, store), unlessGone(err)
	}
	for _, id := range about.SecretIDs {
		list = append(list, store+"/id/"+id)
	}
	names, err := c.namesOf(ctx, upstream.StoreParams{Account: account, StoreID: about.StoreID}, about.SecretIDs)
	for _, name := range names {
		list = append(list, store+"/name/"+name)
	}
	return list, err
}

// namesOf gives the names of those of the secrets that exist. They are asked for
// together, which costs one listing at most, and one by one only where some are
// gone.
func (c Chain) namesOf(ctx context.Context, in upstream.StoreParams, ids []string) ([]string, error) {
	names, err := c.Rights.Names.Secrets(ctx, in, ids)
	if err == nil || unlessGone(err) != nil || len(ids) == 1 {
		return names, unlessGone(err)
	}
	names = nil
	for _, id := range ids {
		name, err := c.Rights.Names.Secrets(ctx, in, []string{id})
		if unlessGone(err) != nil {
			return nil, err
		}
		names = append(names, name...)
	}
	return names, nil
}

// storeNamed names a store that is made. Its name may be longer than that of a
// record.
func storeNamed(account, name string) string {
	return fmt.Sprintf("%s/store-name/%x", account, sha256.Sum256([]byte(name)))
}

// unlessGone lets pass that an object does not exist: the change itself says so.
func unlessGone(err error) error {
	if err != nil && fault.From(err).Kind == fault.NotFound {
		return nil
	}
	return err
}

// intentOf says what is to be done, without values, and what there is before.
func (c Chain) intentOf(ctx context.Context, t *trail, about policy.Target, request proto.Message) (idempotency.Intent, error) {
	// The audit records of the change have the same identifier, so that an
	// outcome that is found out later finds its intent.
	i := idempotency.Intent{ID: t.name(), Method: telemetry.CallFrom(ctx).Facts().Method, Caller: t.caller.Name, Tenant: tenant.From(ctx), Names: t.names()}
	var err error
	if i.Request, err = Pack(policy.WithoutValues(request)); err != nil {
		return i, err
	}
	if c.Once.Before != nil {
		i.Baseline, err = c.Once.Before(ctx, cmp.Or(t.account, about.Account), about)
	}
	return i, err
}
