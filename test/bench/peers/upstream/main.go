// Command upstream is the emulator of Cloudflare Secrets Store in a separate
// process, without irrelevant limits. It counts calls.
//
// It must not know its callers.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"os"
	"sync/atomic"
	"time"

	"platform.internal/storekeeper/internal/emulator"
)

// plenty is more than any measurement makes.
const plenty = 100_000_000

func main() {
	listen := flag.String("listen", "", "the `address` to listen on")
	latency := flag.Duration("latency", 0, "how long each answer takes")
	calls := flag.Int("calls", 0, "how many calls are taken in a window; 0 is no limit")
	window := flag.Duration("window", 10*time.Second, "how long a window is, and a block")
	flag.Parse()
	if err := serve(*listen, *latency, emulator.RateLimit{Requests: *calls, Window: *window, Block: *window}); err != nil {
		fmt.Fprintln(os.Stderr, "upstream:", err)
		os.Exit(1)
	}
}

func serve(listen string, latency time.Duration, budget emulator.RateLimit) error {
	cloudflare := emulator.New(emulator.Config{
		Accounts:      []emulator.Account{{ID: emulator.DefaultAccountID, Name: "main", StoreLimit: plenty, SecretLimit: plenty}},
		RateLimit:     &budget,
		ActivateAfter: -1,
	})
	if latency > 0 {
		if err := cloudflare.Inject(emulator.Fault{Kind: emulator.KindDelay, Delay: latency}); err != nil {
			return err
		}
	}
	counted := &counter{next: cloudflare}
	mux := http.NewServeMux()
	mux.HandleFunc("/counts", counted.show)
	mux.Handle("/", counted)
	s := &http.Server{Addr: listen, Handler: mux, ReadHeaderTimeout: time.Minute}
	return s.ListenAndServe()
}

// counter counts the calls and refusals of Cloudflare.
type counter struct {
	next           http.Handler
	calls, refused atomic.Int64
}

// ServeHTTP passes a request on.
func (c *counter) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.calls.Add(1)
	c.next.ServeHTTP(&watched{ResponseWriter: w, refused: &c.refused}, r)
}

// show answers with the counts.
func (c *counter) show(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	// The client may be gone; the error is ignored.
	_ = json.NewEncoder(w).Encode(map[string]int64{"calls": c.calls.Load(), "refused": c.refused.Load()})
}

// watched notices a status.
type watched struct {
	http.ResponseWriter

	refused *atomic.Int64
}

// WriteHeader passes a status on.
func (w *watched) WriteHeader(status int) {
	if status == http.StatusTooManyRequests {
		w.refused.Add(1)
	}
	w.ResponseWriter.WriteHeader(status)
}
