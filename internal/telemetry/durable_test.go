package telemetry_test

import "testing"

func TestWhatTenantsMakeDurableIsShown(t *testing.T) {
	m := newMetrics(t)
	count, err := m.WatchDurable(1024)
	if err != nil {
		t.Fatal(err)
	}
	count("payments", 100, false)
	count("payments", 50, false)
	count("payments", 7, true)
	for _, want := range []string{
		`storekeeper_tenant_durable_bytes_total{tenant="payments"} 150`, `storekeeper_tenant_durable_refused_total{tenant="payments"} 1`,
		`storekeeper_tenant_durable_limit_bytes 1024`,
	} {
		expect(t, m, want)
	}
	// No caller grows the metrics without end.
	for i := range 1000 {
		count(string(rune('a'+i%26))+string(rune('a'+i/26)), 1, false)
	}
	expect(t, m, `storekeeper_tenant_durable_bytes_total{tenant="other"} 745`)
}
