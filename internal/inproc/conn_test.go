package inproc_test

import (
	"context"
	"errors"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	secretsstorev1 "platform.internal/storekeeper/gen/secretsstore/v1"
	"platform.internal/storekeeper/internal/inproc"
)

type store struct {
	secretsstorev1.UnimplementedSecretsStoreServiceServer

	seen context.Context
	last *secretsstorev1.CreateStoreRequest
	kept *secretsstorev1.Store
}

func (s *store) CreateStore(ctx context.Context, r *secretsstorev1.CreateStoreRequest) (*secretsstorev1.CreateStoreResponse, error) {
	s.seen, s.last, s.kept = ctx, r, &secretsstorev1.Store{Name: r.GetName()}
	if err := grpc.SetHeader(ctx, metadata.Pairs("h", "1")); err != nil {
		return nil, err
	}
	if err := grpc.SetTrailer(ctx, metadata.Pairs("t", "2")); err != nil {
		return nil, err
	}
	if r.GetName() == "" {
		return nil, errors.New("no name")
	}
	return &secretsstorev1.CreateStoreResponse{Store: s.kept}, nil
}

func note(log *[]string, name string) grpc.UnaryServerInterceptor {
	return func(ctx context.Context, req any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
		*log = append(*log, name+" "+info.FullMethod)
		return next(ctx, req)
	}
}

func connect(s *store, interceptor grpc.UnaryServerInterceptor) secretsstorev1.SecretsStoreServiceClient {
	conn := inproc.NewChannel(interceptor)
	secretsstorev1.RegisterSecretsStoreServiceServer(conn, s)
	return secretsstorev1.NewSecretsStoreServiceClient(conn)
}

func TestACallRunsTheInterceptor(t *testing.T) {
	var log []string
	s := &store{}
	_, err := connect(s, note(&log, "before")).CreateStore(context.Background(), &secretsstorev1.CreateStoreRequest{Name: "x"})
	if err != nil {
		t.Fatal(err)
	}
	if len(log) != 1 || log[0] != "before "+secretsstorev1.SecretsStoreService_CreateStore_FullMethodName || s.last.GetName() != "x" {
		t.Errorf("got %q, and the handler %v", log, s.last)
	}
}

func TestMetadataAndHeadersCrossAsOverTheNetwork(t *testing.T) {
	s := &store{}
	type key struct{}
	ctx := metadata.AppendToOutgoingContext(context.WithValue(context.Background(), key{}, "v"), "sent", "s")
	var header, trailer metadata.MD
	if _, err := connect(s, nil).CreateStore(ctx, &secretsstorev1.CreateStoreRequest{Name: "x"}, grpc.Header(&header), grpc.Trailer(&trailer)); err != nil {
		t.Fatal(err)
	}
	in, _ := metadata.FromIncomingContext(s.seen)
	if out, _ := metadata.FromOutgoingContext(s.seen); len(out) > 0 {
		t.Errorf("the handler would send on %v", out)
	}
	if in.Get("sent")[0] != "s" || s.seen.Value(key{}) != "v" || !inproc.IsInProcess(s.seen) {
		t.Errorf("the handler saw %v", in)
	}
	if header.Get("h")[0] != "1" || trailer.Get("t")[0] != "2" {
		t.Errorf("the client saw %v %v", header, trailer)
	}
	if inproc.IsInProcess(context.Background()) {
		t.Error("a call from elsewhere counts as carried")
	}
}

func TestHeadersOfAFailedCallArrive(t *testing.T) {
	var header metadata.MD
	_, err := connect(&store{}, nil).CreateStore(context.Background(), &secretsstorev1.CreateStoreRequest{}, grpc.Header(&header))
	if err == nil || len(header.Get("h")) != 1 {
		t.Errorf("got %v, %v", err, header)
	}
}

func TestTheHandlerHasARequestOfItsOwn(t *testing.T) {
	s := &store{}
	request := &secretsstorev1.CreateStoreRequest{Name: "x"}
	if _, err := connect(s, nil).CreateStore(context.Background(), request); err != nil {
		t.Fatal(err)
	}
	if request.Name = "changed"; s.last.GetName() != "x" {
		t.Error("a change of the client's request shows in the handler's")
	}
}

func TestTheAnswerIsHandedOverWhole(t *testing.T) {
	s := &store{}
	answer, err := connect(s, nil).CreateStore(context.Background(), &secretsstorev1.CreateStoreRequest{Name: "x"})
	if err != nil || answer.GetStore() != s.kept {
		t.Errorf("got %v, %v", answer, err)
	}
}

func TestAMessageOfAnotherTypeIsRefused(t *testing.T) {
	conn := inproc.NewChannel(nil)
	secretsstorev1.RegisterSecretsStoreServiceServer(conn, &store{})
	const method = secretsstorev1.SecretsStoreService_CreateStore_FullMethodName
	if err := conn.Invoke(context.Background(), method, &secretsstorev1.GetQuotaRequest{}, &secretsstorev1.CreateStoreResponse{}); err == nil {
		t.Error("a request of another type passes")
	}
	if err := conn.Invoke(context.Background(), method, &secretsstorev1.CreateStoreRequest{Name: "x"}, &secretsstorev1.GetQuotaResponse{}); err == nil {
		t.Error("an answer of another type passes")
	}
}

func TestWhatIsNotThereIsUnimplemented(t *testing.T) {
	conn := inproc.NewChannel(nil)
	err := conn.Invoke(context.Background(), "/nobody/Knows", &secretsstorev1.GetQuotaRequest{}, &secretsstorev1.GetQuotaResponse{})
	_, streamErr := conn.NewStream(context.Background(), nil, "/nobody/Knows")
	if status.Code(err) != codes.Unimplemented || status.Code(streamErr) != codes.Unimplemented {
		t.Errorf("got %v, %v", err, streamErr)
	}
}
