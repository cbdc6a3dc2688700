package guarantees_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"platform.internal/storekeeper/test/guarantees/calls"
	"platform.internal/storekeeper/test/guarantees/fleet"
	"platform.internal/storekeeper/test/guarantees/history"
)

const (
	// namesOfRound is the number of names in a round. Each round has new names,
	// so that the history of a name stays short.
	namesOfRound = 3
	// oneTry bounds a single call.
	oneTry = 5 * time.Second
)

// manner is how a client deals with answers that never came.
type manner int

const (
	// named: each change has a key and is repeated until an answer.
	named manner = iota
	// sdk: changes have no key and are repeated as by Cloudflare's SDKs.
	sdk
	// once: nothing is repeated.
	once
	manners
)

// crowd makes random calls as several clients at once and takes them down.
type crowd struct {
	w       *world
	book    *history.Book
	clients []*client
	// patience is how long a change is repeated.
	patience time.Duration
	// killed says that processes are killed. The effect of an update of a value
	// is then unknown, and a repeat makes the update again.
	killed  bool
	counter atomic.Int64
	round   atomic.Int64

	// repeated counts the tries after the first, replayed the answers of
	// earlier calls, stale the answers marked stale.
	repeated, replayed, stale atomic.Int64
	strange                   sync.Map
	// updates has the tags that updates set.
	updates sync.Map
}

// client is one caller.
type client struct {
	crowd   *crowd
	number  int
	manner  manner
	random  *rand.Rand
	deleted map[string]bool
	// ways are to each replica, over REST and, but for a client that behaves as
	// Cloudflare's SDKs, over gRPC.
	ways [][]calls.Client
}

// newCrowd makes clients that ask any replica, each time by chance.
func newCrowd(w *world, clients int, patience time.Duration) *crowd {
	c := &crowd{w: w, book: history.NewBook(), patience: patience}
	seed := uint64(time.Now().UnixNano())
	w.t.Logf("the seed is %d", seed)
	for i := range clients {
		one := &client{crowd: c, number: i, deleted: map[string]bool{}, manner: manner(i) % manners, random: rand.New(rand.NewPCG(seed, uint64(i)))}
		var rest, grpc []calls.Client
		for _, r := range w.replicas {
			rest, grpc = append(rest, w.rest(callerName(i), r)), append(grpc, w.grpc(callerName(i), r))
		}
		one.ways = [][]calls.Client{rest}
		if one.manner != sdk {
			one.ways = append(one.ways, grpc)
		}
		c.clients = append(c.clients, one)
	}
	return c
}

// known are the identifiers that were seen of each name of a round.
type known struct {
	mu  sync.Mutex
	ids map[string][]string
}

func (k *known) add(name, id string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	list := k.ids[name]
	if id != "" && (len(list) == 0 || list[len(list)-1] != id) {
		k.ids[name] = append(list, id)
	}
}

// pick returns the newest identifier of a name, sometimes an older identifier.
func (k *known) pick(name string, r *rand.Rand) string {
	k.mu.Lock()
	defer k.mu.Unlock()
	list := k.ids[name]
	switch {
	case len(list) == 0:
		return ""
	case r.IntN(5) == 0:
		return list[r.IntN(len(list))]
	default:
		return list[len(list)-1]
	}
}

// play runs rounds until ctx ends, and looks after each at Cloudflare itself.
func (c *crowd) play(ctx context.Context, round time.Duration) {
	for ctx.Err() == nil {
		c.oneRound(ctx, round)
	}
}

func (c *crowd) oneRound(ctx context.Context, long time.Duration) {
	prefix := fmt.Sprintf("r%d_", c.round.Add(1))
	seen := &known{ids: map[string][]string{}}
	ctx, cancel := context.WithTimeout(ctx, long)
	defer cancel()
	var all sync.WaitGroup
	for _, one := range c.clients {
		all.Go(func() {
			for ctx.Err() == nil {
				one.call(prefix, seen)
				// All tests together have few processors.
				time.Sleep(time.Duration(one.random.IntN(10)) * time.Millisecond)
			}
		})
	}
	all.Wait()
	c.look(prefix)
}

// look records Cloudflare's own state after a round.
func (c *crowd) look(prefix string) {
	began := c.book.Now()
	at := map[string]calls.Secret{}
	for _, s := range c.w.at(prefix) {
		at[s.Name] = s
	}
	for i := range namesOfRound {
		name := prefix + fmt.Sprint(i)
		out := history.Output{Verdict: calls.Missing, Said: "at Cloudflare"}
		if s, there := at[name]; there {
			value, _ := c.w.cf.Value(fleet.Account, c.w.place.Store, s.Name)
			out = history.Output{Verdict: calls.Done, Secret: s, Value: value, Said: "at Cloudflare"}
		}
		c.book.Add(len(c.clients), began, history.Input{Kind: history.Look, Name: name}, out)
	}
}

// call makes one random call.
func (o *client) call(prefix string, seen *known) {
	name := prefix + fmt.Sprint(o.random.IntN(namesOfRound))
	in := history.Input{Name: name, ID: seen.pick(name, o.random)}
	dice := o.random.IntN(100)
	switch {
	case dice < 20:
		in.Kind = history.See
		o.see(prefix, seen)
		return
	case dice < 45 || in.ID == "":
		in.Kind, in.ID = history.Create, ""
	case dice < 60:
		in.Kind = history.Get
	case dice < 85:
		in.Kind = history.Update
	default:
		in.Kind = history.Delete
	}
	if in.Kind == history.Delete && o.manner == sdk && !o.deletes(in.ID) {
		return
	}
	in.Write = o.write(in.Kind)
	began := o.crowd.book.Now()
	out := o.try(in)
	seen.add(name, out.Secret.ID)
	o.crowd.book.Add(o.number, began, in, out)
}

// deletes reports whether the client may delete a secret. A client without keys
// deletes once, because a second delete looks like a repeat of the first.
func (o *client) deletes(id string) bool {
	if o.deleted[id] {
		return false
	}
	o.deleted[id] = true
	return true
}

// see lists the round's names and takes the list down name by name.
func (o *client) see(prefix string, seen *known) {
	began := o.crowd.book.Now()
	a := o.once(o.way(), func(ctx context.Context, w calls.Client) calls.Answer {
		return w.List(ctx, calls.Mark{Fresh: o.random.IntN(20) == 0}, prefix)
	})
	at := map[string]calls.Secret{}
	for _, s := range a.Secrets {
		at[s.Name] = s
		seen.add(s.Name, s.ID)
	}
	for i := range namesOfRound {
		name := prefix + fmt.Sprint(i)
		out := history.Output{Verdict: a.Verdict, Said: a.Said, Secret: at[name]}
		if a.Verdict == calls.Done && out.Secret.ID == "" {
			out.Verdict = calls.Missing
		}
		o.crowd.book.Add(o.number, began, history.Input{Kind: history.See, Name: name}, out)
	}
}

// write invents values to set. No two writes are equal.
func (o *client) write(kind history.Kind) calls.Write {
	tag := fmt.Sprintf("%d.%d", o.number, o.crowd.counter.Add(1))
	w := calls.Write{Value: "value " + tag, Comment: "comment " + tag, Scopes: []string{"workers", "ai_gateway", "ai_gateway,workers"}[o.random.IntN(3)]}
	switch {
	case kind == history.Create:
		return w
	case kind != history.Update:
		return calls.Write{}
	}
	o.crowd.updates.Store(tag, true)
	// An update sets one, two or all three fields. An update of a client
	// without keys always sets the comment, because it could equal an earlier
	// update otherwise.
	keep := 1 + o.random.IntN(7)
	if o.manner == sdk {
		keep |= 2
	}
	if keep&1 == 0 {
		w.Value = ""
	}
	if keep&2 == 0 {
		w.Comment = ""
	}
	if keep&4 == 0 {
		w.Scopes = ""
	}
	return w
}

// try makes a call, and repeats it if the client repeats calls.
func (o *client) try(in history.Input) history.Output {
	m := calls.Mark{}
	if o.manner == named && in.Kind != history.Get {
		m.Key = fmt.Sprintf("%d-%d", o.number, o.crowd.counter.Add(1))
	}
	// A call is repeated at any replica, but not over another protocol.
	way, late := o.way(), time.Now().Add(o.crowd.patience)
	said, sent := "", false
	for {
		began := o.crowd.book.Now()
		a := o.once(way, func(ctx context.Context, w calls.Client) calls.Answer { return o.send(ctx, w, m, in) })
		again := o.makesAgain(in, a.Verdict)
		sent = sent || a.Verdict != calls.Unsent
		if sent && a.Verdict == calls.Unsent {
			a.Verdict = calls.Lost
		}
		said += fmt.Sprintf("%.60s", a.Said)
		if a.Replayed {
			said += " replayed"
		}
		if !a.Verdict.Again() || in.Kind == history.Get || time.Now().After(late) || o.manner == once {
			return o.output(a, said)
		}
		if again {
			o.crowd.book.Add(o.number, began, in, history.Output{Verdict: calls.Lost, Said: "a try of the same change"})
		}
		said += "; "
		m.Retry++
		o.crowd.repeated.Add(1)
		time.Sleep(min(a.RetryAfter, 200*time.Millisecond) + time.Duration(10+o.random.IntN(20))*time.Millisecond)
	}
}

// makesAgain reports whether a try with this verdict may have made a change that
// a repeat makes a second time: a change without a key after which another caller
// changed the same object, and after a kill an update of a value, whose effect
// nobody can see. A deletion has an effect only once, and a try that was not sent
// has none.
func (o *client) makesAgain(in history.Input, v calls.Verdict) bool {
	if v != calls.Lost {
		return false
	}
	switch in.Kind {
	case history.Update:
		return o.manner == sdk || o.crowd.killed && in.Write.Value != ""
	case history.Create:
		return o.manner == sdk
	default:
		return false
	}
}

// output is the record of the last answer. A client that does not repeat failed
// calls waits instead: each failed change stays open for ever, and a history
// with many open changes proves nothing.
func (o *client) output(a calls.Answer, said string) history.Output {
	out := history.Output{Verdict: a.Verdict, Said: said}
	if len(a.Secrets) == 1 {
		out.Secret = a.Secrets[0]
	}
	if a.Verdict.Again() {
		time.Sleep(200 * time.Millisecond)
	}
	return out
}

func (*client) send(ctx context.Context, w calls.Client, m calls.Mark, in history.Input) calls.Answer {
	switch in.Kind {
	case history.Create:
		return w.Create(ctx, m, in.Name, in.Write)
	case history.Update:
		return w.Update(ctx, m, in.ID, in.Write)
	case history.Delete:
		return w.Delete(ctx, m, in.ID)
	default:
		return w.Get(ctx, m, in.ID)
	}
}

// way chooses a protocol.
func (o *client) way() []calls.Client { return o.ways[o.random.IntN(len(o.ways))] }

// once makes one call, at a random replica.
func (o *client) once(way []calls.Client, call func(context.Context, calls.Client) calls.Answer) calls.Answer {
	ctx, cancel := context.WithTimeout(context.Background(), oneTry)
	defer cancel()
	a := call(ctx, way[o.random.IntN(len(way))])
	if a.Replayed {
		o.crowd.replayed.Add(1)
	}
	if a.Stale {
		o.crowd.stale.Add(1)
		// An answer that is marked stale may be outdated.
		a.Verdict = calls.Later
	}
	if a.Verdict == calls.Wrong {
		o.crowd.strange.Store(a.Said, true)
	}
	return a
}

// check fails the test if the history could not have happened.
func (c *crowd) check(t *testing.T) {
	t.Helper()
	all, open := c.book.Counts()
	t.Logf("%d calls in %d rounds, %d of them without an answer, %d repeated tries, %d replayed answers, %d stale reads",
		all, c.round.Load(), open, c.repeated.Load(), c.replayed.Load(), c.stale.Load())
	c.strange.Range(func(said, _ any) bool {
		t.Errorf("an answer that should never come: %s", said)
		return true
	})
	if err := c.book.Check(t.ArtifactDir(), 30*time.Second); err != nil {
		t.Error(err)
	}
}
