package server

import (
	"context"
	"errors"
	"maps"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/protoadapt"
	"google.golang.org/protobuf/types/known/durationpb"

	secretsstorev1 "platform.internal/storekeeper/gen/secretsstore/v1"
	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/inproc"
	"platform.internal/storekeeper/internal/telemetry"
)

// Domain is the domain of every ErrorInfo.
const Domain = fault.Domain

// codesByKind maps each kind of fault to its gRPC code.
var codesByKind = map[fault.Kind]codes.Code{
	fault.Internal:        codes.Internal,
	fault.BadInput:        codes.InvalidArgument,
	fault.TooLarge:        codes.InvalidArgument,
	fault.NotFound:        codes.NotFound,
	fault.NameTaken:       codes.AlreadyExists,
	fault.LimitReached:    codes.FailedPrecondition,
	fault.NotEmpty:        codes.FailedPrecondition,
	fault.Precondition:    codes.FailedPrecondition,
	fault.Unauthenticated: codes.Unauthenticated,
	fault.Denied:          codes.PermissionDenied,
	fault.KeyReused:       codes.InvalidArgument,
	fault.Throttled:       codes.ResourceExhausted,
	fault.Unavailable:     codes.Unavailable,
	fault.Deadline:        codes.DeadlineExceeded,
	fault.Canceled:        codes.Canceled,
	fault.Upstream:        codes.Internal,
	fault.Unimplemented:   codes.Unimplemented,
}

// kindsByCode maps the codes of gRPC's own statuses to kinds of fault, for the log. Any other code
// is a bug of Storekeeper.
var kindsByCode = map[codes.Code]fault.Kind{
	codes.InvalidArgument:   fault.BadInput,
	codes.NotFound:          fault.NotFound,
	codes.ResourceExhausted: fault.TooLarge,
	codes.Unimplemented:     fault.Unimplemented,
	codes.Unauthenticated:   fault.Unauthenticated,
	codes.PermissionDenied:  fault.Denied,
	codes.Unavailable:       fault.Unavailable,
	codes.DeadlineExceeded:  fault.Deadline,
	codes.Canceled:          fault.Canceled,
}

// helpByKind links to a page about a kind of fault.
var helpByKind = map[fault.Kind]*errdetails.Help_Link{
	fault.BadInput:     {Description: "The Secrets Store API", Url: "https://developers.cloudflare.com/api/resources/secrets_store/"},
	fault.LimitReached: {Description: "Limits of Secrets Store", Url: "https://developers.cloudflare.com/secrets-store/manage-secrets/"},
	fault.Throttled:    {Description: "Rate limits of the Cloudflare API", Url: "https://developers.cloudflare.com/fundamentals/api/reference/limits/"},
}

// faultToStatus converts errors to gRPC statuses, and is the only place that does. It also converts
// a panic of an interceptor. The private cause goes to the log only.
func faultToStatus(metrics *telemetry.Metrics) grpc.UnaryServerInterceptor {
	return func(ctx context.Context, req any, _ *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
		answer, err := guarded(ctx, req, metrics, next)
		if err != nil {
			return nil, toStatus(ctx, err)
		}
		return answer, nil
	}
}

func toStatus(ctx context.Context, err error) error {
	// Health, reflection and unknown methods return a gRPC status, which holds no private text.
	if _, ok := errors.AsType[*fault.Error](err); !ok {
		if st, isStatus := status.FromError(err); isStatus {
			auditFrom(ctx).failure = fault.New(kindsByCode[st.Code()], fault.ReasonGRPCStatus, st.Message())
			return st.Err()
		}
	}
	f := fault.From(err)
	auditFrom(ctx).failure = f
	if !inproc.IsInProcess(ctx) {
		f = forHeader(f)
	}
	return statusOf(f).Err()
}

func statusOf(f *fault.Error) *status.Status {
	st := status.New(codesByKind[f.Kind], f.Public)
	withDetails, err := st.WithDetails(detailsOf(f)...)
	if err != nil {
		return st
	}
	return withDetails
}

func detailsOf(f *fault.Error) []protoadapt.MessageV1 {
	info := &errdetails.ErrorInfo{Reason: f.Reason, Domain: Domain, Metadata: maps.Clone(f.Facts)}
	if f.Detail != "" {
		if info.Metadata == nil {
			info.Metadata = map[string]string{}
		}
		info.Metadata["detail"] = f.Detail
	}
	details := []protoadapt.MessageV1{info}
	if len(f.Fields) > 0 {
		details = append(details, badRequest(f.Fields))
	}
	if f.RetryAfter > 0 {
		details = append(details, &errdetails.RetryInfo{RetryDelay: durationpb.New(f.RetryAfter)})
	}
	if link := helpByKind[f.Kind]; link != nil {
		details = append(details, &errdetails.Help{Links: []*errdetails.Help_Link{link}})
	}
	for _, n := range f.Notices {
		details = append(details, protoadapt.MessageV1Of(notice(n)))
	}
	for _, n := range f.Errors {
		said := notice(n)
		details = append(details, protoadapt.MessageV1Of(&secretsstorev1.UpstreamError{
			Code: said.Code, Message: said.GetMessage(), DocumentationUrl: said.GetDocumentationUrl(), Source: said.GetSource(),
		}))
	}
	return details
}

func badRequest(fields []fault.Field) *errdetails.BadRequest {
	out := &errdetails.BadRequest{}
	for _, f := range fields {
		path := f.Path
		if path == "" {
			path = f.Pointer
		}
		out.FieldViolations = append(out.FieldViolations, &errdetails.BadRequest_FieldViolation{
			Field: path, Description: f.Text, Reason: f.Reason,
		})
	}
	return out
}

func notice(n fault.Notice) *secretsstorev1.Notice {
	out := &secretsstorev1.Notice{Message: n.Text, DocumentationUrl: n.DocumentationURL}
	if n.Pointer != "" {
		out.Source = &secretsstorev1.NoticeSource{Pointer: n.Pointer}
	}
	if n.Code != 0 {
		out.Code = proto.Int32(n.Code)
	}
	return out
}
