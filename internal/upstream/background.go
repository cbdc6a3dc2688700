package upstream

import (
	"context"
	"sync"
)

// background runs the goroutines of a client that outlive a call, until the
// client is closed.
type background struct {
	ctx context.Context
	end context.CancelFunc

	// mu keeps work from being started while stop waits for its end.
	mu   sync.Mutex
	work sync.WaitGroup
}

func newBackground() *background {
	b := &background{}
	b.ctx, b.end = context.WithCancel(context.Background())
	return b
}

// start runs work in a goroutine, with a context that ends when stop is called.
// It says no after that.
func (b *background) start(work func(context.Context)) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ctx.Err() != nil {
		return false
	}
	b.work.Go(func() { work(b.ctx) })
	return true
}

// stop ends all work and waits until it has ended.
func (b *background) stop() {
	b.mu.Lock()
	b.end()
	b.mu.Unlock()
	b.work.Wait()
}

// signal tells a goroutine that something is so, once for any number of times
// that it was said.
type signal chan struct{}

func newSignal() signal { return make(signal, 1) }

func (s signal) give() {
	select {
	case s <- struct{}{}:
	default:
	}
}

// take forgets what was said.
func (s signal) take() {
	select {
	case <-s:
	default:
	}
}
