// Command reverseproxy is the minimal replacement of Storekeeper: Go's reverse
// proxy, which adds the platform's credential to each request.
//
// It must not know anything else.
package main

import (
	_ "expvar" // Allocations are read from /debug/vars.
	"flag"
	"fmt"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"sync"
	"time"
)

// buffers are reused for copying answers. Without a pool the proxy allocates 32
// KiB for each answer.
type buffers struct{ pool sync.Pool }

const bufferSize = 32 << 10

// Get takes a buffer.
func (b *buffers) Get() []byte {
	if made, ok := b.pool.Get().(*[bufferSize]byte); ok {
		return made[:]
	}
	return make([]byte, bufferSize)
}

// Put returns one back.
func (b *buffers) Put(made []byte) { b.pool.Put((*[bufferSize]byte)(made)) }

func main() {
	listen := flag.String("listen", "", "the `address` to listen on")
	admin := flag.String("admin", "", "the `address` of /debug/vars")
	upstream := flag.String("upstream", "", "the `URL` behind")
	token := flag.String("token", "", "the `credential` that is put on each request")
	flag.Parse()
	if err := serve(*listen, *admin, *upstream, *token); err != nil {
		fmt.Fprintln(os.Stderr, "reverseproxy:", err)
		os.Exit(1)
	}
}

func serve(listen, admin, upstream, token string) error {
	behind, err := url.Parse(upstream)
	if err != nil {
		return err
	}
	go func() {
		s := &http.Server{Addr: admin, Handler: http.DefaultServeMux, ReadHeaderTimeout: time.Minute}
		fmt.Fprintln(os.Stderr, s.ListenAndServe())
	}()
	// The default keeps two idle connections, which would make a poor peer.
	transport := &http.Transport{MaxIdleConns: 0, MaxIdleConnsPerHost: 256, DisableCompression: true}
	proxy := &httputil.ReverseProxy{
		Transport:  transport,
		BufferPool: &buffers{},
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(behind)
			r.Out.Header.Set("Authorization", "Bearer "+token)
		},
	}
	s := &http.Server{Addr: listen, Handler: proxy, ReadHeaderTimeout: time.Minute}
	return s.ListenAndServe()
}
