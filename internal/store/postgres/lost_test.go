package postgres_test

import (
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"time"

	"platform.internal/storekeeper/internal/store/postgrestest"
)

const writers = 32

func TestAcknowledgedCommitsOutliveKillsOfTheServer(t *testing.T) {
	t.Parallel()
	server := postgrestest.Start(t)
	one, two := open(t, quick(server)), open(t, quick(server))
	l := newLedger()
	l.while(t, writers, func() {
		for range 5 {
			l.more(t, 200)
			server.Restart()
		}
		l.more(t, 200)
	}, one, two)
	l.check(t, one)
}

func TestAcknowledgedCommitsOutlivePausesOfTheServer(t *testing.T) {
	t.Parallel()
	server := postgrestest.Start(t)
	s := open(t, quick(server))
	l := newLedger()
	l.while(t, writers, func() {
		for range 3 {
			l.more(t, 200)
			server.Pause()
			<-time.After(1500 * time.Millisecond)
			server.Resume()
		}
		l.more(t, 200)
	}, s)
	l.check(t, s)
}

func TestCommitsHappenOnceWhereTheConnectionIsCutWithinCommit(t *testing.T) {
	t.Parallel()
	server := postgrestest.Start(t)
	p := startProxy(t, server.Address(), func() verdict {
		return []verdict{cutBefore, cutAfter, cutAtAnswer, pass, pass}[rand.IntN(5)]
	})
	c := quick(server)
	c.Hosts = []string{p.address()}
	s := open(t, c)
	l := newLedger()
	l.while(t, writers, func() { l.more(t, 1000) }, s)
	l.check(t, open(t, quick(server)))
	if p.cuts.Load() < 10 {
		t.Errorf("%d cuts: nothing was tried", p.cuts.Load())
	}
}

// TestCommitThatComesLateDoesNothing delays a commit until its receipt was queried and the commit
// was repeated.
func TestCommitThatComesLateDoesNothing(t *testing.T) {
	t.Parallel()
	server := postgrestest.Start(t)
	var commits atomic.Int64
	armed := make(chan struct{})
	p := startProxy(t, server.Address(), func() verdict {
		select {
		case <-armed:
			if commits.Add(1) == 1 {
				return hold
			}
		default:
		}
		return pass
	})
	c := config(server, postgrestest.Superuser)
	c.Hosts = []string{p.address()}
	s := open(t, c)
	l := newLedger()
	if err := l.add(s, "a", "first"); err != nil {
		t.Fatal(err)
	}
	close(armed)
	if err := l.add(s, "a", "held"); err != nil {
		t.Fatal(err)
	}
	if p.cuts.Load() != 1 || l.acknowledged() != 2 {
		t.Fatalf("%d commits were held, %d acknowledged", p.cuts.Load(), l.acknowledged())
	}
	p.letGo()
	<-p.late
	l.check(t, s)
}
