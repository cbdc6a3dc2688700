package upstream

import (
	"net"
	"net/http"
	"time"

	"platform.internal/storekeeper/internal/upstream/http1"
)

const (
	dialTimeout      = 5 * time.Second
	handshakeTimeout = 5 * time.Second
	// headerTimeout is a fallback for callers with very long deadlines.
	headerTimeout = time.Minute
	// maxIdle is the maximum number of idle connections, which should be at least the usual number
	// of concurrent calls. Excess connections are closed and must be opened again.
	maxIdle        = 256
	idleTimeout    = 90 * time.Second
	maxHeaderBytes = 64 << 10
)

// NewTransport makes the default transport of a Client: with connection reuse and timeouts, without
// redirects, and without compression, because responses are small and a compressed response could
// expand without limit.
//
// The transport uses HTTP/1.1 only. net/http's HTTP/2 repeats a request, even a change, if the peer
// resets the stream with PROTOCOL_ERROR. Over HTTP/1.1 a change is repeated only if no byte was
// sent.
func NewTransport() *http1.Transport {
	dialer := net.Dialer{Timeout: dialTimeout, KeepAlive: 30 * time.Second}
	return &http1.Transport{
		Dial:                  dialGuarded(&dialer),
		TLSHandshakeTimeout:   handshakeTimeout,
		ResponseHeaderTimeout: headerTimeout,
		MaxIdle:               maxIdle,
		IdleTimeout:           idleTimeout,
		MaxHeaderBytes:        maxHeaderBytes,
		Proxy:                 http.ProxyFromEnvironment,
		Proxied:               proxiedTransport(&dialer),
	}
}

// proxiedTransport is for hosts behind a proxy set in the environment.
func proxiedTransport(dialer *net.Dialer) *http.Transport {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            dialGuarded(dialer),
		Protocols:              protocols,
		TLSHandshakeTimeout:    handshakeTimeout,
		ResponseHeaderTimeout:  headerTimeout,
		MaxIdleConns:           2 * maxIdle,
		MaxIdleConnsPerHost:    maxIdle,
		IdleConnTimeout:        idleTimeout,
		MaxResponseHeaderBytes: maxHeaderBytes,
		DisableCompression:     true,
	}
}
