package upstream

import (
	"context"
	"sync"
)

// background runs the goroutines of a client that outlive a call, until the client is closed.
type background struct {
	ctx context.Context
	end context.CancelFunc

	// mu prevents the start of work while stop waits.
	mu   sync.Mutex
	work sync.WaitGroup
}

func newBackground() *background {
	b := &background{}
	b.ctx, b.end = context.WithCancel(context.Background())
	return b
}

// start runs work in a goroutine, with a context that ends at stop. It returns false after stop.
func (b *background) start(work func(context.Context)) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ctx.Err() != nil {
		return false
	}
	b.work.Go(func() { work(b.ctx) })
	return true
}

// stop cancels all work and waits for its end.
func (b *background) stop() {
	b.mu.Lock()
	b.end()
	b.mu.Unlock()
	b.work.Wait()
}

// signal is a binary semaphore for one goroutine. Repeated signals coalesce.
type signal chan struct{}

func newSignal() signal { return make(signal, 1) }

func (s signal) give() {
	select {
	case s <- struct{}{}:
	default:
	}
}

// take resets the signal.
func (s signal) take() {
	select {
	case <-s:
	default:
	}
}
