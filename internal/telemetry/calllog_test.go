package telemetry_test

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/telemetry"
)

func TestCallLeavesOneLineWithAllThatIsKnown(t *testing.T) {
	call := newCall("r1")
	call.SetMethod("rest", "/secretsstore.v1.SecretsStoreService/CreateSecrets")
	call.SetCaller("team-a")
	call.SetPeer("192.0.2.1:4711")
	call.SetTrace("4bf92f3577b34da6a3ce929d0e0e4736", false)
	call.AddUpstream(20*time.Millisecond, "8f1-FRA")
	call.AddUpstream(10*time.Millisecond, "8f2-FRA")

	var out bytes.Buffer
	telemetry.LogCall(newLogger(t, "info", &out), call, telemetry.CallResult{
		Code:    "Internal",
		Latency: 31500 * time.Microsecond,
		Err:     fault.New(fault.Upstream, "CREDENTIAL_REFUSED", "The platform is misconfigured.").Because(errors.New("401 from upstream")),
	})

	line := onlyLine(t, &out)
	delete(line, "time")
	want := map[string]any{
		"level": "error", "msg": "call",
		"request_id": "r1", "protocol": "rest", "method": "/secretsstore.v1.SecretsStoreService/CreateSecrets",
		"caller": "team-a", "peer": "192.0.2.1:4711", "code": "Internal", "latency_ms": 31.5,
		"upstream_calls": 2.0, "upstream_ms": 30.0, "cf_ray": []any{"8f1-FRA", "8f2-FRA"},
		"trace_id": "4bf92f3577b34da6a3ce929d0e0e4736", "reason": "CREDENTIAL_REFUSED",
		"error": "CREDENTIAL_REFUSED: The platform is misconfigured.: 401 from upstream",
	}
	if !reflect.DeepEqual(line, want) {
		t.Errorf("got  %v\nwant %v", line, want)
	}
}

func TestSuccessSaysNothingOfErrors(t *testing.T) {
	var out bytes.Buffer
	telemetry.LogCall(newLogger(t, "info", &out), newCall("r1"), telemetry.CallResult{Code: "OK"})
	line := onlyLine(t, &out)
	for _, key := range []string{"error", "reason", "cf_ray", "trace_id"} {
		if _, there := line[key]; there {
			t.Errorf("%s is there: %v", key, line)
		}
	}
	if line["level"] != "info" {
		t.Errorf("level is %v, want info", line["level"])
	}
}

func TestLevelTellsWhoseFaultItWas(t *testing.T) {
	kinds := map[fault.Kind]string{
		fault.Internal: "error", fault.Unavailable: "error", fault.Upstream: "error",
		fault.BadInput: "info", fault.TooLarge: "info", fault.NotFound: "info", fault.NameTaken: "info",
		fault.LimitReached: "info", fault.NotEmpty: "info", fault.Unauthenticated: "info", fault.Denied: "info",
		fault.KeyReused: "info", fault.Throttled: "info", fault.Deadline: "info", fault.Canceled: "info",
		fault.Unimplemented: "info",
	}
	for kind, want := range kinds {
		if got := levelOf(t, fault.New(kind, "X", "x")); got != want {
			t.Errorf("kind %d is logged at %s, want %s", kind, got, want)
		}
		if got := levelOf(t, fmt.Errorf("more: %w", fault.New(kind, "X", "x"))); got != want {
			t.Errorf("kind %d, wrapped, is logged at %s, want %s", kind, got, want)
		}
	}
	if got := levelOf(t, errors.New("nobody foresaw this")); got != "error" {
		t.Errorf("an error that is no fault is logged at %s, want error", got)
	}
}

func TestErrorTextIsBounded(t *testing.T) {
	var out bytes.Buffer
	telemetry.LogCall(newLogger(t, "info", &out), newCall("r1"), telemetry.CallResult{
		Err: errors.New(strings.Repeat("x", 100_000)),
	})
	if text, _ := onlyLine(t, &out)["error"].(string); len(text) != 4096 {
		t.Errorf("logged %d bytes, want 4096", len(text))
	}
}

func TestLogThatOmitsInfoOmitsGoodCalls(t *testing.T) {
	var out bytes.Buffer
	telemetry.LogCall(newLogger(t, "error", &out), newCall("r1"), telemetry.CallResult{Code: "OK"})
	if out.Len() != 0 {
		t.Errorf("got %s", out.String())
	}
}

func levelOf(t *testing.T, err error) any {
	t.Helper()
	var out bytes.Buffer
	telemetry.LogCall(newLogger(t, "info", &out), newCall("r1"), telemetry.CallResult{Err: err})
	return onlyLine(t, &out)["level"]
}

// TestTheLineOfACallIsTheSameText compares the text behind the time, since people and programs search it.
func TestTheLineOfACallIsTheSameText(t *testing.T) {
	call := newCall("r1")
	call.SetMethod("rest", "/m")
	call.SetCaller("team \"a\"")
	call.SetPeer("192.0.2.1:4711")
	call.SetTrace("4bf92f3577b34da6a3ce929d0e0e4736", false)
	call.AddUpstream(20*time.Millisecond, "8f1-FRA")
	var out bytes.Buffer
	telemetry.LogCall(newLogger(t, "info", &out), call, telemetry.CallResult{Code: "NotFound", Latency: 1500 * time.Microsecond, Err: fault.New(fault.NotFound, "X", "x")})
	const want = `,"msg":"call","request_id":"r1","protocol":"rest","method":"/m","caller":"team \"a\"","peer":"192.0.2.1:4711","code":"NotFound",` +
		`"latency_ms":1.5,"upstream_calls":1,"upstream_ms":20,"cf_ray":["8f1-FRA"],"trace_id":"4bf92f3577b34da6a3ce929d0e0e4736","reason":"X","error":"X: x"}` + "\n"
	const begin = `{"level":"info","time":"2006-01-02T15:04:05.000000Z"`
	if text := out.String(); len(text) < len(begin) || text[len(begin):] != want {
		t.Errorf("got  %swant %s%s", text, begin, want)
	}
}
