package otlp

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// newExporter returns the exporter that the environment names, nil for none. The
// exporters read the other OTEL_EXPORTER_OTLP_* variables themselves.
func newExporter(ctx context.Context, getenv func(string) string) (sdktrace.SpanExporter, error) {
	wanted := getenv("OTEL_EXPORTER_OTLP_ENDPOINT") != "" || getenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") != ""
	switch kind := getenv("OTEL_TRACES_EXPORTER"); {
	case strings.EqualFold(getenv("OTEL_SDK_DISABLED"), "true") || kind == "none":
		return nil, nil //nolint:nilnil // No exporter is a plain answer.
	case kind == "" && !wanted:
		return nil, nil //nolint:nilnil // As above.
	case kind != "" && kind != "otlp":
		return nil, wrong("OTEL_TRACES_EXPORTER", "otlp or none")
	}
	name := "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"
	if getenv(name) == "" {
		name = "OTEL_EXPORTER_OTLP_PROTOCOL"
	}
	switch cmp.Or(getenv(name), "http/protobuf") {
	case "grpc":
		return otlptracegrpc.New(ctx)
	case "http/protobuf":
		return otlptracehttp.New(ctx)
	default:
		return nil, wrong(name, "grpc or http/protobuf")
	}
}

// wrong is the error of a variable. It does not repeat the value.
func wrong(name, right string) error { return fmt.Errorf("%s: must be %s", name, right) }

// readSampler returns the sampler that the environment names.
func readSampler(getenv func(string) string) (sdktrace.Sampler, error) {
	const name, argument = "OTEL_TRACES_SAMPLER", "OTEL_TRACES_SAMPLER_ARG"
	ratio, text := 1.0, getenv(argument)
	kind, parent := strings.CutPrefix(cmp.Or(getenv(name), "parentbased_always_on"), "parentbased_")
	if !slices.Contains([]string{"always_on", "always_off", "traceidratio"}, kind) {
		return nil, wrong(name, "always_on, always_off or traceidratio, alone or behind parentbased_")
	}
	if text != "" && kind == "traceidratio" {
		var err error
		if ratio, err = strconv.ParseFloat(text, 64); err != nil || ratio < 0 || ratio > 1 {
			return nil, wrong(argument, "a number from 0 to 1")
		}
	}
	var sampler sdktrace.Sampler
	switch kind {
	case "always_off":
		sampler = sdktrace.NeverSample()
	case "traceidratio":
		sampler = sdktrace.TraceIDRatioBased(ratio)
	default:
		sampler = sdktrace.AlwaysSample()
	}
	if parent {
		sampler = sdktrace.ParentBased(sampler)
	}
	return sampler, nil
}
