// Package lending moves turns of a call budget between replicas through Valkey:
// a replica that needs less than its part lends to those that need more.
//
// It must not know what the calls are or how a replica shares its turns out.
//
// A turn that is lent is spent at its lender first and given away afterwards, so
// that whatever gets lost on the way, a message, the server or a replica, can
// only waste turns, never make more of them.
package lending

import (
	"context"
	"encoding/json"
	"strconv"
	"time"

	"github.com/valkey-io/valkey-go"
)

// Budget is what a replica shares out.
type Budget interface {
	// Demand is how many calls of each tenant wait.
	Demand() map[string]int
	// SetElsewhere tells what waits at the other replicas.
	SetElsewhere(demand []map[string]int)
	// Due is the part of the whole that this replica ought to have now.
	Due() float64
	// Surplus is how many turns it ought to lend now.
	Surplus() int
	// Lend takes up to n turns away and says how many.
	Lend(n int) int
	// Borrow adds turns, which are to be used soon.
	Borrow(n int)
	// Refused is for how long Cloudflare said, to this replica itself, that it
	// takes no calls.
	Refused() time.Duration
	// Block stops all calls for a while.
	Block(d time.Duration)
}

// Config is what lending needs.
type Config struct {
	// Client reaches the server.
	Client valkey.Client
	// Key makes the name of a key on the server.
	Key func(string) string
	// Replica is the name of this replica, different from all others.
	Replica string
	// Name tells budgets apart: the credential that it is of, the same at all
	// replicas.
	Name string
	// Replicas is how many there are at most.
	Replicas int
	// Grace is the longest that a loan may be under way, from Lend to Borrow. At
	// most three quarters of it are used.
	Grace time.Duration
	// Every is how often replicas hear of each other. 0: a tenth of Grace, but
	// at least 5 ms.
	Every time.Duration
	// Trouble hears of it when the server cannot be reached, and with nil when
	// it can be again. Nil: nobody does.
	Trouble func(error)
}

// word is what a replica says of itself.
type word struct {
	// Demand is what waits there.
	Demand map[string]int `json:"demand,omitempty"`
	// Due is the part of the whole that it ought to have.
	Due float64 `json:"due"`
	// Refused is for how many milliseconds Cloudflare takes no calls, as it told
	// that replica itself. What others told it is not passed on, and how old the
	// word is is taken off, or a block would grow with each time it is told.
	Refused int64 `json:"refused,omitempty"`
}

// Run lends and borrows until ctx ends. While the server is away there are no
// loans, and each replica has its own part.
func Run(ctx context.Context, c Config, b Budget) {
	if c.Every <= 0 {
		c.Every = max(c.Grace/10, 5*time.Millisecond)
	}
	t := time.NewTicker(c.Every)
	defer t.Stop()
	var told bool
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
		err := c.exchange(ctx, b)
		if err != nil {
			b.SetElsewhere(nil)
		}
		if c.Trouble != nil && ctx.Err() == nil && (err != nil) != told {
			told = err != nil
			c.Trouble(err)
		}
	}
}

// exchange says what waits here, hears what waits elsewhere, takes what was lent
// to this replica and lends what others need more.
func (c Config) exchange(ctx context.Context, b Budget) error {
	ctx, cancel := context.WithTimeout(ctx, max(c.Grace, 50*time.Millisecond))
	defer cancel()
	said, err := json.Marshal(word{Demand: b.Demand(), Due: b.Due(), Refused: b.Refused().Milliseconds()})
	if err != nil {
		return err
	}
	asked := time.Now()
	answer, err := meeting.Exec(ctx, c.Client, []string{c.meeting(), c.loans(c.Replica)}, []string{
		c.Replica, string(said), milliseconds(10*c.Every + c.Grace), milliseconds(c.Grace / 2),
	}).ToArray()
	if err != nil {
		return err
	}
	heard, err := read(answer)
	if err != nil {
		return err
	}
	// An answer that took long is too old for turns: their lender counts from
	// when it lent them, and those that would be lent now would come too late.
	swift := time.Since(asked) < c.Grace/4
	if swift {
		b.Borrow(heard.lent)
	}
	demand := make([]map[string]int, 0, len(heard.others))
	for _, o := range heard.others {
		demand = append(demand, o.Demand)
		if o.Refused > 0 {
			b.Block(time.Duration(o.Refused) * time.Millisecond)
		}
	}
	b.SetElsewhere(demand)
	if !swift {
		return nil
	}
	return c.lend(ctx, b, heard)
}

// lend gives what this replica can spare to those that ought to have more than
// their part, each as much as it lacks beside the others.
func (c Config) lend(ctx context.Context, b Budget, heard news) error {
	lacking, sum := map[string]float64{}, 0.0
	for name, o := range heard.others {
		if more := o.Due - 1/float64(c.Replicas); more > 0 {
			lacking[name] = more
			sum += more
		}
	}
	spare := b.Surplus()
	if sum == 0 || spare <= 0 {
		return nil
	}
	// Whole turns go where the sum of the parts passes them. Who comes where in
	// that sum is chance, so that in time each gets its part.
	given, reached := 0, 0.0
	for name, more := range lacking {
		reached += more
		n := int(float64(spare)*reached/sum+0.5) - given
		given += n
		if n = b.Lend(n); n == 0 {
			continue
		}
		// The loan is as old as the meeting, however long it is under way now. A
		// server that stood still in between would take it for new otherwise.
		err := loan.Exec(ctx, c.Client, []string{c.loans(name)}, []string{
			strconv.FormatInt(heard.at, 10), strconv.Itoa(n), milliseconds(c.Grace),
		}).Error()
		if err != nil {
			return err
		}
	}
	return nil
}

func (c Config) meeting() string { return c.Key("lending/" + c.Name) }

// loans is where what is lent to a replica is put. No name of a budget can make
// it the key of a meeting.
func (c Config) loans(replica string) string { return c.Key("loans/" + replica + "/" + c.Name) }

func milliseconds(d time.Duration) string {
	return strconv.FormatInt(max(1, d.Milliseconds()), 10)
}
