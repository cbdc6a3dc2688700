package main

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"
)

// balancerLateness is the delay with which a balancer learns of readiness, like
// the nodes of a cluster.
const balancerLateness = time.Second

// target is a replica behind a balancer.
type target struct {
	rest, grpc, admin string
	// ready is the readiness that the balancer uses. It follows the probes with a delay of a second.
	ready bool
}

// balancer forwards connections to replicas, with delayed knowledge of their
// readiness. It forwards TCP, and never moves an open connection.
type balancer struct {
	t          *testing.T
	rest, grpc string
	probes     *http.Client
	mu         sync.Mutex
	targets    []*target
	next       int
	refused    int
	tasks      sync.WaitGroup
}

// newBalancer runs until the end of the test.
func newBalancer(t *testing.T) *balancer {
	t.Helper()
	b := &balancer{t: t, probes: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}}
	ctx, cancel := context.WithCancel(context.Background())
	var listeners []net.Listener
	for address, of := range map[*string]func(*target) string{
		&b.rest: func(to *target) string { return to.rest }, &b.grpc: func(to *target) string { return to.grpc },
	} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		must(t, err)
		*address = l.Addr().String()
		listeners = append(listeners, l)
		b.tasks.Go(func() { b.accept(ctx, l, of) })
	}
	t.Cleanup(func() {
		cancel()
		for _, l := range listeners {
			_ = l.Close()
		}
		b.tasks.Wait()
	})
	b.tasks.Go(func() { b.watch(ctx) })
	return b
}

// add adds a replica, which gets connections when it is ready.
func (b *balancer) add(p *program) *target {
	to := &target{rest: p.rest[len("http://"):], grpc: p.grpc, admin: p.admin}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.targets = append(b.targets, to)
	return to
}

// remove forgets a replica that has ended.
func (b *balancer) remove(gone *target) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i, to := range b.targets {
		if to == gone {
			b.targets = append(b.targets[:i], b.targets[i+1:]...)
			return
		}
	}
}

// readyTargets counts the replicas that get connections.
func (b *balancer) readyTargets() (n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, to := range b.targets {
		if to.ready {
			n++
		}
	}
	return n
}

// watch asks each replica again and again, and acts on the answer later.
func (b *balancer) watch(ctx context.Context) {
	for ctx.Err() == nil {
		b.mu.Lock()
		all := append([]*target(nil), b.targets...)
		b.mu.Unlock()
		for _, to := range all {
			ready := b.probe(ctx, to)
			time.AfterFunc(balancerLateness, func() {
				b.mu.Lock()
				defer b.mu.Unlock()
				to.ready = ready
			})
		}
		select {
		case <-ctx.Done():
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func (b *balancer) probe(ctx context.Context, to *target) bool {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, to.admin+"/readyz", http.NoBody)
	if err != nil {
		return false
	}
	answer, err := b.probes.Do(r)
	if err != nil {
		return false
	}
	_ = answer.Body.Close()
	return answer.StatusCode == http.StatusOK
}

func (b *balancer) accept(ctx context.Context, l net.Listener, of func(*target) string) {
	for {
		client, err := l.Accept()
		if err != nil {
			return
		}
		b.tasks.Go(func() { b.pass(ctx, client, of) })
	}
}

// choose takes the replicas that are ready in turn.
func (b *balancer) choose() *target {
	b.mu.Lock()
	defer b.mu.Unlock()
	for range b.targets {
		b.next++
		if to := b.targets[b.next%len(b.targets)]; to.ready {
			return to
		}
	}
	return nil
}

// pass copies a connection in both directions until one side closes it.
func (b *balancer) pass(ctx context.Context, client net.Conn, of func(*target) string) {
	defer func() { _ = client.Close() }()
	to := b.choose()
	if to == nil {
		b.refuse(errors.New("no replica is ready"))
		return
	}
	server, err := new(net.Dialer).DialContext(ctx, "tcp", of(to))
	if err != nil {
		b.refuse(err)
		return
	}
	defer func() { _ = server.Close() }()
	stop := context.AfterFunc(ctx, func() { _ = errors.Join(client.Close(), server.Close()) })
	defer stop()
	var both sync.WaitGroup
	for from, into := range map[net.Conn]net.Conn{client: server, server: client} {
		both.Go(func() {
			_, _ = io.Copy(into, from)
			_ = into.(*net.TCPConn).CloseWrite()
		})
	}
	both.Wait()
}

// refuse counts a connection that no replica took.
func (b *balancer) refuse(err error) {
	b.t.Logf("the balancer: %v", err)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.refused++
}
