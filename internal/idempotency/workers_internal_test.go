package idempotency

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
)

func TestACrewBeginsAllWorkAtOnceAndKeepsSomeHands(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		life, end := context.WithCancel(t.Context())
		var running sync.WaitGroup
		var release chan struct{}
		c := newWorkers(life, func(*flight) {
			running.Done()
			<-release
		})
		for range 2 {
			release = make(chan struct{})
			running.Add(2 * mostIdle)
			for range 2 * mostIdle {
				c.take(&flight{})
			}
			running.Wait()
			close(release)
			synctest.Wait()
			if c.waiting != mostIdle {
				t.Errorf("%d wait for work, want %d", c.waiting, mostIdle)
			}
		}
		end()
		synctest.Wait()
		if c.waiting != 0 {
			t.Errorf("%d wait after the end", c.waiting)
		}
	})
}
