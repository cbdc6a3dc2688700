package otlp_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/zap"

	"platform.internal/storekeeper/internal/tracing/otlp"
)

// TestAWrongVariableIsRefusedWithoutItsValue gives variables that the exporters would ignore, while their library
// would write the value to standard error.
func TestAWrongVariableIsRefusedWithoutItsValue(t *testing.T) {
	const secret = "secret-of-the-collector"
	file := filepath.Join(t.TempDir(), secret)
	if err := os.WriteFile(file, []byte(secret), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"OTEL_EXPORTER_OTLP_", "OTEL_EXPORTER_OTLP_TRACES_"} {
		for about, values := range map[string][]string{
			"ENDPOINT":           {":::" + secret, "http://user:" + secret + "@:x:y", "collector:4318", "ftp://collector/" + secret, "/" + secret},
			"HEADERS":            {"authorization Bearer " + secret, "a=b," + secret, "a b=" + secret, "a=%zz" + secret, "=" + secret, "a=b,,"},
			"TIMEOUT":            {secret, "10s", "-1", "0"},
			"CERTIFICATE":        {file, file + ".not"},
			"CLIENT_CERTIFICATE": {file},
		} {
			for _, value := range values {
				set := environment{"OTEL_TRACES_EXPORTER": "otlp", name + about: value, name + "CLIENT_KEY": file}
				traces, err := otlp.Open(t.Context(), otlp.Options{Getenv: set.get, Log: zap.NewNop()})
				if err == nil || !strings.Contains(err.Error(), name+about) || !strings.Contains(err.Error(), "must be ") || strings.Contains(err.Error(), secret) {
					t.Errorf("%s%s=%s: got %v", name, about, value, err)
				}
				if err := traces.Close(t.Context()); err != nil {
					t.Error(err)
				}
			}
		}
		good := environment{
			"OTEL_TRACES_EXPORTER": "otlp", name + "ENDPOINT": " https://collector:4318/x", name + "TIMEOUT": "100",
			name + "HEADERS": "authorization=Bearer%20" + secret + ", x-y=",
		}
		traces, err := otlp.Open(t.Context(), otlp.Options{Getenv: good.get, Log: zap.NewNop()})
		if err != nil || traces == nil {
			t.Errorf("good variables: %v", err)
		}
		if err := traces.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}
}
