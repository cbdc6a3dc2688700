package telemetry

import (
	"context"
	"slices"
	"sync"
	"time"
)

// maxRays is how many cf-ray values of one call are kept, the last ones.
const maxRays = 8

// maxText is how many bytes of a text that a caller chose are kept.
const maxText = 256

// maxRayBytes is how long an identifier of Cloudflare's may be, in bytes.
const maxRayBytes = 64

// Call gathers what is known of one call while it runs. Each layer adds what
// it knows. It is safe for concurrent use.
type Call struct {
	mu    sync.Mutex
	facts Facts
}

// Facts is what is known of a call at one moment. A field is empty as long as
// no layer has added it.
type Facts struct {
	// RequestID is the identifier that Storekeeper gave the call.
	RequestID string
	// TraceID is the trace that the call is part of, 32 hexadecimal digits.
	TraceID string
	// Protocol is how the call came in: "grpc" or "rest".
	Protocol string
	// Method is the full name of the method.
	Method string
	// Caller is the name of the caller, once the credential was good.
	Caller string
	// Peer is the address that the call came from.
	Peer string
	// Rays are the cf-ray values of Cloudflare's answers, at most 8, the last
	// ones.
	Rays []string
	// Limit and Policy say what is left of its share of the call budget to the
	// caller's tenant, as the headers Ratelimit and Ratelimit-Policy.
	Limit, Policy string
	// Freshness says where the answer of a read came from. Zero where it came
	// from Cloudflare.
	Freshness Freshness
	// Replayed says that the answer is that of an earlier call with the same key.
	Replayed bool
	// UpstreamCalls counts the attempts to call Cloudflare.
	UpstreamCalls int
	// UpstreamTime is how long these took, added up.
	UpstreamTime time.Duration
}

// NewCall starts the record of a call.
func NewCall(requestID string) *Call {
	return &Call{facts: Facts{RequestID: truncate(requestID)}}
}

// SetMethod says how the call came in and what it calls.
func (c *Call) SetMethod(protocol, method string) {
	c.change(func(f *Facts) { f.Protocol, f.Method = truncate(protocol), truncate(method) })
}

// SetPeer says where the call came from.
func (c *Call) SetPeer(address string) {
	c.change(func(f *Facts) { f.Peer = truncate(address) })
}

// SetCaller says who calls, by name.
func (c *Call) SetCaller(name string) {
	c.change(func(f *Facts) { f.Caller = truncate(name) })
}

// SetTrace says which trace the call is part of.
func (c *Call) SetTrace(id string) {
	c.change(func(f *Facts) { f.TraceID = truncate(id) })
}

// AddUpstream counts one attempt to call Cloudflare that took d. ray is the
// cf-ray of the answer; what cannot be one is left out.
func (c *Call) AddUpstream(d time.Duration, ray string) {
	c.change(func(f *Facts) {
		f.UpstreamCalls++
		f.UpstreamTime += d
		if !isPlain(ray, maxRayBytes, "-") {
			return
		}
		if len(f.Rays) == maxRays {
			f.Rays = f.Rays[1:]
		}
		f.Rays = append(f.Rays, ray)
	})
}

// SetLimits says what is left of its share of the call budget to the caller's
// tenant.
func (c *Call) SetLimits(limit, policy string) {
	c.change(func(f *Facts) { f.Limit, f.Policy = truncate(limit), truncate(policy) })
}

// Freshness says how old the answer of a read is that was given from what is
// kept near.
type Freshness struct {
	// Hit says that Cloudflare was not asked for this answer.
	Hit bool
	// Age is how long ago Cloudflare was asked for it.
	Age time.Duration
	// Stale says that it is older than answers ought to be, since Cloudflare
	// could not be asked.
	Stale bool
}

// SetFreshness says where the answer of a read came from.
func (c *Call) SetFreshness(s Freshness) { c.change(func(f *Facts) { f.Freshness = s }) }

// SetReplayed says that the answer is that of an earlier call.
func (c *Call) SetReplayed() { c.change(func(f *Facts) { f.Replayed = true }) }

// Facts returns what is known now. The answer does not change with the Call.
func (c *Call) Facts() Facts {
	c.mu.Lock()
	defer c.mu.Unlock()
	f := c.facts
	f.Rays = slices.Clone(f.Rays)
	return f
}

func (c *Call) change(by func(*Facts)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	by(&c.facts)
}

// truncate bounds a text that may be the caller's choice.
func truncate(text string) string { return text[:min(len(text), maxText)] }

type callKey struct{}

// WithCall returns a context that carries c.
func WithCall(ctx context.Context, c *Call) context.Context {
	return context.WithValue(ctx, callKey{}, c)
}

// CallFrom returns the Call that ctx carries. Where it carries none, the
// answer is a new Call that nobody reads, so it is never nil.
func CallFrom(ctx context.Context) *Call {
	if c, ok := ctx.Value(callKey{}).(*Call); ok && c != nil {
		return c
	}
	return &Call{}
}
