package server_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	secretsstorev1 "platform.internal/storekeeper/gen/secretsstore/v1"
	"platform.internal/storekeeper/internal/authn"
	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/server"
	"platform.internal/storekeeper/internal/server/servertest"
	"platform.internal/storekeeper/internal/telemetry"
)

// failing is the service with a quota that fails.
type failing struct {
	secretsstorev1.SecretsStoreServiceServer

	fail func() error
}

func (f failing) GetQuota(context.Context, *secretsstorev1.GetQuotaRequest) (*secretsstorev1.GetQuotaResponse, error) {
	return nil, f.fail()
}

// broken is a gate whose quota fails, with the log.
func broken(t *testing.T, fail func() error) (*servertest.Gate, *bytes.Buffer) {
	t.Helper()
	var lines bytes.Buffer
	log, err := telemetry.NewLogger("debug", "json", &lines)
	if err != nil {
		t.Fatal(err)
	}
	return servertest.Start(t, servertest.Config{
		Log: log, Rules: rules, Callers: []authn.Principal{root},
		Secrets: func(whole secretsstorev1.SecretsStoreServiceServer) secretsstorev1.SecretsStoreServiceServer {
			return failing{whole, fail}
		},
	}), &lines
}

func quota(t *testing.T, client servertest.Client) *status.Status {
	t.Helper()
	_, err := client.GetQuota(within(t), &secretsstorev1.GetQuotaRequest{AccountId: main})
	return status.Convert(err)
}

// The column "gRPC" of the table of faults in the contract.
func TestEachKindOfFaultHasItsCode(t *testing.T) {
	var err error
	gate, _ := broken(t, func() error { return err })
	clients := map[string]servertest.Client{"rest": gate.As(root), "grpc": servertest.Over(gate.Listen(t), root.Name)}
	for kind, want := range map[fault.Kind]codes.Code{
		fault.Internal: codes.Internal, fault.BadInput: codes.InvalidArgument, fault.TooLarge: codes.InvalidArgument,
		fault.NotFound: codes.NotFound, fault.NameTaken: codes.AlreadyExists, fault.LimitReached: codes.FailedPrecondition,
		fault.NotEmpty: codes.FailedPrecondition, fault.Unauthenticated: codes.Unauthenticated, fault.Denied: codes.PermissionDenied,
		fault.KeyReused: codes.InvalidArgument, fault.Throttled: codes.ResourceExhausted, fault.Unavailable: codes.Unavailable,
		fault.Deadline: codes.DeadlineExceeded, fault.Canceled: codes.Canceled, fault.Upstream: codes.Internal,
		fault.Unimplemented: codes.Unimplemented,
	} {
		err = fault.New(kind, "SOME_REASON", "Said to the caller.").Because(errors.New("kept from the caller"))
		for protocol, client := range clients {
			got := quota(t, client)
			if got.Code() != want || got.Message() != "Said to the caller." || reason(got.Err()) != "SOME_REASON" {
				t.Errorf("%s: kind %d is %v", protocol, kind, got)
			}
			if strings.Contains(fmt.Sprint(got.Proto()), "kept from") {
				t.Errorf("%s: kind %d tells its cause: %v", protocol, kind, got.Proto())
			}
		}
	}
}

func TestAFaultIsToldWhole(t *testing.T) {
	gate, _ := broken(t, func() error {
		f := fault.Invalid(fault.Field{Path: "secrets[1].name", Reason: "SECRET_NAME_EMPTY", Text: "must not be empty"}, fault.Field{Pointer: "/x", Reason: "X"})
		f.Detail, f.RetryAfter = "max 100", 1500*time.Millisecond
		f.Notices = []fault.Notice{{Code: 1234, Text: "a notice"}, {Text: "without a code"}}
		return f
	})
	seen := map[string]bool{}
	for _, detail := range quota(t, gate.As(root)).Details() {
		switch d := detail.(type) {
		case *errdetails.ErrorInfo:
			seen["info"] = d.GetReason() == "SECRET_NAME_EMPTY" && d.GetDomain() == server.Domain && d.GetMetadata()["detail"] == "max 100"
		case *errdetails.BadRequest:
			v := d.GetFieldViolations()
			seen["fields"] = len(v) == 2 && v[0].GetField() == "secrets[1].name" && v[0].GetDescription() == "must not be empty" &&
				v[0].GetReason() == "SECRET_NAME_EMPTY" && v[1].GetField() == "/x"
		case *errdetails.RetryInfo:
			seen["retry"] = d.GetRetryDelay().AsDuration() == 1500*time.Millisecond
		case *errdetails.Help:
			seen["help"] = strings.HasPrefix(d.GetLinks()[0].GetUrl(), "https://")
		case *secretsstorev1.Notice:
			seen[d.GetMessage()] = (d.Code != nil) == (d.GetMessage() == "a notice")
		}
	}
	for _, what := range []string{"info", "fields", "retry", "help", "a notice", "without a code"} {
		if !seen[what] {
			t.Errorf("%s is not told right", what)
		}
	}
}

func TestAnErrorThatNobodyCheckedStaysInTheLog(t *testing.T) {
	var err error
	gate, lines := broken(t, func() error { return err })
	for inner, want := range map[error]codes.Code{
		errors.New("inner text"):                                                      codes.Internal,
		fmt.Errorf("inner text: %w", errors.New("more inner text")):                   codes.Internal,
		fmt.Errorf("inner text: %w", fault.New(fault.NotFound, "GONE", "It is not.")): codes.NotFound,
		fmt.Errorf("inner text: %w", context.DeadlineExceeded):                        codes.DeadlineExceeded,
		fmt.Errorf("inner text: %w", context.Canceled):                                codes.Canceled,
	} {
		err = inner
		lines.Reset()
		got := quota(t, gate.As(root))
		if got.Code() != want || strings.Contains(fmt.Sprint(got.Proto()), "inner text") || reason(got.Err()) == "" {
			t.Errorf("%v is told as %v", inner, got.Proto())
		}
		if want != codes.NotFound && !strings.Contains(lines.String(), "inner text") {
			t.Errorf("%v is not in the log: %s", inner, lines)
		}
	}
}

func TestTheRequestIDIsInTheAnswerAndInTheLog(t *testing.T) {
	gate, lines := broken(t, func() error { return errors.New("x") })
	var header, trailer metadata.MD
	client := servertest.Over(gate.Listen(t), root.Name)
	_, _ = client.GetQuota(within(t), &secretsstorev1.GetQuotaRequest{AccountId: main}, grpc.Header(&header), grpc.Trailer(&trailer))
	id := metadata.Join(header, trailer).Get("x-request-id")
	if len(id) != 1 || !regexp.MustCompile(`^[0-9a-f]{32}$`).MatchString(id[0]) || !strings.Contains(lines.String(), id[0]) {
		t.Errorf("id %v, log %s", id, lines)
	}
}
