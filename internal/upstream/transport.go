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
	// headerTimeout is a net under callers with very long deadlines, no more.
	headerTimeout = time.Minute
	// maxIdle is how many connections are kept: as many as there are calls at once
	// at most, as a rule. One that is closed for want of room is opened again for the
	// next call.
	maxIdle        = 256
	idleTimeout    = 90 * time.Second
	maxHeaderBytes = 64 << 10
)

// NewTransport makes the transport that a Client uses by itself: kept
// connections, bounded steps, no redirects, no compression: answers are small, and
// a compressed one could grow without limit.
//
// It speaks HTTP/1.1 only. net/http's HTTP/2 sends a request again, a change
// included, when the peer resets its stream with PROTOCOL_ERROR; over HTTP/1.1
// a change is sent again only when not a byte of it had left.
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

// proxiedTransport is for hosts that the environment reaches through a proxy.
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
