package telemetry_test

import (
	"bytes"
	"context"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"

	"platform.internal/storekeeper/internal/telemetry"
)

// safeBuffer is a buffer that a goroutine of net/http writes to.
type safeBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
	said chan struct{}
	once sync.Once
}

func (b *safeBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	defer b.once.Do(func() { close(b.said) })
	return b.text.Write(p)
}

func (b *safeBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

func TestTheStandardLogQuotesNoBytesOfAnIdleConnection(t *testing.T) {
	const secret = "tok-7f0a91c2d4e6b8a0f1c3d5e7"
	heard := &safeBuffer{said: make(chan struct{})}
	telemetry.GuardStandardLog(heard)
	t.Cleanup(func() { log.SetOutput(os.Stderr) })

	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	idle := make(chan struct{})
	go func() {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		defer func() { _ = conn.Close() }()
		_, _ = conn.Read(make([]byte, 4096))
		_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
		<-idle
		_, _ = io.WriteString(conn, secret+" was sent")
		_, _ = conn.Read(make([]byte, 1))
	}()
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	request, err := http.NewRequestWithContext(context.Background(), http.MethodGet, "http://"+listener.Addr().String(), http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	response, err := transport.RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, response.Body)
	_ = response.Body.Close()
	close(idle)
	<-heard.said
	if said := heard.String(); strings.Contains(said, "tok-") || !strings.Contains(said, "Unsolicited response") {
		t.Errorf("the log says %q", said)
	}
}
