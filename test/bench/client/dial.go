package client

import (
	"context"
	"net"
	"sync"
	"time"
)

// apart is how far apart connections are made. Storekeeper lets 125 connections
// of one address wait for their first call and closes others, and on a busy
// machine as many would come before one has called.
const apart = time.Millisecond

// dialer makes connections one after the other.
type dialer struct {
	mu   sync.Mutex
	next time.Time
}

func (d *dialer) dial(ctx context.Context, network, address string) (net.Conn, error) {
	d.mu.Lock()
	now := time.Now()
	at := d.next
	if at.Before(now) {
		at = now
	}
	d.next = at.Add(apart)
	d.mu.Unlock()
	wait := time.NewTimer(at.Sub(now))
	defer wait.Stop()
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-wait.C:
	}
	var plain net.Dialer
	return plain.DialContext(ctx, network, address)
}
