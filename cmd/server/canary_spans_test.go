package main

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// keptSpans is an exporter that keeps all that a span says, as a text.
type keptSpans struct {
	mu    sync.Mutex
	text  strings.Builder
	names map[string]int
}

// ExportSpans keeps spans.
func (k *keptSpans) ExportSpans(_ context.Context, spans []sdktrace.ReadOnlySpan) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.names == nil {
		k.names = map[string]int{}
	}
	attributes := func(list []attribute.KeyValue) {
		for _, a := range list {
			fmt.Fprintf(&k.text, " %s=%s", a.Key, a.Value.String())
		}
	}
	for _, s := range spans {
		k.names[s.Name()]++
		fmt.Fprintf(&k.text, "%s %s %s", s.Name(), s.Status().Description, s.SpanContext().TraceState())
		attributes(s.Attributes())
		attributes(s.Resource().Attributes())
		for _, e := range s.Events() {
			k.text.WriteString(" " + e.Name)
			attributes(e.Attributes)
		}
		for _, l := range s.Links() {
			attributes(l.Attributes)
		}
		k.text.WriteByte('\n')
	}
	return nil
}

// Shutdown ends nothing.
func (*keptSpans) Shutdown(context.Context) error { return nil }

// searchSpans checks all spans that were made.
func (a *aviary) searchSpans(t *testing.T) {
	t.Helper()
	count := func(name string) int {
		a.spans.mu.Lock()
		defer a.spans.mu.Unlock()
		return a.spans.names[name]
	}
	// They are sent in batches.
	a.await("spans of all kinds are sent", func() bool {
		for _, name := range []string{"chain", "authorise", "change.begin", "change.finish", "batch", "budget.wait", "reconcile"} {
			if count(name) == 0 {
				return false
			}
		}
		return count("chain") > 100
	})
	a.spans.mu.Lock()
	defer a.spans.mu.Unlock()
	a.search(t, "the spans", a.spans.text.String())
}
