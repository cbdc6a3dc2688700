package telemetry

import (
	"context"
	"slices"
	"sync"
	"time"
)

// maxRays is the number of cf-ray values of one call that are kept, the last
// ones.
const maxRays = 8

// maxText is the number of bytes of a caller's text that are kept.
const maxText = 256

// maxRayBytes is the maximum length of a cf-ray, in bytes.
const maxRayBytes = 64

// Call collects facts about one call while it runs. Each layer adds what it
// knows. It is safe for concurrent use.
type Call struct {
	mu    sync.Mutex
	facts Facts
}

// Facts are the facts about a call at one moment. A field is empty until a
// layer sets it.
type Facts struct {
	// RequestID is the request id.
	RequestID string
	// TraceID is the trace of the call, 32 hexadecimal digits.
	TraceID string
	// Protocol is "grpc" or "rest".
	Protocol string
	// Method is the full name of the method.
	Method string
	// Caller is the name of the authenticated caller.
	Caller string
	// Peer is the address of the client.
	Peer string
	// Rays are the last cf-ray values of Cloudflare's answers, at most 8.
	Rays []string
	// UpstreamCalls is the number of requests to Cloudflare.
	UpstreamCalls int
	// UpstreamTime is the sum of their durations.
	UpstreamTime time.Duration
}

// NewCall returns an empty record of a call.
func NewCall(requestID string) *Call {
	return &Call{facts: Facts{RequestID: truncate(requestID)}}
}

// SetMethod sets the protocol and the method.
func (c *Call) SetMethod(protocol, method string) {
	c.change(func(f *Facts) { f.Protocol, f.Method = truncate(protocol), truncate(method) })
}

// SetPeer sets the address of the client.
func (c *Call) SetPeer(address string) {
	c.change(func(f *Facts) { f.Peer = truncate(address) })
}

// SetCaller sets the name of the caller.
func (c *Call) SetCaller(name string) {
	c.change(func(f *Facts) { f.Caller = truncate(name) })
}

// SetTrace sets the trace id.
func (c *Call) SetTrace(id string) {
	c.change(func(f *Facts) { f.TraceID = truncate(id) })
}

// AddUpstream adds one request to Cloudflare that took d. ray is the cf-ray of
// the answer; an invalid one is ignored.
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

// Facts returns a copy of the current facts.
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

// truncate limits a text that a caller may have chosen.
func truncate(text string) string { return text[:min(len(text), maxText)] }

type callKey struct{}

// WithCall returns a context that carries c.
func WithCall(ctx context.Context, c *Call) context.Context {
	return context.WithValue(ctx, callKey{}, c)
}

// CallFrom returns the Call in ctx. If there is none, it returns a new Call
// that nobody reads. It is never nil.
func CallFrom(ctx context.Context) *Call {
	if c, ok := ctx.Value(callKey{}).(*Call); ok && c != nil {
		return c
	}
	return &Call{}
}
