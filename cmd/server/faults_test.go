package main

import (
	"strings"
	"testing"
	"time"

	"platform.internal/storekeeper/internal/emulator"
)

// want returns the verdict of a case under the fault. A change whose answer was
// lost has the verdict of the case without the fault.
func (f parityFault) want(t *testing.T, c parityCase) verdict {
	t.Helper()
	switch {
	case c.reads(t):
		return *f.Read
	case f.Change != nil:
		return *f.Change
	default:
		return c.Want
	}
}

// order returns the fault for a case: for reads every request, for changes the
// first changing request.
func (f parityFault) order(t *testing.T, c parityCase) emulator.Fault {
	t.Helper()
	ms := func(key string) int { n, _ := f.Fault[key].(int); return n }
	str := func(key string) string { s, _ := f.Fault[key].(string); return s }
	after, _ := f.Fault["after_commit"].(bool)
	fault := emulator.Fault{
		Kind: emulator.FaultKind(str("kind")), Status: ms("status"), ContentType: str("content_type"), Body: str("body"),
		Location: str("location"), AfterCommit: after, Size: int64(ms("size")),
		RetryAfter: time.Duration(ms("retry_after_s")) * time.Second, Delay: time.Duration(ms("delay_ms")) * time.Millisecond,
	}
	if !c.reads(t) {
		fault.Method, _, _ = strings.Cut(c.REST, " ")
		fault.Times = 1
	}
	return fault
}

// protocols returns functions that run a case over each protocol and check the verdict.
func protocols(p *program, t *testing.T, c parityCase) map[string]func(verdict, world) {
	t.Helper()
	return map[string]func(verdict, world){
		"gRPC": func(v verdict, w world) { t.Helper(); v.holdGRPC(t, w, p.overGRPC(c, w)) },
		"REST": func(v verdict, w world) { t.Helper(); v.holdREST(t, w, p.overREST(c, w)) },
	}
}

// eachFault runs a part of a test for each fault and RPC.
func eachFault(t *testing.T, which func(parityFault) bool, part func(*testing.T, parityFault, parityCase)) {
	t.Helper()
	table := readParity(t)
	for _, f := range table.Faults {
		if !which(f) {
			continue
		}
		t.Run(f.Name, func(t *testing.T) {
			for _, c := range table.examples() {
				if c.asksCloudflare(t) {
					t.Run(c.RPC, func(t *testing.T) { part(t, f, c) })
				}
			}
		})
	}
}

func TestEveryRPCSaysTheSameOfCloudflaresFaults(t *testing.T) {
	t.Parallel()
	p := start(t, setup{sets: []string{askEachTime, manyCalls, anyPace}})
	eachFault(t, func(f parityFault) bool { return !f.Slow && f.Then == nil }, func(t *testing.T, f parityFault, c parityCase) {
		p := p.in(t)
		for protocol, hold := range protocols(p, t, c) {
			want := f.want(t, c)
			w := p.given(c.Given)
			if want.Code == "" {
				// The state without a fault.
				hold(c.Want, w)
			}
			left := p.left()
			w = p.given(c.Given)
			p.inject(f.order(t, c))
			hold(want, w)
			if now := p.left(); now != left {
				t.Errorf("%s: there are %+v after it, want %+v", protocol, now, left)
			}
			if value, made := p.cf.Value(accountID, w.store, "B"); made && value != w.value {
				t.Errorf("%s: the value is %q", protocol, value)
			}
			// So that the circuit breaker of no account opens.
			p.cf.ClearFaults()
			p.must("GET", "stores", "")
		}
	})
}

// left is how many stores and secrets there are at Cloudflare.
func (p *program) left() (is struct{ stores, secrets int }) {
	is.stores, is.secrets = p.cf.Counts(accountID)
	return is
}

// A refusal for lack of budget applies to all calls until its end, and calls in
// between are not sent.
func TestEveryRPCSaysTheSameOfASpentBudget(t *testing.T) {
	t.Parallel()
	eachFault(t, func(f parityFault) bool { return f.Then != nil }, func(t *testing.T, f parityFault, c parityCase) {
		t.Parallel()
		for first := range protocols(nil, t, c) {
			p := start(t, setup{sets: []string{"budget.max_wait=1s"}})
			w := p.given(c.Given)
			p.inject(f.order(t, c))
			protocols(p, t, c)[first](f.want(t, c), w)
			asked := len(p.cf.Requests())
			for _, again := range protocols(p, t, c) {
				again(*f.Then, w)
			}
			if n := len(p.cf.Requests()) - asked; n > 0 {
				t.Errorf("Cloudflare was asked %d times more", n)
			}
		}
	})
}

// slow is the fault of an answer that does not come in time.
func slow(t *testing.T) parityFault {
	t.Helper()
	for _, f := range readParity(t).Faults {
		if f.Slow {
			return f
		}
	}
	t.Fatal("no fault is slow")
	return parityFault{}
}

// eachAtOnce runs the examples of reads or of changes concurrently.
func eachAtOnce(t *testing.T, reads bool, part func(*testing.T, parityCase)) {
	t.Helper()
	for _, c := range readParity(t).examples() {
		if c.asksCloudflare(t) && c.reads(t) == reads {
			t.Run(c.RPC, func(t *testing.T) {
				t.Parallel()
				part(t, c)
			})
		}
	}
}

func TestEveryReadEndsWhenCloudflareIsTooSlow(t *testing.T) {
	t.Parallel()
	p, f := start(t, setup{timeout: 50 * time.Millisecond, sets: []string{askEachTime}}), slow(t)
	w := p.given("secret")
	p.inject(emulator.Fault{Kind: emulator.KindDelay, Delay: time.Minute})
	eachAtOnce(t, true, func(t *testing.T, c parityCase) {
		for _, hold := range protocols(p.in(t), t, c) {
			hold(*f.Read, w)
		}
	})
}

// If every attempt is lost, the caller gets that fault. Recovery still finds
// that the change was not made.
func TestEveryChangeEndsWhenCloudflareIsTooSlow(t *testing.T) {
	t.Parallel()
	f := slow(t)
	var judge []func()
	for _, c := range readParity(t).examples() {
		if !c.asksCloudflare(t) || c.reads(t) {
			continue
		}
		for _, overREST := range []bool{false, true} {
			judge = append(judge, changeOfASlowCloudflare(t, f, c, overREST, 250*time.Millisecond))
		}
	}
	for _, one := range judge {
		one()
	}
}

// changeOfASlowCloudflare begins a change that Cloudflare does not answer within the timeout, and
// returns the function that judges it. A busy machine may not send the request within the timeout. Then
// the change is repeated with a longer one.
func changeOfASlowCloudflare(t *testing.T, f parityFault, c parityCase, overREST bool, timeout time.Duration) func() {
	t.Helper()
	p := start(t, setup{timeout: timeout})
	w := p.given(c.Given)
	left, sent := p.left(), p.sent()
	always := f.order(t, c)
	always.Times = 0
	p.inject(always)
	ended := p.begun(c, w, overREST)
	return func() {
		t.Helper()
		hold := ended()
		if p.sent() == sent && timeout < 10*time.Second {
			changeOfASlowCloudflare(t, f, c, overREST, 4*timeout)()
			return
		}
		hold(t, *f.Change)
		if now := p.left(); now != left {
			t.Errorf("%s: there are %+v after it, want %+v", c.RPC, now, left)
		}
		p.settled()
	}
}

// begun makes the call of a case, and returns the function that waits for the
// end. That returns the function that checks the verdict.
func (p *program) begun(c parityCase, w world, overREST bool) func() func(*testing.T, verdict) {
	p.t.Helper()
	rest, rpc := make(chan reply, 1), make(chan ruling, 1)
	go func() {
		if overREST {
			rest <- p.overREST(c, w)
		} else {
			rpc <- p.overGRPC(c, w)
		}
	}()
	return func() func(*testing.T, verdict) {
		select {
		case got := <-rest:
			return func(t *testing.T, v verdict) { t.Helper(); v.holdREST(t, w, got) }
		case got := <-rpc:
			return func(t *testing.T, v verdict) { t.Helper(); v.holdGRPC(t, w, got) }
		}
	}
}

// Storekeeper does not wait for a late answer, and the change is made anyway.
func TestEveryChangeIsMadeThoughAnAnswerComesTooLate(t *testing.T) {
	t.Parallel()
	f := slow(t)
	eachAtOnce(t, false, func(t *testing.T, c parityCase) {
		for protocol := range protocols(nil, t, c) {
			for _, made := range []bool{false, true} {
				p := start(t, setup{timeout: 200 * time.Millisecond})
				w := p.given(c.Given)
				late := f.order(t, c)
				late.AfterCommit = made
				p.inject(late)
				protocols(p, t, c)[protocol](c.Want, w)
				p.settled()
			}
		}
	})
}

// settled waits until no change is open.
func (p *program) settled() {
	p.t.Helper()
	p.await("no change is open", func() bool {
		_, metrics := p.page("/metrics")
		return strings.Contains(metrics, "\nstorekeeper_intents_open 0\n")
	})
}
