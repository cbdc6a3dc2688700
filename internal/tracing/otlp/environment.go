package otlp

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// newExporter returns the exporter configured in the environment, or nil. The exporters read the
// other OTEL_EXPORTER_OTLP_* variables themselves, after checkVariables.
func newExporter(ctx context.Context, getenv func(string) string) (sdktrace.SpanExporter, error) {
	wanted := getenv("OTEL_EXPORTER_OTLP_ENDPOINT") != "" || getenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") != ""
	switch kind := getenv("OTEL_TRACES_EXPORTER"); {
	case strings.EqualFold(getenv("OTEL_SDK_DISABLED"), "true") || kind == "none":
		return nil, nil //nolint:nilnil // no exporter is a valid result
	case kind == "" && !wanted:
		return nil, nil //nolint:nilnil // as above
	case kind != "" && kind != "otlp":
		return nil, wrong("OTEL_TRACES_EXPORTER", "otlp or none")
	}
	if err := checkVariables(getenv); err != nil {
		return nil, err
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

// wrong returns the error of a variable. It does not repeat the value.
func wrong(name, right string) error { return fmt.Errorf("%s: must be %s", name, right) }
