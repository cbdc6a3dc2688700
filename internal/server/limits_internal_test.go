package server

import (
	"context"
	"net"
	"testing"
	"time"

	"go.uber.org/zap"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	"platform.internal/storekeeper/internal/authn"
	"platform.internal/storekeeper/internal/telemetry"
)

func TestEveryCallToHealthHasADeadline(t *testing.T) {
	metrics, err := telemetry.NewMetrics(telemetry.MetricsOptions{})
	if err != nil {
		t.Fatal(err)
	}
	a, err := authn.New(authn.Config{APIKeys: []authn.APIKey{{Principal: authn.Principal{Name: "known"}}}})
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	soon := healthTimeouts{check: 50 * time.Millisecond, watch: 50 * time.Millisecond}
	s := newServer(Chain{Log: zap.NewNop(), Metrics: metrics, Authenticator: a}, nil, soon)
	on, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = s.GRPC().Serve(on) }()
	defer s.GRPC().Stop()
	conn, err := grpc.NewClient(on.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()

	watch, err := healthv1.NewHealthClient(conn).Watch(t.Context(), &healthv1.HealthCheckRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := watch.Recv(); err != nil {
		t.Errorf("the first status: %v", err)
	}
	if _, err := watch.Recv(); status.Code(err) != codes.DeadlineExceeded {
		t.Errorf("a Watch ends with %v", err)
	}
	// A client that opens a call and sends nothing.
	for _, method := range []string{"Check", "List", "Watch"} {
		silent, err := conn.NewStream(context.Background(), &grpc.StreamDesc{ClientStreams: true, ServerStreams: true}, healthService+method)
		if err != nil {
			t.Fatal(err)
		}
		if err := silent.RecvMsg(&healthv1.HealthCheckResponse{}); status.Code(err) != codes.DeadlineExceeded {
			t.Errorf("%s without a message ends with %v", method, err)
		}
	}
}
