package telemetry

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/pprof"
	"slices"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// AdminOptions configures the admin pages.
type AdminOptions struct {
	// Metrics are shown at /metrics. Required.
	Metrics *Metrics
	// Checks are the readiness conditions. Without checks, the service is always ready.
	Checks []Check
	// Changing returns further conditions, which may change while the service runs. Nil means no
	// further conditions.
	Changing func() []Check
	// CheckTimeout limits all checks together. 0 means 2 seconds.
	CheckTimeout time.Duration
}

// Admin serves the pages of the admin listener: /livez, /readyz, /metrics and
// /debug/pprof/. It has no authentication.
type Admin struct {
	mux      *http.ServeMux
	options  AdminOptions
	draining atomic.Bool
}

// NewAdmin returns the admin pages.
func NewAdmin(o AdminOptions) *Admin {
	if o.CheckTimeout <= 0 {
		o.CheckTimeout = 2 * time.Second
	}
	a := &Admin{mux: http.NewServeMux(), options: o}
	// Each Admin has a separate registry for its own metrics.
	own := prometheus.NewRegistry()
	_ = own.Register(newReadyCollector(a)) // It is the first collector of its registry.
	metrics := promhttp.HandlerFor(prometheus.Gatherers{o.Metrics.Gatherer(), own}, promhttp.HandlerOpts{
		Registry: o.Metrics.registry,
		// Only OpenMetrics has exemplars. A client requests the format by Accept.
		EnableOpenMetrics: true,
	})
	a.mux.Handle("/livez", readOnly(http.HandlerFunc(live)))
	a.mux.Handle("/readyz", readOnly(http.HandlerFunc(a.ready)))
	a.mux.Handle("/metrics", readOnly(metrics))
	a.mux.HandleFunc("/debug/pprof/", pprof.Index)
	a.mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
	a.mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	a.mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	a.mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	a.mux.HandleFunc("/", notFound)
	return a
}

// Drain makes /readyz fail from now on, so that load balancers send no new calls while running
// calls end.
func (a *Admin) Drain() { a.draining.Store(true) }

// ServeHTTP answers a request to the admin listener.
func (a *Admin) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	a.mux.ServeHTTP(w, r)
}

// live always succeeds while the process runs. It checks no dependency, because a restart would not
// repair a dependency.
func live(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, map[string]string{"status": "live"})
}

// readiness runs the checks.
func (a *Admin) readiness(ctx context.Context) readiness {
	answer := runChecks(ctx, a.checks(), a.options.CheckTimeout)
	if a.draining.Load() {
		answer.Status = statusDraining
	}
	return answer
}

// ready answers whether calls should be sent here.
func (a *Admin) ready(w http.ResponseWriter, r *http.Request) {
	answer := a.readiness(r.Context())
	status := http.StatusOK
	if answer.Status != statusReady {
		status = http.StatusServiceUnavailable
	}
	writeJSON(w, status, answer)
}

// checks returns the present readiness conditions.
func (a *Admin) checks() []Check {
	if a.options.Changing == nil {
		return a.options.Checks
	}
	return slices.Concat(a.options.Checks, a.options.Changing())
}

func notFound(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusNotFound, map[string]string{
		"error": "no such page; there are /livez, /readyz, /metrics and /debug/pprof/",
	})
}

// readOnly answers GET and HEAD only.
func readOnly(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			writeJSON(w, http.StatusMethodNotAllowed, map[string]string{"error": "only GET and HEAD"})
			return
		}
		next.ServeHTTP(w, r)
	})
}

// writeJSON answers with a JSON body.
func writeJSON(w http.ResponseWriter, status int, body any) {
	text, err := json.Marshal(body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(text, '\n')) // a reader that went away is no fault of ours
}
