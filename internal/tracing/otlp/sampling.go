package otlp

import (
	"cmp"
	"context"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"

	"go.opentelemetry.io/otel/propagation"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// sampling decides which calls are recorded. The decision precedes all other work for the call, so
// that an unrecorded call costs almost nothing.
type sampling struct {
	// parent reports that the sampling decision in the caller's traceparent applies, if there is a
	// traceparent.
	parent bool
	// ratio is the fraction of the other calls that are recorded.
	ratio float64
	// byID decides by the trace id, so that several services record the same traces.
	byID sdktrace.Sampler
}

// readSampling reads the sampling from the environment.
func readSampling(getenv func(string) string) (sampling, error) {
	const name, argument = "OTEL_TRACES_SAMPLER", "OTEL_TRACES_SAMPLER_ARG"
	kind, parent := strings.CutPrefix(cmp.Or(getenv(name), "parentbased_always_on"), "parentbased_")
	if !slices.Contains([]string{"always_on", "always_off", "traceidratio"}, kind) {
		return sampling{}, wrong(name, "always_on, always_off or traceidratio, alone or behind parentbased_")
	}
	s := sampling{parent: parent, ratio: 1}
	switch text := getenv(argument); {
	case kind == "always_off":
		s.ratio = 0
	case kind == "traceidratio" && text != "":
		var err error
		if s.ratio, err = strconv.ParseFloat(text, 64); err != nil || !(s.ratio >= 0 && s.ratio <= 1) {
			return sampling{}, wrong(argument, "a number from 0 to 1")
		}
	}
	s.byID = sdktrace.TraceIDRatioBased(s.ratio)
	return s, nil
}

// wants reports whether a call is recorded. traceparent is the caller's header, or "".
func (s *sampling) wants(traceparent string) bool {
	if traceparent != "" {
		ctx := propagation.TraceContext{}.Extract(context.Background(), propagation.MapCarrier{"traceparent": traceparent})
		if caller := trace.SpanContextFromContext(ctx); caller.IsValid() {
			if s.parent {
				return caller.IsSampled()
			}
			return s.byID.ShouldSample(sdktrace.SamplingParameters{ParentContext: ctx, TraceID: caller.TraceID()}).Decision == sdktrace.RecordAndSample
		}
	}
	return s.ratio == 1 || s.ratio > 0 && rand.Float64() < s.ratio //nolint:gosec // Nobody gains by guessing it.
}
