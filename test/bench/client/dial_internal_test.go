package client

import (
	"context"
	"net"
	"sync"
	"testing"
	"time"
)

func TestConnectionsAreMetAFewAtATime(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	accepted := make(chan net.Conn, 2*unmet)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			accepted <- c
		}
	}()
	d := newDialer()
	var all sync.WaitGroup
	for range unmet + 2 {
		all.Go(func() {
			c, err := d.dial(t.Context(), "tcp", l.Addr().String())
			if err != nil {
				t.Error(err)
				return
			}
			defer c.Close()
			if _, err := c.Read(make([]byte, 1)); err != nil {
				t.Error(err)
			}
		})
	}
	var waiting []net.Conn
	for range unmet {
		waiting = append(waiting, <-accepted)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := d.dial(ctx, "tcp", l.Addr().String()); err == nil {
		t.Errorf("more than %d wait for their first answer", unmet)
	}
	for range 2 { // An answer to one lets another come.
		if _, err := waiting[0].Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
		waiting = append(waiting[1:], <-accepted)
	}
	for _, c := range waiting {
		if _, err := c.Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
	}
	all.Wait()
}
