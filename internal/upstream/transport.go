package upstream

import (
	"net"
	"net/http"
	"time"
)

// NewTransport makes the transport that a Client uses by itself: kept
// connections, bounded steps, no redirects, no compression.
//
// It speaks HTTP/1.1 only. net/http's HTTP/2 sends a request again, a change
// included, when the peer resets its stream with PROTOCOL_ERROR; over HTTP/1.1
// a change is sent again only when not a byte of it had left.
func NewTransport() *http.Transport {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	dialer := net.Dialer{Timeout: 5 * time.Second, KeepAlive: 30 * time.Second}
	return &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		DialContext:         dialGuarded(&dialer),
		Protocols:           protocols,
		TLSHandshakeTimeout: 5 * time.Second,
		// A net under callers with very long deadlines, no more.
		ResponseHeaderTimeout: time.Minute,
		// As many as there are calls at once at most, as a rule: one that is
		// closed for want of room is opened again for the next call.
		MaxIdleConns:           512,
		MaxIdleConnsPerHost:    256,
		IdleConnTimeout:        90 * time.Second,
		MaxResponseHeaderBytes: 64 << 10,
		// Answers are small, and a compressed one could grow without limit.
		DisableCompression: true,
	}
}
