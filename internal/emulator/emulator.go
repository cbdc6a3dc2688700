package emulator

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"net/http"
	"strconv"
)

// Emulator is an http.Handler that answers like Cloudflare. It is safe for concurrent use and starts no
// goroutine.
type Emulator struct {
	config      Config
	routes      []route
	database    *database
	rateLimiter *rateLimiter
	requestLog  *requestLog
	faults      *faults
}

// New returns an emulator without stores. It accepts any configuration. [Config.Validate] returns the
// mistakes of a configuration.
func New(c Config) *Emulator {
	c = c.withDefaults()
	return &Emulator{
		config:      c,
		routes:      routes(),
		database:    newDatabase(c),
		rateLimiter: newRateLimiter(c),
		requestLog:  newRequestLog(c),
		faults:      &faults{random: c.Random},
	}
}

// ServeHTTP answers a request.
func (e *Emulator) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if e.isControl(r) {
		e.serveControl(w, r)
		return
	}
	c := newCall(r, e.routes)
	e.requestLog.note(r, c)
	e.serve(w, r, c)
}

// serve executes a call with the matching faults.
func (e *Emulator) serve(w http.ResponseWriter, r *http.Request, c *apiCall) {
	p := e.faults.take(c)
	if !pause(r.Context(), p.before) {
		e.cut(w)
		return
	}
	e.apply(p, c)
	var honest httpAnswer
	if p.decided == nil || p.decided.executes() {
		honest = e.execute(c)
	}
	if !pause(r.Context(), p.after) {
		e.cut(w)
		return
	}
	if p.decided == nil {
		e.send(w, honest)
		return
	}
	e.applyFault(w, c, *p.decided, honest)
}

// apply applies the faults that change the execution of a call.
func (e *Emulator) apply(p plan, c *apiCall) {
	c.eraA = p.eraA
	if p.lag > 0 {
		c.asOf = e.database.now().Add(-p.lag)
	}
}

// execute checks a call in Cloudflare's order: route, credential, rate limit,
// account, and then runs the operation.
func (e *Emulator) execute(c *apiCall) httpAnswer {
	switch {
	case !c.known && inProduct(c.path):
		return noProductRoute()
	case !c.known:
		return noRoute()
	case c.operation == nil:
		return noMethod(c.allowed)
	}
	id, named := c.names["account"]
	if named && !isIdentifier(id) {
		return badObject(c.path)
	}
	who, refused := e.authenticate(c.header)
	if refused != nil {
		return c.operation.refuseCredential(*refused)
	}
	if refused := e.rateLimiter.take(who.id); refused != nil {
		return *refused
	}
	c.who = who
	if named {
		c.account = e.database.accounts[id]
		if c.account == nil || !c.account.settings.mayUse(who) {
			return notPermitted()
		}
	}
	return e.run(c)
}

func (e *Emulator) run(c *apiCall) httpAnswer {
	if errors.Is(c.bodyErr, errTooLarge) {
		return tooLarge()
	}
	if c.bodyErr != nil {
		// A body that was cut off is not JSON, even if the received part is.
		return badBody()
	}
	return c.operation.run(e, c)
}

// send writes a complete answer.
func (e *Emulator) send(w http.ResponseWriter, a httpAnswer) {
	e.sendPart(w, a, len(a.body))
}

// head writes the status and the headers.
func (e *Emulator) head(w http.ResponseWriter, a httpAnswer, length int64) {
	h := w.Header()
	h.Set("Content-Type", jsonType)
	h.Set("Content-Length", strconv.FormatInt(length, 10))
	h.Set("Cf-Ray", newRay())
	e.rateLimiter.announce(h)
	for name, value := range a.header {
		h.Set(name, value)
	}
	w.WriteHeader(a.status)
}

// newRay returns a new cf-ray, the identifier of a request that Cloudflare's
// support asks for.
func newRay() string {
	var id [8]byte
	// Read never fails: without randomness it ends the program.
	_, _ = rand.Read(id[:])
	return hex.EncodeToString(id[:]) + "-DEV"
}
