package main

import (
	"context"
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	collectorv1 "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	tracev1 "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"
)

// collector is an OTLP collector that keeps all spans.
type collector struct {
	mu    sync.Mutex
	spans []*tracev1.Span
}

func (c *collector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	sent := &collectorv1.ExportTraceServiceRequest{}
	if r.URL.Path != "/v1/traces" || proto.Unmarshal(body, sent) != nil {
		http.Error(w, "not traces", http.StatusBadRequest)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, resource := range sent.GetResourceSpans() {
		for _, s := range resource.GetScopeSpans() {
			c.spans = append(c.spans, s.GetSpans()...)
		}
	}
	w.Header().Set("Content-Type", "application/x-protobuf")
}

// find returns the spans for which something holds.
func (c *collector) find(is func(*tracev1.Span) bool) (found []*tracev1.Span) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.spans {
		if is(s) {
			found = append(found, s)
		}
	}
	return found
}

// of returns the spans of a trace by their names.
func (c *collector) of(trace string) map[string]*tracev1.Span {
	spans := map[string]*tracev1.Span{}
	for _, s := range c.find(func(s *tracev1.Span) bool { return hex.EncodeToString(s.GetTraceId()) == trace }) {
		spans[s.GetName()] = s
	}
	return spans
}

// attributeOf returns an attribute of a span as a text.
func attributeOf(s *tracev1.Span, key string) string {
	for _, a := range s.GetAttributes() {
		if a.GetKey() != key {
			continue
		}
		if list := a.GetValue().GetArrayValue().GetValues(); len(list) > 0 {
			return list[0].GetStringValue()
		}
		return a.GetValue().GetStringValue()
	}
	return ""
}

const rayAttribute = "http.response.header.cf-ray"

// traced is one create in answer, log, trail and spans.
type traced struct {
	*program

	to *collector
}

// Not parallel: the exporter reads the environment of the process.
func startTraced(t *testing.T, sets ...string) *traced {
	t.Helper()
	to := &collector{}
	server := httptest.NewServer(to)
	t.Cleanup(server.Close)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", server.URL)
	t.Setenv("OTEL_BSP_SCHEDULE_DELAY", "20")
	return &traced{start(t, setup{sets: sets}), to}
}

// line returns the log line of a call, or nil.
func (p *traced) lineWith(key, value string) map[string]any {
	for _, line := range p.out.lines("call") {
		if list, ok := line[key].([]any); ok && slices.Contains(list, any(value)) || line[key] == value {
			return line
		}
	}
	return nil
}

func TestACreateIsFoundFromItsTraceItsLogLineItsTrailAndItsRay(t *testing.T) {
	p := startTraced(t)
	store := p.madeStore("traced")
	for protocol, create := range map[string]struct {
		trace, root string
		call        func(traceparent string)
	}{
		"rest": {"0af7651916cd43dd8448eb211c80319c", "POST /client/v4/accounts/{account_id}/secrets_store/stores/{store_id}/secrets", func(traceparent string) {
			p.must("POST", "stores/"+store+"/secrets", `[{"name":"OVER_REST","value":"v","scopes":["workers"]}]`, "traceparent: "+traceparent)
		}},
		"grpc": {"1bf7651916cd43dd8448eb211c80319d", "secretsstore.v1.SecretsStoreService/CreateSecrets", func(traceparent string) {
			ctx := metadata.AppendToOutgoingContext(context.Background(), "traceparent", traceparent)
			got := p.call(ctx, "CreateSecrets", `{"account_id":"main","store_id":"`+store+`","secrets":[{"name":"OVER_GRPC","value":"v","scopes":["workers"]}]}`)
			if got.err != nil {
				t.Fatal(got.err)
			}
		}},
	} {
		t.Run(protocol, func(t *testing.T) {
			create.call("00-" + create.trace + "-b7ad6b7169203331-01")
			const toCloudflare = "POST /accounts/{account_id}/secrets_store/stores/{store_id}/secrets"
			names := []string{create.root, "chain", "authorise", "change.begin", "batch", "budget.wait", toCloudflare, "change.finish"}
			p.await("the spans arrive", func() bool {
				spans := p.to.of(create.trace)
				return !slices.ContainsFunc(names, func(name string) bool { return spans[name] == nil })
			})
			spans := p.to.of(create.trace)

			// The trace goes on from the caller's span.
			if parent := hex.EncodeToString(spans[create.root].GetParentSpanId()); parent != "b7ad6b7169203331" {
				t.Errorf("the first span stands below %s", parent)
			}
			// From the trace to the log line, and from that to the ray.
			line := p.lineWith("trace_id", create.trace)
			if line == nil {
				t.Fatal("no log line has the trace")
			}
			rays, _ := line["cf_ray"].([]any)
			if len(rays) == 0 {
				t.Fatalf("the log line has no ray: %v", line)
			}
			ray := text(rays[len(rays)-1])
			if got := attributeOf(spans[toCloudflare], rayAttribute); got != ray {
				t.Errorf("the span has the ray %q, and the log %q", got, ray)
			}
			// From the trace to the records of the trail.
			p.await("the outcome reaches the file of the trail", func() bool {
				return slices.ContainsFunc(p.trail(t), func(r trailLine) bool { return r.TraceID == create.trace && r.Kind == "outcome" })
			})
			var kinds []string
			for _, record := range p.trail(t) {
				if record.TraceID != create.trace {
					continue
				}
				kinds = append(kinds, record.Kind)
				if record.RequestID != line["request_id"] {
					t.Errorf("the %s has the request id %s, and the log %v", record.Kind, record.RequestID, line["request_id"])
				}
				if record.Kind == "outcome" && !slices.Contains(record.Rays, ray) {
					t.Errorf("the outcome has the rays %v, and the log %s", record.Rays, ray)
				}
			}
			if !slices.Equal(kinds, []string{"intent", "outcome"}) {
				t.Errorf("the trail has %v of the trace", kinds)
			}
			// From the ray, which Cloudflare's support may name, to the rest.
			with := p.to.find(func(s *tracev1.Span) bool { return attributeOf(s, rayAttribute) == ray })
			if len(with) != 1 || hex.EncodeToString(with[0].GetTraceId()) != create.trace {
				t.Errorf("the ray leads to %v", with)
			}
			if found := p.lineWith("cf_ray", ray); found == nil || found["trace_id"] != create.trace {
				t.Errorf("the ray leads to the log line %v", found)
			}
			// From the request id, which the caller has, to the trace.
			if got := attributeOf(spans["chain"], "storekeeper.request_id"); got != line["request_id"] {
				t.Errorf("the span has the request id %q, and the log %v", got, line["request_id"])
			}
		})
	}
	p.exemplars(t)
}

// exemplars checks that the metrics name the traces.
func (p *traced) exemplars(t *testing.T) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, p.admin+"/metrics", nil)
	must(t, err)
	r.Header.Set("Accept", "application/openmetrics-text; version=1.0.0")
	res, err := http.DefaultClient.Do(r)
	must(t, err)
	defer res.Body.Close()
	page, err := io.ReadAll(res.Body)
	must(t, err)
	for _, name := range []string{
		"storekeeper_rpc_duration_seconds_bucket", "storekeeper_rpc_own_duration_seconds_bucket", "storekeeper_upstream_duration_seconds_bucket",
		"storekeeper_store_commit_duration_seconds_bucket", "storekeeper_budget_wait_duration_seconds_bucket",
	} {
		found := false
		for line := range strings.Lines(string(page)) {
			found = found || strings.HasPrefix(line, name) && (strings.Contains(line, `trace_id="0af7651916cd43dd8448eb211c80319c"`) || strings.Contains(line, `trace_id="1bf7651916cd43dd8448eb211c80319d"`))
		}
		if !found {
			t.Errorf("%s names neither trace", name)
		}
	}
}

// A call whose caller does not sample its trace has no spans, but its log line has
// the trace id.
func TestACallThatItsCallerDoesNotSampleHasNoSpans(t *testing.T) {
	p := startTraced(t)
	const not, is = "2cf7651916cd43dd8448eb211c80319e", "3df7651916cd43dd8448eb211c80319f"
	p.must("GET", "stores", "", "traceparent: 00-"+not+"-b7ad6b7169203331-00")
	p.must("GET", "stores", "", "traceparent: 00-"+is+"-b7ad6b7169203331-01")
	p.await("the spans of the other call arrive", func() bool { return len(p.to.of(is)) > 0 })
	if spans := p.to.of(not); len(spans) > 0 {
		t.Errorf("there are spans: %v", spans)
	}
	if p.lineWith("trace_id", not) == nil {
		t.Error("no log line has the trace")
	}
}
