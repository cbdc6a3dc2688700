package telemetry_test

import (
	"io"
	"testing"
	"time"

	"platform.internal/storekeeper/internal/telemetry"
)

// BenchmarkLogCall writes the log line of a successful call.
func BenchmarkLogCall(b *testing.B) {
	logger, err := telemetry.NewLogger("info", "json", io.Discard)
	if err != nil {
		b.Fatal(err)
	}
	call := newCall("0123456789abcdef0123456789abcdef")
	call.SetMethod("rest", "/secretsstore.v1.SecretsStoreService/GetSecret")
	call.SetCaller("ci:repo:bench/tenant-1:ref:refs/heads/main")
	call.SetPeer("192.0.2.1:4711")
	b.ReportAllocs()
	for b.Loop() {
		telemetry.LogCall(logger, call, telemetry.CallResult{Code: "OK", Latency: 31_511 * time.Microsecond})
	}
}
