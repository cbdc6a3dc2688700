// Command reverseproxy is the least that would do in Storekeeper's place: Go's
// own reverse proxy, which puts the platform's credential on each request.
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
	"time"
)

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
		Transport: transport,
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(behind)
			r.Out.Header.Set("Authorization", "Bearer "+token)
		},
	}
	s := &http.Server{Addr: listen, Handler: proxy, ReadHeaderTimeout: time.Minute}
	return s.ListenAndServe()
}
