// Command floor is a minimal program in Storekeeper's place, and shows the
// minimum cost: HTTP/1.1 in, the caller's key and the change's key checked, the
// intent durable before the send, HTTP/1.1 to Cloudflare, the answer durable
// before the caller gets the answer. Callers that wait for the disk at the same
// time share a write and a sync.
//
// It does no more: no rules, no tokens with signatures, no budget, no quotas,
// no metrics, no recovery. Only creates pass through its log; reads are handed
// on as they are.
package main

import (
	"bufio"
	"crypto/sha256"
	_ "expvar" // Allocations are read from /debug/vars.
	"flag"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"
)

func main() {
	listen := flag.String("listen", "", "the `address` to listen on")
	admin := flag.String("admin", "", "the `address` of /debug/vars")
	upstream := flag.String("upstream", "", "the `address` behind")
	token := flag.String("token", "", "the `credential` that is put on each request")
	callers := flag.String("callers", "", "the `file` with the callers' keys, one a line")
	file := flag.String("log", "floor.log", "the `file` that changes are made durable in")
	flag.Parse()
	if err := serve(*listen, *admin, *callers, *file, newClient(*upstream, *token)); err != nil {
		fmt.Fprintln(os.Stderr, "floor:", err)
		os.Exit(1)
	}
}

func serve(listen, admin, callers, file string, behind *client) error {
	known, err := readCallers(callers)
	if err != nil {
		return err
	}
	l, err := openLog(file)
	if err != nil {
		return err
	}
	go func() {
		s := &http.Server{Addr: admin, Handler: http.DefaultServeMux, ReadHeaderTimeout: time.Minute}
		fmt.Fprintln(os.Stderr, s.ListenAndServe())
	}()
	h := &handler{callers: known, log: l, behind: behind, changes: map[string]*change{}}
	s := &http.Server{Addr: listen, Handler: h, ReadHeaderTimeout: time.Minute}
	return s.ListenAndServe()
}

// readCallers reads the callers' keys. They are kept as digests, by which the
// caller is found: no comparison takes longer the more of a key is right.
func readCallers(file string) (map[[sha256.Size]byte]string, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	known := map[[sha256.Size]byte]string{}
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		if key := strings.TrimSpace(lines.Text()); key != "" {
			known[sha256.Sum256([]byte(key))] = fmt.Sprintf("caller-%d", len(known))
		}
	}
	return known, lines.Err()
}
