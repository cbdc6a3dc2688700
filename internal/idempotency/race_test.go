package idempotency_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/idempotency"
)

func TestAKeyWithTwoRequestsAtOnce(t *testing.T) {
	for round := range 50 {
		synctest.Test(t, func(t *testing.T) {
			d, w := newDisk(), newWorld()
			one, two := life(t, d, w, apart), life(t, d, w, apart)
			results := map[string]int{}
			calls := []<-chan ended{
				one.do(t.Context(), keyed("k", "a")), one.do(t.Context(), keyed("k", "b")),
				two.do(t.Context(), keyed("k", "a")), two.do(t.Context(), keyed("k", "b")),
			}
			for _, c := range calls {
				e := <-c
				results[e.String()]++
			}
			if results["IDEMPOTENCY_KEY_REUSED"] != 2 || results["a number 1"]+results["b number 1"] != 2 || len(results) != 2 {
				t.Errorf("round %d: %v", round, results)
			}
		})
	}
}

// storm is some replicas that are used, disturbed and killed at random.
type storm struct {
	t      *testing.T
	disk   *disk
	world  *world
	random *rand.Rand

	mu       sync.Mutex
	replicas []*replica
	answers  map[string]map[string]int
	failed   int
}

func TestAtRandom(t *testing.T) {
	for seed := range uint64(25) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &storm{
					t: t, disk: newDisk(), world: newWorld(), answers: make(map[string]map[string]int),
					random: rand.New(rand.NewPCG(seed, 1)),
				}
				for range 3 {
					s.replicas = append(s.replicas, s.life())
				}
				s.rage()
				s.check()
			})
		})
	}
}

// apart configures replicas that share the disk, with some latency.
func apart(c *idempotency.Config) {
	together(c)
	l, _ := c.Store.(*link)
	l.delay = 2 * time.Millisecond
}

func (s *storm) life() *replica { return life(s.t, s.disk, s.world, apart) }

// below is a random number, safe for concurrent use.
func (s *storm) below(n int) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.random.IntN(n)
}

// rage makes calls with few keys and objects while replicas come and go. It repeats each call until the call
// has a recorded answer.
func (s *storm) rage() {
	var callers sync.WaitGroup
	for n := range 60 {
		callers.Go(func() { s.insist(fmt.Sprint("key ", n%20)) })
	}
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			case <-time.After(time.Duration(s.below(4000)) * time.Millisecond):
				s.disturb()
			}
		}
	}()
	callers.Wait()
	close(stop)
	<-stopped
}

func (s *storm) disturb() {
	n := s.below(len(s.replicas))
	s.mu.Lock()
	r := s.replicas[n]
	s.mu.Unlock()
	switch s.below(4) {
	case 0:
		r.crash()
		fresh := s.life()
		s.mu.Lock()
		s.replicas[n] = fresh
		s.mu.Unlock()
	case 1, 2:
		r.link.set(true, false)
		time.AfterFunc(time.Duration(s.below(25000))*time.Millisecond, func() { r.link.set(false, false) })
	default:
		r.link.set(false, true)
		time.AfterFunc(time.Duration(s.below(3000))*time.Millisecond, func() { r.link.set(false, false) })
	}
}

// insist repeats a call until the call has a recorded answer.
func (s *storm) insist(key string) {
	time.Sleep(time.Duration(s.below(5000)) * time.Millisecond)
	c := on(keyed(key, key), fmt.Sprint("object ", len(key)+s.object(key)))
	for {
		s.mu.Lock()
		r := s.replicas[s.random.IntN(len(s.replicas))]
		s.mu.Unlock()
		ctx, leave := context.WithTimeout(s.t.Context(), time.Duration(10+s.below(20000))*time.Millisecond)
		a, err := r.Do(ctx, new(c), func(ctx context.Context, op *idempotency.Operation) ([]byte, error) { return s.change(ctx, op, key) })
		leave()
		s.mu.Lock()
		if err == nil {
			if s.answers[key] == nil {
				s.answers[key] = make(map[string]int)
			}
			s.answers[key][string(a.Body)]++
			s.mu.Unlock()
			return
		}
		s.failed++
		s.mu.Unlock()
		if f := fault.From(err); f.Kind == fault.Internal || f.Kind == fault.KeyReused {
			s.t.Errorf("%s: %v", key, f)
			return
		}
		time.Sleep(time.Duration(s.below(1000)) * time.Millisecond)
	}
}

// object gives several keys the same object.
func (s *storm) object(key string) int { return int(key[len(key)-1]) % 5 }

// change acts and fails at random. It sends nothing after it has lost the ownership.
func (s *storm) change(ctx context.Context, op *idempotency.Operation, key string) ([]byte, error) {
	nap(ctx, time.Duration(s.below(2000))*time.Millisecond)
	if s.below(10) < 2 {
		return nil, fault.New(fault.Throttled, "THROTTLED", "x")
	}
	if ctx.Err() != nil || !op.Held() {
		return nil, fault.New(fault.Unavailable, "NOT_SENT", "x")
	}
	if s.below(10) < 2 {
		return nil, errLost
	}
	answer := s.world.act(op, key)
	nap(ctx, time.Duration(s.below(1000))*time.Millisecond)
	if s.below(10) < 3 {
		return nil, errLost
	}
	return answer, nil
}

func nap(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// check verifies the guarantees at the end.
func (s *storm) check() {
	for _, r := range s.replicas {
		r.link.set(false, false)
	}
	time.Sleep(time.Minute)
	nothingOpen(s.t, s.disk)
	for key, answers := range s.answers {
		if n := s.world.count(key); n != 1 || len(answers) != 1 || answers[key+" number 1"] != 3 {
			s.t.Errorf("%s was made %d times, answered %v", key, n, answers)
		}
	}
	if len(s.answers) != 20 || s.failed == 0 {
		s.t.Errorf("%d keys were answered after %d failures", len(s.answers), s.failed)
	}
}
