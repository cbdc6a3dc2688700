package main

import (
	"net/http"
	"time"
)

// gate is a Cloudflare that blocks requests until the gate opens or the request
// is cancelled.
type gate struct {
	next            http.Handler
	arrived, gaveUp chan struct{}
	open            chan struct{}
}

func newGate() *gate {
	return &gate{arrived: make(chan struct{}, 100), gaveUp: make(chan struct{}, 100), open: make(chan struct{})}
}

func (g *gate) wrap(next http.Handler) http.Handler {
	g.next = next
	return g
}

func (g *gate) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	g.arrived <- struct{}{}
	select {
	case <-g.open:
		g.next.ServeHTTP(w, r)
	case <-r.Context().Done():
		g.gaveUp <- struct{}{}
	}
}

func (p *program) wait(what string, c <-chan struct{}) {
	p.t.Helper()
	select {
	case <-c:
	case <-time.After(patience):
		p.t.Fatalf("never happened: %s", what)
	}
}
