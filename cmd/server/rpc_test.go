package main

import (
	"context"
	"strings"
	"testing"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	secretsstorev1 "platform.internal/storekeeper/gen/secretsstore/v1"
)

// connect makes the clients of a program that serves.
func (p *program) connect() {
	p.t.Helper()
	p.http = newClient(newCheckedTransport(p.t, p.rest))
	p.conn = dial(p.t, p.grpc)
}

func dial(t testing.TB, address string) *grpc.ClientConn {
	t.Helper()
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// ruling is the result of a gRPC call.
type ruling struct {
	answer  proto.Message
	header  metadata.MD
	trailer metadata.MD
	err     error

	code    codes.Code
	info    *errdetails.ErrorInfo
	fields  []*errdetails.BadRequest_FieldViolation
	retry   *errdetails.RetryInfo
	notices []*secretsstorev1.Notice
}

// asCaller returns a context with the caller's credential.
func asCaller(ctx context.Context) context.Context {
	return metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+callerKey)
}

// methodNamed finds an RPC by its short name, or by its service and name as in
// "SelfService/WhoAmI".
func methodNamed(t testing.TB, name string) protoreflect.MethodDescriptor {
	t.Helper()
	service, method, qualified := strings.Cut(name, "/")
	for _, s := range services() {
		if !qualified {
			method = name
		} else if string(s.Name()) != service {
			continue
		}
		if m := s.Methods().ByName(protoreflect.Name(method)); m != nil {
			return m
		}
	}
	t.Fatalf("there is no RPC %s", name)
	return nil
}

func messageFor(t testing.TB, d protoreflect.MessageDescriptor) proto.Message {
	t.Helper()
	kind, err := protoregistry.GlobalTypes.FindMessageByName(d.FullName())
	if err != nil {
		t.Fatal(err)
	}
	return kind.New().Interface()
}

// call runs an RPC with a request written as proto JSON.
func (p *program) call(ctx context.Context, rpc, request string) ruling {
	p.t.Helper()
	in := messageFor(p.t, methodNamed(p.t, rpc).Input())
	if err := protojson.Unmarshal([]byte(request), in); err != nil {
		p.t.Fatalf("%s: %v", request, err)
	}
	return p.send(ctx, rpc, in)
}

// send runs an RPC as the caller.
func (p *program) send(ctx context.Context, rpc string, in proto.Message, options ...grpc.CallOption) ruling {
	p.t.Helper()
	return p.invoke(asCaller(ctx), rpc, in, options...)
}

// invoke runs an RPC with the metadata of a context.
func (p *program) invoke(ctx context.Context, rpc string, in proto.Message, options ...grpc.CallOption) ruling {
	p.t.Helper()
	m := methodNamed(p.t, rpc)
	r := ruling{answer: messageFor(p.t, m.Output())}
	name := "/" + string(m.Parent().FullName()) + "/" + string(m.Name())
	options = append(options, grpc.Header(&r.header), grpc.Trailer(&r.trailer))
	r.err = p.conn.Invoke(ctx, name, in, r.answer, options...)
	r.takeApart()
	return r
}

func (r *ruling) takeApart() {
	s := status.Convert(r.err)
	r.code = s.Code()
	for _, detail := range s.Details() {
		switch d := detail.(type) {
		case *errdetails.ErrorInfo:
			r.info = d
		case *errdetails.BadRequest:
			r.fields = d.GetFieldViolations()
		case *errdetails.RetryInfo:
			r.retry = d
		case *secretsstorev1.Notice:
			r.notices = append(r.notices, d)
		}
	}
}

// headers are the header and the trailer: an answer that fails at once has
// only the latter.
func (r *ruling) headers() metadata.MD { return metadata.Join(r.header, r.trailer) }

// blamed are the fields of a refusal as "path: text".
func (r *ruling) blamed() []string {
	var list []string
	for _, f := range r.fields {
		list = append(list, f.GetField()+": "+f.GetDescription())
	}
	return list
}
