package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	reflectionv1 "google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/grpc/status"

	secretsstorev1 "platform.internal/storekeeper/gen/secretsstore/v1"
)

const (
	checkMethod = "/grpc.health.v1.Health/Check"
	watchMethod = "/grpc.health.v1.Health/Watch"
)

func TestHeadersAreBoundedAlikeOverBothProtocols(t *testing.T) {
	t.Parallel()
	p := start(t, setup{})
	for name, test := range map[string]struct {
		filler []string
		fits   bool
	}{
		"60,000 bytes":            {[]string{strings.Repeat("a", 60_000)}, true},
		"70,000 bytes":            {[]string{strings.Repeat("a", 70_000)}, false},
		"70,000 bytes in parts":   {slicesOf(strings.Repeat("a", 7_000), 10), false},
		"a stranger's 100 parts":  {slicesOf(strings.Repeat("a", 10_000), 100), false},
		"many short fields":       {slicesOf("a", 2_000), false},
		"fields within the bound": {slicesOf("a", 200), true},
	} {
		t.Run(name, func(t *testing.T) {
			var more []string
			r := mustRequest(t, p.rest+"/client/v4/user")
			r.Header.Set("Authorization", "Bearer "+callerKey)
			for i, text := range test.filler {
				more = append(more, fmt.Sprintf("x-%05d-%s", i, strings.Repeat("n", 30)), text)
				r.Header.Set(more[len(more)-2], text)
			}
			w := dialWire(t, p.grpc)
			_ = w.open(1, checkMethod, more...)
			_ = w.WriteData(1, true, prefix(0))
			if got := w.ended(1); (got == "0") != test.fits {
				t.Errorf("grpc: %s", got)
			}
			answer, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(r)
			if err != nil {
				if test.fits {
					t.Fatal(err)
				}
				return
			}
			_ = answer.Body.Close()
			if (answer.StatusCode == http.StatusOK) != test.fits {
				t.Errorf("rest: %s", answer.Status)
			}
		})
	}
}

func slicesOf(text string, n int) []string {
	list := make([]string, n)
	for i := range list {
		list[i] = text
	}
	return list
}

// The limit applies to the announced length of the message, so no part of a
// longer message is read.
func TestMessagesToServicesThatAskForNothingAreShort(t *testing.T) {
	t.Parallel()
	p := start(t, setup{})
	credential := []string{"authorization", "Bearer " + callerKey}
	for name, test := range map[string]struct {
		method string
		header []string
		length int
		want   codes.Code
	}{
		"Check":                          {checkMethod, nil, 1025, codes.ResourceExhausted},
		"Check with 8 MiB":               {checkMethod, nil, 8 << 20, codes.ResourceExhausted},
		"Check of a caller":              {checkMethod, credential, 8 << 20, codes.ResourceExhausted},
		"List":                           {"/grpc.health.v1.Health/List", nil, 1025, codes.ResourceExhausted},
		"Watch":                          {watchMethod, nil, 1025, codes.ResourceExhausted},
		"Watch with 4 GiB":               {watchMethod, nil, 1<<32 - 1, codes.ResourceExhausted},
		"reflection of a stranger":       {reflectionv1.ServerReflection_ServerReflectionInfo_FullMethodName, nil, 8 << 20, codes.Unauthenticated},
		"reflection of a caller":         {reflectionv1.ServerReflection_ServerReflectionInfo_FullMethodName, credential, 64<<10 + 1, codes.ResourceExhausted},
		"a change of a stranger":         {secretsstorev1.SecretsStoreService_CreateSecrets_FullMethodName, nil, 8 << 20, codes.Unauthenticated},
		"a method that is not there":     {"/x.Y/Z", nil, 8 << 20, codes.Unimplemented},
		"a service that is not there":    {"/x", nil, 8 << 20, codes.Unimplemented},
		"an unknown method of a service": {"/grpc.health.v1.Health/None", nil, 8 << 20, codes.Unimplemented},
	} {
		t.Run(name, func(t *testing.T) {
			w := dialWire(t, p.grpc)
			if err := errors.Join(w.open(1, test.method, test.header...), w.WriteData(1, false, prefix(test.length))); err != nil {
				t.Fatal(err)
			}
			if got := w.ended(1); got != fmt.Sprint(int(test.want)) {
				t.Errorf("got %s, want %d", got, test.want)
			}
		})
	}
	name := strings.Repeat("x", 1020)
	_, err := healthv1.NewHealthClient(p.conn).Check(t.Context(), &healthv1.HealthCheckRequest{Service: name})
	if status.Code(err) != codes.NotFound {
		t.Errorf("a message of 1 KiB: %v", err)
	}
}

func TestCallsThatNeverReachAMethodAreLogged(t *testing.T) {
	t.Parallel()
	p := start(t, setup{})
	credential := []string{"authorization", "Bearer " + callerKey}
	create := secretsstorev1.SecretsStoreService_CreateSecrets_FullMethodName
	for name, test := range map[string]struct {
		method        string
		header        []string
		message       []byte
		caller, level string
		code, logged  codes.Code
	}{
		"too long":                 {create, credential, prefix(9 << 20), callerName, "info", codes.ResourceExhausted, codes.ResourceExhausted},
		"no message of the method": {create, credential, append(prefix(3), 0xff, 0xff, 0xff), callerName, "info", codes.InvalidArgument, codes.InvalidArgument},
		"no message at all":        {create, credential, nil, callerName, "info", codes.InvalidArgument, codes.InvalidArgument},
		"unknown method":           {"/secretsstore.v1.SecretsStoreService/Nothing", credential, nil, callerName, "info", codes.Unimplemented, codes.Unimplemented},
		"unknown, of a stranger":   {"/x.Y/Nothing", nil, nil, "", "info", codes.Unimplemented, codes.Unimplemented},
		"long, to health":          {watchMethod, nil, prefix(2000), "", "info", codes.ResourceExhausted, codes.ResourceExhausted},
		"nothing, to health":       {watchMethod, nil, nil, "", "info", codes.InvalidArgument, codes.InvalidArgument},
	} {
		t.Run(name, func(t *testing.T) {
			p := p.in(t)
			id := "line-" + strings.ReplaceAll(strings.ReplaceAll(name, " ", "-"), ",", "")
			w := dialWire(t, p.grpc)
			if err := errors.Join(w.open(1, test.method, append(test.header, "x-request-id", id)...), w.WriteData(1, true, test.message)); err != nil {
				t.Fatal(err)
			}
			if got := w.ended(1); got != fmt.Sprint(int(test.code)) {
				t.Errorf("got %s, want %d", got, test.code)
			}
			p.await("a line", func() bool { return p.lineOf(id) != nil })
			line := p.lineOf(id)
			if line["caller"] != test.caller || line["level"] != test.level || line["code"] != test.logged.String() || line["method"] != test.method || text(line["peer"]) == "" {
				t.Errorf("got %v", line)
			}
		})
	}
}

// lineOf returns the line in the log of the call with a request id.
func (p *program) lineOf(id string) map[string]any {
	for _, line := range p.out.lines("call") {
		if line["request_id"] == id {
			return line
		}
	}
	return nil
}

func TestUnauthenticatedCallersCannotFillTheLog(t *testing.T) {
	t.Parallel()
	p := start(t, setup{})
	// The connection belongs to a caller, so that only the rate limit of the log applies.
	p.call(t.Context(), "GetUser", `{}`)
	const calls = 3000
	health := healthv1.NewHealthClient(p.conn)
	began := time.Now()
	for range calls / 2 {
		_, _ = health.Check(t.Context(), &healthv1.HealthCheckRequest{Service: "nope"})
		_ = p.conn.Invoke(t.Context(), "/x.Y/Z", &healthv1.HealthCheckRequest{}, &healthv1.HealthCheckResponse{})
	}
	// The log accepts 100 of these lines a second. A busy machine may make fewer
	// calls, and then all lines are logged.
	most := max(calls/2, 100*int(time.Since(began).Seconds()+2))
	if n := len(p.out.lines("call")); n < 100 || n > most {
		t.Errorf("%d calls left %d lines, more than %d", calls, n, most)
	}
}

func TestWhatProbesDoIsNoErrorOfOurs(t *testing.T) {
	t.Parallel()
	p := start(t, setup{})
	health := healthv1.NewHealthClient(p.conn)
	for range 3 {
		ctx, cancel := context.WithCancel(t.Context())
		watch, err := health.Watch(ctx, &healthv1.HealthCheckRequest{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := watch.Recv(); err != nil {
			t.Fatal(err)
		}
		cancel()
		_, _ = health.Check(t.Context(), &healthv1.HealthCheckRequest{Service: "nope"})
	}
	p.await("the three calls that failed", func() bool { return len(p.out.lines("call")) >= 3 })
	if code := p.stop(); code != exitOK {
		t.Fatal(code)
	}
	for _, line := range p.out.lines("call") {
		if line["level"] == "error" || line["code"] == "Internal" || line["method"] == watchMethod {
			t.Errorf("got %v", line)
		}
	}
}

func TestAWatchDoesNotHoldAStop(t *testing.T) {
	t.Parallel()
	p := start(t, setup{})
	watch, err := healthv1.NewHealthClient(p.conn).Watch(t.Context(), &healthv1.HealthCheckRequest{})
	if err != nil {
		t.Fatal(err)
	}
	ctx := metadata.AppendToOutgoingContext(t.Context(), "authorization", "Bearer "+callerKey)
	reflected, err := reflectionv1.NewServerReflectionClient(p.conn).ServerReflectionInfo(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := watch.Recv(); err != nil {
		t.Fatal(err)
	}
	if err := reflected.Send(&reflectionv1.ServerReflectionRequest{MessageRequest: &reflectionv1.ServerReflectionRequest_ListServices{}}); err != nil {
		t.Fatal(err)
	}
	if _, err := reflected.Recv(); err != nil {
		t.Fatal(err)
	}
	if code := p.stop(); code != exitOK {
		t.Errorf("exit code %d", code)
	}
	if p.out.line("calls were cut off at the end of the grace") != nil || p.out.line("stopped") == nil {
		t.Errorf("the stop waited for the grace: %s", p.out)
	}
	if told, err := watch.Recv(); err != nil || told.GetStatus() != healthv1.HealthCheckResponse_NOT_SERVING {
		t.Errorf("before the end: %v %v", told, err)
	}
	if _, err := watch.Recv(); status.Code(err) != codes.Unavailable {
		t.Errorf("the end: %v", err)
	}
	if _, err := reflected.Recv(); err == nil || errors.Is(err, io.EOF) {
		t.Errorf("the end of reflection: %v", err)
	}
}

func TestAConnectionHasFewCallsOfHealth(t *testing.T) {
	t.Parallel()
	p := start(t, setup{})
	health := healthv1.NewHealthClient(p.conn)
	for range 5 {
		watch, err := health.Watch(t.Context(), &healthv1.HealthCheckRequest{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := watch.Recv(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := health.Check(t.Context(), &healthv1.HealthCheckRequest{}); status.Code(err) != codes.ResourceExhausted {
		t.Errorf("the sixth: %v", err)
	}
	if got := p.call(t.Context(), "GetUser", `{}`); got.err != nil {
		t.Errorf("a call of a caller on the same connection: %v", got.err)
	}
	if _, err := healthv1.NewHealthClient(dial(t, p.grpc)).Check(t.Context(), &healthv1.HealthCheckRequest{}); err != nil {
		t.Errorf("a probe on another connection: %v", err)
	}
}
