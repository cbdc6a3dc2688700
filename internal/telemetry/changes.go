package telemetry

import "github.com/prometheus/client_golang/prometheus"

// WatchChanges registers the counter of changes by event and the gauge of open
// intents. It is called once. The returned function counts an event. The events
// in rare have the value 0 from the start, so that an alert sees the first one
// as an increase.
func (m *Metrics) WatchChanges(open func() int, rare ...string) (count func(event string), err error) {
	events := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "storekeeper_changes_total",
		Help: "Changes by what happens to them: began, finished, replayed, joined, refused, unsettled, recovered, late (the answer came after the lease) and others.",
	}, []string{"event"})
	intents := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "storekeeper_intents_open",
		Help: "Changes that began and whose outcome is not recorded yet. -1 where it cannot be known.",
	}, func() float64 { return float64(open()) })
	for _, c := range []prometheus.Collector{events, intents} {
		if err := m.registry.Register(c); err != nil {
			return nil, err
		}
	}
	words := newLabels(maxWords)
	for _, event := range rare {
		events.WithLabelValues(words.limit(event))
	}
	return func(event string) { events.WithLabelValues(words.limit(event)).Inc() }, nil
}
