package telemetry

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// IssuerState is the state of the keys of one token issuer.
type IssuerState struct {
	// Name is the configured name of the issuer.
	Name string
	// Keys is the number of usable keys.
	Keys int
	// Up reports that the last attempt to read the keys succeeded.
	Up bool
	// Fetched reports that keys are fetched from the issuer. Read and Ends are shown only for such
	// issuers, as 0 if the keys were never read.
	Fetched bool
	// Read is the time at which the present keys were fetched. Ends is the time at which they
	// become unusable without another fetch.
	Read, Ends time.Time
	// Ahead is the offset of the issuer's clock from the local clock. It is shown if ClockKnown is
	// true.
	Ahead      time.Duration
	ClockKnown bool
}

// CertificateState is the validity of a certificate.
type CertificateState struct {
	// Name identifies the certificate: listener, client_ca, or "issuer:" and the name of the
	// issuer.
	Name string
	// Begins and Ends are the validity period.
	Begins, Ends time.Time
}

// WatchIssuers registers the metrics of issuers and certificates. It is called
// once.
func (m *Metrics) WatchIssuers(issuers func() []IssuerState, certificates func() []CertificateState) error {
	return m.registry.Register(newTrustCollector(issuers, certificates))
}

// trustCollector reads issuers and certificates at each scrape.
type trustCollector struct {
	issuers                           func() []IssuerState
	certificates                      func() []CertificateState
	up, keys, read, keysEnd, ahead    *prometheus.Desc
	certificateBegin, certificateEnds *prometheus.Desc
}

func newTrustCollector(issuers func() []IssuerState, certificates func() []CertificateState) *trustCollector {
	gauge := func(name, label, help string) *prometheus.Desc {
		return prometheus.NewDesc("storekeeper_"+name, help, []string{label}, nil)
	}
	return &trustCollector{
		issuers: issuers, certificates: certificates,
		up:               gauge("issuer_up", "issuer", "1 where the last attempt to read the keys of an issuer succeeded."),
		keys:             gauge("issuer_keys", "issuer", "Keys of an issuer that can be used now. With 0 no token of it is accepted."),
		read:             gauge("issuer_keys_read_timestamp_seconds", "issuer", "When the keys in use were fetched. 0: never."),
		keysEnd:          gauge("issuer_keys_end_timestamp_seconds", "issuer", "When the keys in use can no longer be used, unless they are fetched again. 0: there are none."),
		ahead:            gauge("issuer_clock_ahead_seconds", "issuer", "How far the clock of an issuer is ahead, by the Date of its last answer."),
		certificateBegin: gauge("certificate_begin_timestamp_seconds", "certificate", "When a certificate became valid."),
		certificateEnds:  gauge("certificate_end_timestamp_seconds", "certificate", "When a certificate ends."),
	}
}

// Describe sends the descriptions of the gauges.
func (c *trustCollector) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{c.up, c.keys, c.read, c.keysEnd, c.ahead, c.certificateBegin, c.certificateEnds} {
		to <- d
	}
}

// Collect sends the values of the gauges.
func (c *trustCollector) Collect(to chan<- prometheus.Metric) {
	give := func(d *prometheus.Desc, value float64, name string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, name)
	}
	for _, i := range c.issuers() {
		up := 0.0
		if i.Up {
			up = 1
		}
		give(c.up, up, i.Name)
		give(c.keys, float64(i.Keys), i.Name)
		if i.Fetched {
			give(c.read, timestamp(i.Read), i.Name)
			give(c.keysEnd, timestamp(i.Ends), i.Name)
		}
		if i.ClockKnown {
			give(c.ahead, i.Ahead.Seconds(), i.Name)
		}
	}
	for _, one := range c.certificates() {
		give(c.certificateBegin, timestamp(one.Begins), one.Name)
		give(c.certificateEnds, timestamp(one.Ends), one.Name)
	}
}

// timestamp returns a time in seconds since 1970, and 0 for the zero time.
func timestamp(t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return float64(t.UnixMilli()) / 1000
}
