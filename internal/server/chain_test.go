package server_test

import (
	"context"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	reflectionv1 "google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/grpc/status"

	secretsstorev1 "platform.internal/storekeeper/gen/secretsstore/v1"
	"platform.internal/storekeeper/internal/audit"
	"platform.internal/storekeeper/internal/authn"
	"platform.internal/storekeeper/internal/authz"
	"platform.internal/storekeeper/internal/contract"
	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/server"
	"platform.internal/storekeeper/internal/server/servertest"
)

// hidden is the content of a panic, which must not be exposed.
const hidden = "sentinel-of-a-panic"

func counted(t *testing.T, w *world) int {
	t.Helper()
	families, err := w.Metrics.Gatherer().Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if strings.Contains(f.GetName(), "panic") {
			return int(f.GetMetric()[0].GetCounter().GetValue())
		}
	}
	t.Fatal("panics are not counted")
	return 0
}

// panicking goes wrong before anything was done.
type panicking struct {
	secretsstorev1.SecretsStoreServiceServer
}

func (panicking) GetSecret(context.Context, *secretsstorev1.GetSecretRequest) (*secretsstorev1.GetSecretResponse, error) {
	panic(hidden)
}

func (panicking) UpdateSecret(context.Context, *secretsstorev1.UpdateSecretRequest) (*secretsstorev1.UpdateSecretResponse, error) {
	panic(hidden)
}

func TestAPanicInAHandlerIsAnInternalFault(t *testing.T) {
	w := start(t, servertest.Config{
		Callers: []authn.Principal{root},
		Secrets: func(genuine secretsstorev1.SecretsStoreServiceServer) secretsstorev1.SecretsStoreServiceServer {
			return panicking{genuine}
		},
	})
	for i, client := range []servertest.Client{w.As(root), servertest.Over(w.Listen(t), root.Name)} {
		readErr := w.get(w.payA)(within(t), client)
		if written := w.Trail.Written(); len(written) > 0 {
			t.Errorf("a read left %+v", written)
		}
		changeErr := w.update(w.payA)(within(t), client)
		for _, err := range []error{readErr, changeErr} {
			if status.Code(err) != codes.Internal || reason(err) != "INTERNAL" || strings.Contains(status.Convert(err).String(), hidden) {
				t.Errorf("got %v", err)
			}
		}
		var written []servertest.WrittenRecord
		eventually(t, func() bool { written = append(written, w.Trail.Written()...); return len(written) >= 2 })
		if len(written) != 2 || written[1].ID != written[0].ID || written[1].Outcome != audit.Unknown {
			t.Errorf("the trail has %+v", written)
		}
		if n := counted(t, w); n != 2*(i+1) {
			t.Errorf("%d panics are counted", n)
		}
	}
}

// wild is a set of rules that goes wrong.
type wild struct{ server.Rules }

func (wild) Decide(authz.Question) authz.Decision { panic(hidden) }

func TestAPanicInTheChainIsAnInternalFault(t *testing.T) {
	w := start(t, servertest.Config{
		Callers: []authn.Principal{root},
		Change:  func(c *server.Chain) { c.Rights.Rules = wild{} },
	})
	for i, client := range []servertest.Client{w.As(root), servertest.Over(w.Listen(t), root.Name)} {
		err := w.update(w.payA)(within(t), client)
		if status.Code(err) != codes.Internal || strings.Contains(status.Convert(err).String(), hidden) {
			t.Errorf("got %v", err)
		}
		if n := counted(t, w); n != i+1 {
			t.Errorf("%d panics are counted", n)
		}
	}
	if written, changed := w.Trail.Written(), w.Cloudflare.Changed(); len(written)+len(changed) > 0 {
		t.Errorf("before the intent the trail has %+v and %v was sent", written, changed)
	}
}

// TestTheOrderOfTheChain sends a call that is wrong in every way, and corrects one mistake after
// another, from the outermost step inwards.
func TestTheOrderOfTheChain(t *testing.T) {
	s := &sink{}
	log, err := audit.NewLog(audit.LogConfig{Sink: s})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = log.Close() })
	w := start(t, servertest.Config{
		Denials: log, Lines: s.commit,
		Secrets: func(genuine secretsstorev1.SecretsStoreServiceServer) secretsstorev1.SecretsStoreServiceServer {
			return panicking{genuine}
		},
	})
	s.set(context.DeadlineExceeded, false)
	empty := ""
	wrong := &secretsstorev1.UpdateSecretRequest{AccountId: main, StoreId: w.store, SecretId: w.payA, Value: &empty}
	unread := contract.WithMistakes(within(t), &contract.Mistakes{Fault: fault.New(fault.TooLarge, "BODY_TOO_LARGE", "too large")})
	stranger := w.With(authn.Authentication{Err: fault.New(fault.Unauthenticated, "CREDENTIAL_UNKNOWN", "No.")})

	_, err = stranger.UpdateSecret(unread, wrong)
	expect(t, "a stranger is told nothing else", err, codes.Unauthenticated, "CREDENTIAL_UNKNOWN")
	_, err = w.As(nobody).UpdateSecret(unread, wrong)
	expect(t, "a caller without the right is not told what is wrong", err, codes.PermissionDenied, "NOT_ALLOWED")
	_, err = w.As(root).UpdateSecret(unread, wrong)
	expect(t, "what cannot be read comes first", err, codes.InvalidArgument, "BODY_TOO_LARGE")
	_, err = w.As(root).UpdateSecret(within(t), wrong)
	expect(t, "then what is wrong with it", err, codes.InvalidArgument, "SECRET_VALUE_EMPTY")
	wrong.Value = &[]string{"good"}[0]
	_, err = w.As(root).UpdateSecret(within(t), wrong)
	expect(t, "without a record there is no call", err, codes.Unavailable, "STATE_UNAVAILABLE")
	s.set(nil, false)
	_, err = w.As(root).UpdateSecret(within(t), wrong)
	expect(t, "and then there is", err, codes.Internal, "INTERNAL")
	if changed := w.Cloudflare.Changed(); len(changed) > 0 {
		t.Errorf("sent %v", changed)
	}
}

func expect(t *testing.T, what string, err error, code codes.Code, word string) {
	t.Helper()
	if status.Code(err) != code || reason(err) != word {
		t.Errorf("%s: got %v", what, err)
	}
}

// TestAMethodThatIsNotDeclaredIsAllowedToNobody takes a declaration away, which
// would have stopped the start.
func TestAMethodThatIsNotDeclaredIsAllowedToNobody(t *testing.T) {
	w := start(t, servertest.Config{Change: func(c *server.Chain) {
		delete(c.Rights.Methods, secretsstorev1.SecretsStoreService_UpdateSecret_FullMethodName)
	}})
	err := w.update(w.payA)(within(t), w.As(root))
	expect(t, "an undeclared method", err, codes.PermissionDenied, "NOT_ALLOWED")
	if changed := w.Cloudflare.Changed(); len(changed) > 0 {
		t.Errorf("sent %v", changed)
	}
}

func TestHealthAnswersStrangersAndReflectionDoesNot(t *testing.T) {
	w := start(t, servertest.Config{Callers: []authn.Principal{nobody}})
	conn := w.Listen(t)
	health, err := healthv1.NewHealthClient(conn).Check(within(t), &healthv1.HealthCheckRequest{})
	if err != nil || health.GetStatus() != healthv1.HealthCheckResponse_SERVING {
		t.Errorf("health: %v, %v", health, err)
	}
	if err := listServices(within(t), conn, nil); status.Code(err) != codes.Unauthenticated {
		t.Errorf("reflection to a stranger: %v", err)
	}
	if written := w.Trail.Written(); len(written) != 1 || written[0].Kind != audit.KindDenial || written[0].Reason != "CREDENTIAL_MISSING" {
		t.Errorf("the trail has %+v", written)
	}
	if err := listServices(within(t), conn, []string{"authorization", servertest.Bearer(nobody.Name)}); err != nil {
		t.Errorf("reflection to a known caller: %v", err)
	}
}

// listServices asks for the list of services.
func listServices(ctx context.Context, conn *grpc.ClientConn, header []string) error {
	stream, err := reflectionv1.NewServerReflectionClient(conn).ServerReflectionInfo(metadata.AppendToOutgoingContext(ctx, header...))
	if err != nil {
		return err
	}
	// A refusal is returned by Recv, not by Send.
	_ = stream.Send(&reflectionv1.ServerReflectionRequest{MessageRequest: &reflectionv1.ServerReflectionRequest_ListServices{}})
	if _, err = stream.Recv(); err != nil {
		return err
	}
	return stream.CloseSend()
}
