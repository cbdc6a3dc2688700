package telemetry

import (
	"context"
	"slices"
	"sync"
	"time"
)

// maxRays is the number of cf-ray values kept per call, the most recent.
const maxRays = 8

// maxText is the number of bytes kept of a caller's text.
const maxText = 256

// maxRayBytes is the maximum length of a cf-ray, in bytes.
const maxRayBytes = 64

// Call collects facts about one call while the call runs. Each layer adds its facts. A Call is safe
// for concurrent use.
type Call struct {
	mu    sync.Mutex
	facts Facts
	// firstRay is memory for Facts.Rays, because most calls ask Cloudflare once.
	firstRay [1]string
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
	// Waited is the time that the call waited for a permit of the budget, or for the work of
	// another call.
	Waited time.Duration
	// Sampled reports that the spans of the call are recorded.
	Sampled bool
}

// Own returns the part of a call's latency that Storekeeper itself caused: without the requests to
// Cloudflare and without Waited. It is at least 0, although requests of a call may overlap.
func (f *Facts) Own(latency time.Duration) time.Duration {
	return max(0, latency-f.UpstreamTime-f.Waited)
}

// Exemplar returns the trace id for the exemplars of a call's metrics, or "" if the call's spans
// are not recorded.
func (f *Facts) Exemplar() string {
	if !f.Sampled {
		return ""
	}
	return f.TraceID
}

// SetRequestID sets the request id.
func (c *Call) SetRequestID(id string) {
	c.change(func(f *Facts) { f.RequestID = truncate(id) })
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

// SetTrace sets the trace id, and whether the spans of the call are recorded.
func (c *Call) SetTrace(id string, sampled bool) {
	c.change(func(f *Facts) { f.TraceID, f.Sampled = truncate(id), sampled })
}

// AddWait adds a wait for a permit of the budget, or for another call.
func (c *Call) AddWait(d time.Duration) {
	c.change(func(f *Facts) { f.Waited += d })
}

// BeginWait begins a wait for work that this call shares with other calls. The returned function
// ends the wait. Requests to Cloudflare that the call itself adds during the wait are not counted
// twice.
func (c *Call) BeginWait() (end func()) {
	began, before := time.Now(), c.noted()
	return func() { c.AddWait(max(0, time.Since(began)-(c.noted()-before))) }
}

// noted returns the time so far that is not part of Facts.Own.
func (c *Call) noted() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.facts.UpstreamTime + c.facts.Waited
}

// Exemplar returns the trace id for an exemplar, "" if there is none.
func (c *Call) Exemplar() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.facts.Exemplar()
}

// AddUpstream adds a request to Cloudflare with duration d. ray is the cf-ray of the response; an
// invalid ray is ignored.
func (c *Call) AddUpstream(d time.Duration, ray string) {
	c.change(func(f *Facts) {
		f.UpstreamCalls++
		f.UpstreamTime += d
		if !IsRay(ray) {
			return
		}
		if f.Rays == nil {
			f.Rays = c.firstRay[:0]
		}
		if len(f.Rays) == maxRays {
			f.Rays = f.Rays[1:]
		}
		f.Rays = append(f.Rays, ray)
	})
}

// IsRay reports whether a text has the form of a cf-ray.
func IsRay(text string) bool { return isPlain(text, maxRayBytes, "-") }

// Facts returns a copy of the current facts.
func (c *Call) Facts() Facts {
	c.mu.Lock()
	defer c.mu.Unlock()
	f := c.facts
	// AddUpstream only appends, so the copy can share the values so far.
	f.Rays = slices.Clip(f.Rays)
	return f
}

func (c *Call) change(by func(*Facts)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	by(&c.facts)
}

// truncate limits the length of a text that a caller may have chosen.
func truncate(text string) string { return text[:min(len(text), maxText)] }

// CallKey is the context key of a *Call, for a context that holds a Call itself.
type CallKey struct{}

// CallFrom returns the Call in ctx, or a new unused Call if there is none. It never returns nil.
func CallFrom(ctx context.Context) *Call {
	if c, ok := ctx.Value(CallKey{}).(*Call); ok && c != nil {
		return c
	}
	return &Call{}
}
