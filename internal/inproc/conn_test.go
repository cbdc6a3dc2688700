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

const method = secretsstorev1.SecretsStoreService_CreateStore_FullMethodName

func connect(s *store, interceptor grpc.UnaryServerInterceptor) *inproc.Channel {
	conn := inproc.NewChannel(interceptor)
	secretsstorev1.RegisterSecretsStoreServiceServer(conn, s)
	return conn
}

// named fills in a request.
func named(name string) func(any) error {
	return func(request any) error {
		r, is := request.(*secretsstorev1.CreateStoreRequest)
		if !is {
			return errors.New("the request has another type")
		}
		r.Name = name
		return nil
	}
}

func TestACallRunsTheInterceptor(t *testing.T) {
	var log []string
	s := &store{}
	_, _, err := connect(s, note(&log, "before")).Call(context.Background(), method, nil, named("x"))
	if err != nil {
		t.Fatal(err)
	}
	if len(log) != 1 || log[0] != "before "+method || s.last.GetName() != "x" {
		t.Errorf("got %q, and the handler %v", log, s.last)
	}
}

func TestMetadataAndHeadersCrossAsOverTheNetwork(t *testing.T) {
	s := &store{}
	type key struct{}
	ctx := context.WithValue(context.Background(), key{}, "v")
	_, header, err := connect(s, nil).Call(ctx, method, metadata.Pairs("sent", "s"), named("x"))
	if err != nil {
		t.Fatal(err)
	}
	in, _ := metadata.FromIncomingContext(s.seen)
	if out, _ := metadata.FromOutgoingContext(s.seen); len(out) > 0 {
		t.Errorf("the handler would send on %v", out)
	}
	if in.Get("sent")[0] != "s" || s.seen.Value(key{}) != "v" || !inproc.IsInProcess(s.seen) {
		t.Errorf("the handler saw %v", in)
	}
	if header.Get("h")[0] != "1" {
		t.Errorf("the caller saw %v", header)
	}
	if inproc.IsInProcess(context.Background()) {
		t.Error("a call from elsewhere counts as carried")
	}
}

func TestHeadersOfAFailedCallArrive(t *testing.T) {
	_, header, err := connect(&store{}, nil).Call(context.Background(), method, nil, named(""))
	if err == nil || len(header.Get("h")) != 1 {
		t.Errorf("got %v, %v", err, header)
	}
}

func TestTheAnswerIsHandedOverAsItIs(t *testing.T) {
	s := &store{}
	answer, _, err := connect(s, nil).Call(context.Background(), method, nil, named("x"))
	made, is := answer.(*secretsstorev1.CreateStoreResponse)
	if err != nil || !is || made.GetStore() != s.kept {
		t.Errorf("got %v, %v", answer, err)
	}
}

func TestARequestThatIsNotFilledInReachesNobody(t *testing.T) {
	var log []string
	s, unfit := &store{}, errors.New("unfit")
	_, _, err := connect(s, note(&log, "before")).Call(context.Background(), method, nil, func(any) error { return unfit })
	if !errors.Is(err, unfit) || s.last != nil || len(log) > 0 {
		t.Errorf("got %v, %v, %q", err, s.last, log)
	}
}

func TestWhatIsNotThereIsUnimplemented(t *testing.T) {
	_, _, err := inproc.NewChannel(nil).Call(context.Background(), "/nobody/Knows", nil, named("x"))
	if status.Code(err) != codes.Unimplemented {
		t.Errorf("got %v", err)
	}
}
