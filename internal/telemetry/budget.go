package telemetry

import (
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"platform.internal/storekeeper/internal/fault"
)

// maxTenants is the number of tenants with their own label value. Further
// tenants count as "other".
const maxTenants = 200

// ownTenant is the label of calls that Storekeeper makes for itself.
const ownTenant = "storekeeper"

// BudgetState is the state of the call budget of one credential.
type BudgetState struct {
	// Credential identifies the budget: the names of the accounts that share the budget.
	Credential string
	// Limit is the number of calls in a window now.
	Limit int
	// Used is the number of calls in the current window.
	Used int
	// Waiting is the number of calls that wait for a permit.
	Waiting int
	// Outside is the estimated number of calls by other users of the credential.
	Outside int
	// Blocked is the remaining time in seconds during which Cloudflare accepts no calls.
	Blocked float64
	// Tenants is the number of calls of each tenant in the window.
	Tenants map[string]float64
}

// permits are the metrics of waits for permits.
type permits struct {
	wait    *prometheus.HistogramVec
	ended   *prometheus.CounterVec
	tenants *labels
}

func newPermits() permits {
	return permits{
		wait: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "storekeeper_budget_wait_duration_seconds",
			Help:    "How long requests to Cloudflare waited for a permit of the call budget, by result: granted, refused (the budget is spent), or given_up (the caller left, or the service stops).",
			Buckets: seconds(),
		}, []string{"credential", "result"}),
		ended: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "storekeeper_budget_permits_total",
			Help: "Permits of the call budget that a tenant asked for, by result: granted, refused (the budget is spent), or given_up.",
		}, []string{"tenant", "result"}),
		tenants: newLabels(maxTenants),
	}
}

// Permit describes a wait for a permit that has ended.
type Permit struct {
	// Credential identifies the budget, as BudgetState.Credential does.
	Credential string
	// Tenant is the waiting tenant. "" is Storekeeper itself.
	Tenant string
	// Wait is how long the wait took.
	Wait time.Duration
	// Err is the reason why the permit was not granted, or nil.
	Err error
	// Exemplar is the trace id of a call whose spans are recorded, or "".
	Exemplar string
}

// ObservePermit counts a wait for a permit.
func (m *Metrics) ObservePermit(p Permit) {
	if p.Tenant == "" {
		p.Tenant = ownTenant
	}
	tenant, result := m.permits.tenants.limit(p.Tenant), "granted"
	// Both series exist from the first wait on, so that no increase is missed.
	refused := m.permits.ended.WithLabelValues(tenant, "refused")
	switch {
	case p.Err == nil:
		m.permits.ended.WithLabelValues(tenant, result).Inc()
	case fault.From(p.Err).Kind == fault.Throttled:
		result = "refused"
		refused.Inc()
	default:
		result = "given_up"
		m.permits.ended.WithLabelValues(tenant, result).Inc()
	}
	observe(m.permits.wait.WithLabelValues(p.Credential, result), p.Wait, p.Exemplar)
}

// WatchBudget registers the metrics of the call budgets. It is called once.
func (m *Metrics) WatchBudget(states func() []BudgetState) error {
	return m.registry.Register(newBudgetCollector(states))
}

// budgetCollector reads the budgets at each scrape.
type budgetCollector struct {
	states                                         func() []BudgetState
	limit, used, waiting, outside, blocked, tenant *prometheus.Desc

	mu      sync.Mutex
	tenants *labels
}

func newBudgetCollector(states func() []BudgetState) *budgetCollector {
	gauge := func(name, help string, more ...string) *prometheus.Desc {
		return prometheus.NewDesc("storekeeper_budget_"+name, help, append([]string{"credential"}, more...), nil)
	}
	return &budgetCollector{
		states:  states,
		limit:   gauge("limit_calls", "Calls that may be made in a window now."),
		used:    gauge("used_calls", "Calls that were made in the window."),
		waiting: gauge("waiting_calls", "Calls that wait for their turn."),
		outside: gauge("outside_calls", "Calls in the window that are believed to be made outside Storekeeper."),
		blocked: gauge("blocked_seconds", "For how long Cloudflare takes no more calls."),
		tenant:  gauge("tenant_used_calls", "Calls of a tenant in the window.", "tenant"),
		tenants: newLabels(maxTenants),
	}
}

// Describe sends the descriptions of the gauges.
func (c *budgetCollector) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{c.limit, c.used, c.waiting, c.outside, c.blocked, c.tenant} {
		to <- d
	}
}

// Collect sends the values of the gauges.
func (c *budgetCollector) Collect(to chan<- prometheus.Metric) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.states() {
		give := func(d *prometheus.Desc, value float64, more ...string) {
			to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, append([]string{s.Credential}, more...)...)
		}
		give(c.limit, float64(s.Limit))
		give(c.used, float64(s.Used))
		give(c.waiting, float64(s.Waiting))
		give(c.outside, float64(s.Outside))
		give(c.blocked, s.Blocked)
		sums := map[string]float64{}
		for name, calls := range s.Tenants {
			if name == "" {
				name = ownTenant
			}
			sums[c.tenants.limit(name)] += calls
		}
		for name, calls := range sums {
			give(c.tenant, calls, name)
		}
	}
}
