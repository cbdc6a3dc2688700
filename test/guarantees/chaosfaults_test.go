package guarantees_test

import (
	"context"
	"math/rand/v2"
	"time"

	"platform.internal/storekeeper/internal/store/postgrestest"
	"platform.internal/storekeeper/test/guarantees/fleet"
)

// upset is one kind of fault. do injects the fault, and returns after its end.
type upset struct {
	name string
	do   func()
}

// disturb makes all faults, in another order each time, until ctx ends. rest is the
// longest time between two.
func (c *chaos) disturb(ctx context.Context, rest time.Duration, kinds []upset) {
	for ctx.Err() == nil {
		rand.Shuffle(len(kinds), func(i, j int) { kinds[i], kinds[j] = kinds[j], kinds[i] })
		for _, kind := range kinds {
			pause(ctx, rand.N(rest))
			if ctx.Err() != nil {
				return
			}
			kind.do()
			c.mu.Lock()
			c.faults[kind.name]++
			c.mu.Unlock()
		}
	}
}

// aWhile is for how long a fault lasts: mostly seconds, and up to a minute at times.
func aWhile() time.Duration {
	switch {
	case !lasting():
		return 200*time.Millisecond + rand.N(400*time.Millisecond)
	case rand.IntN(6) == 0:
		return 5*time.Second + rand.N(55*time.Second)
	default:
		return 300*time.Millisecond + rand.N(4*time.Second)
	}
}

// ofReplicas are the faults of replicas and of their networks.
func (c *chaos) ofReplicas() []upset {
	one := func() (*fleet.Replica, [2]*fleet.Wire) {
		i := rand.IntN(len(c.wires))
		return c.w.replicas[i], c.wires[i]
	}
	network := func(fail func(*fleet.Wire)) func() {
		return func() {
			_, wires := one()
			for _, wire := range wires {
				fail(wire)
			}
			time.Sleep(aWhile())
			for _, wire := range wires {
				wire.Heal()
			}
		}
	}
	return []upset{
		{"SIGKILL", func() {
			r, _ := one()
			r.Kill()
			time.Sleep(aWhile() / 4)
			r.Restart()
		}},
		{"SIGSTOP", func() {
			r, _ := one()
			r.Pause()
			time.Sleep(aWhile())
			r.Resume()
		}},
		{"SIGTERM", func() {
			r, _ := one()
			r.Terminate()
			r.Restart()
		}},
		{"connections cut", network((*fleet.Wire).Cut)},
		{"connections refused", network((*fleet.Wire).Refuse)},
		{"connections blackholed", network((*fleet.Wire).Swallow)},
		{"answers of PostgreSQL lost", network(func(w *fleet.Wire) { w.Lose(0.05) })},
	}
}

// ofServers are the faults of the PostgreSQL servers.
func (c *chaos) ofServers() []upset {
	primary := func() *postgrestest.Server { return c.pair[c.primary] }
	return []upset{
		{"PostgreSQL killed", func() {
			primary().Kill()
			time.Sleep(aWhile() / 2)
			primary().Restart()
		}},
		{"PostgreSQL restarted", func() {
			primary().Stop()
			primary().Restart()
		}},
		{"PostgreSQL stopped", func() {
			primary().Pause()
			time.Sleep(aWhile() / 2)
			primary().Resume()
		}},
		{"sessions ended", func() {
			primary().Exec(postgrestest.Superuser, "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'storekeeper'")
		}},
		{"standby killed", func() {
			standby := c.pair[1-c.primary]
			standby.Kill()
			time.Sleep(aWhile() / 4)
			standby.Restart()
		}},
		{"standby promoted", c.promote},
	}
}

// promote has the standby take over from a primary that is killed, and makes a new
// standby.
func (c *chaos) promote() {
	was, now := c.primary, 1-c.primary
	c.pair[was].InSync()
	c.pair[was].Kill()
	c.pair[now].Promote()
	c.primary = now
	c.pair[was] = c.pair[now].Standby()
	for _, wires := range c.wires {
		wires[was].Lead(c.pair[was].Address())
	}
}
