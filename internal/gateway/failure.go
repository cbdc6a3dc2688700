package gateway

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	secretsstorev1 "platform.internal/storekeeper/gen/secretsstore/v1"
	identityv1 "platform.internal/storekeeper/gen/storekeeper/identity/v1"
	"platform.internal/storekeeper/internal/fault"
)

// restError is the REST form of a fault.
type restError struct {
	status int
	code   int32
	// message is Cloudflare's fixed text. If empty, the machine word is used.
	message string
	// noRetry tells the SDKs not to retry the call, which they would do with this status.
	noRetry bool
	// appendText appends the fault's sentence to the machine word, for faults without a word at
	// Cloudflare.
	appendText bool
	// textInMessages adds the sentence to "messages", for faults whose fixed error text does not
	// explain the correction.
	textInMessages bool
}

// statusCanceled is nginx's status for a client that closed the connection. No client receives it.
const statusCanceled = 499

// errorsByCode maps gRPC codes to REST errors.
var errorsByCode = map[codes.Code]restError{
	codes.InvalidArgument:    {status: http.StatusBadRequest, code: 1001},
	codes.NotFound:           {status: http.StatusNotFound, code: 1001},
	codes.AlreadyExists:      {status: http.StatusBadRequest, code: 1003},
	codes.FailedPrecondition: {status: http.StatusBadRequest, code: 1003},
	codes.Unauthenticated:    {status: http.StatusUnauthorized, code: 10000, message: "Authentication error"},
	codes.PermissionDenied:   {status: http.StatusForbidden, code: 9109, message: "Unauthorized to access requested resource"},
	codes.ResourceExhausted:  {status: http.StatusTooManyRequests, code: 971, appendText: true},
	codes.Unavailable:        {status: http.StatusServiceUnavailable, code: 1000, appendText: true},
	codes.DeadlineExceeded:   {status: http.StatusGatewayTimeout, code: 1000, appendText: true},
	codes.Canceled:           {status: statusCanceled, code: 1000, appendText: true},
	codes.Unimplemented:      {status: http.StatusNotImplemented, code: 1000, appendText: true},
}

// upstreamPrefix begins the reasons of faults that Cloudflare caused.
const upstreamPrefix = "UPSTREAM_"

// errorsByReason maps the reasons whose REST error differs from the error of their code.
var errorsByReason = map[string]restError{
	fault.ReasonStoreNotEmpty:              {status: http.StatusConflict, code: 1003, noRetry: true},
	fault.ReasonRequestTooLarge:            {status: http.StatusRequestEntityTooLarge, code: 1001, textInMessages: true},
	fault.ReasonBodyTooSlow:                {status: http.StatusRequestTimeout, code: 1001, appendText: true},
	fault.ReasonContentEncodingUnsupported: {status: http.StatusUnsupportedMediaType, code: 1001, appendText: true},
	fault.ReasonIdempotencyKeyReused:       {status: http.StatusUnprocessableEntity, code: 1001, appendText: true},
}

// authErrorsByMethod maps methods to Cloudflare's answer to an invalid credential, for endpoints
// about the credential's owner with a different answer. Wrangler retries these endpoints after code
// 10000 and fails with a stack trace.
var authErrorsByMethod = map[string]restError{
	identityv1.IdentityService_VerifyToken_FullMethodName:  {status: http.StatusUnauthorized, code: 1000, message: "Invalid API Token"},
	identityv1.IdentityService_GetUser_FullMethodName:      {status: http.StatusUnauthorized, code: 9109, message: "Invalid access token"},
	identityv1.IdentityService_ListAccounts_FullMethodName: {status: http.StatusUnauthorized, code: 9109, message: "Invalid access token"},
}

// failure holds the parts of a gRPC status.
type failure struct {
	code           codes.Code
	text           string
	reason         string
	detail         string
	fields         []*errdetails.BadRequest_FieldViolation
	notices        []*secretsstorev1.Notice
	upstreamErrors []*secretsstorev1.Notice
	retry          time.Duration
}

func parseStatus(err error) failure {
	st := status.Convert(err)
	f := failure{code: st.Code(), text: st.Message()}
	for _, d := range st.Details() {
		switch d := d.(type) {
		case *errdetails.ErrorInfo:
			f.reason, f.detail = d.GetReason(), d.GetMetadata()["detail"]
		case *errdetails.BadRequest:
			f.fields = d.GetFieldViolations()
		case *errdetails.RetryInfo:
			f.retry = d.GetRetryDelay().AsDuration()
		case *secretsstorev1.Notice:
			f.notices = append(f.notices, d)
		case *secretsstorev1.UpstreamError:
			f.upstreamErrors = append(f.upstreamErrors, &secretsstorev1.Notice{
				Code: d.Code, Message: d.GetMessage(), DocumentationUrl: d.GetDocumentationUrl(), Source: d.GetSource(),
			})
		}
	}
	return f
}

// restError returns the REST error of a failed method.
func (f failure) restError(method string) restError {
	if s, ok := errorsByReason[f.reason]; ok {
		return s
	}
	if s, ok := authErrorsByMethod[method]; ok && f.code == codes.Unauthenticated {
		return s
	}
	s, ok := errorsByCode[f.code]
	if !ok {
		s = restError{status: http.StatusInternalServerError, code: 1000, appendText: true, noRetry: true}
		if strings.HasPrefix(f.reason, upstreamPrefix) {
			s.status = http.StatusBadGateway
		}
		// A retry determines the outcome of the change.
		s.noRetry = f.reason != fault.ReasonUpstreamAnswerLost
	}
	return s
}

// lists returns the errors and messages of the envelope. bodyRule is the body
// rule of the RPC: the part of the request that is the REST body.
func (f failure) lists(s restError, bodyRule string) (errors, messages []*secretsstorev1.Notice) {
	messages = f.notices
	said := unmatchedErrors(f.upstreamErrors)
	if s.textInMessages && len(messages) == 0 {
		messages = []*secretsstorev1.Notice{{Code: &s.code, Message: f.text}}
	}
	if len(f.fields) == 0 {
		item := &secretsstorev1.Notice{Code: &s.code, Message: f.message(s)}
		said.complete(item, strings.ToLower(f.reason))
		return append([]*secretsstorev1.Notice{item}, said...), messages
	}
	for _, v := range f.fields {
		place := locate(v.GetField(), bodyRule)
		item := &secretsstorev1.Notice{Code: &s.code, Message: strings.ToLower(v.GetReason())}
		if place.pointer != "" {
			item.Source = &secretsstorev1.NoticeSource{Pointer: place.pointer}
		}
		said.complete(item, item.GetMessage())
		errors = append(errors, item)
		// Cloudflare's own notices explain more.
		if v.GetDescription() != "" && len(f.notices) == 0 {
			messages = append(messages, &secretsstorev1.Notice{Code: proto.Int32(s.code), Message: place.path + ": " + v.GetDescription()})
		}
	}
	return append(errors, said...), messages
}

// unmatchedErrors are Cloudflare's errors that have no item in "errors" yet.
type unmatchedErrors []*secretsstorev1.Notice

// complete removes the error with a machine word and copies its documentation
// URL and source to the item of "errors" with this word.
func (u *unmatchedErrors) complete(item *secretsstorev1.Notice, word string) {
	pointer := item.GetSource().GetPointer()
	at := slices.IndexFunc(*u, func(n *secretsstorev1.Notice) bool {
		given, _, _ := strings.Cut(n.GetMessage(), ":")
		return given == word && (pointer == "" || n.GetSource().GetPointer() == "" || n.GetSource().GetPointer() == pointer)
	})
	if at < 0 {
		return
	}
	said := (*u)[at]
	*u = slices.Delete(slices.Clone(*u), at, at+1)
	item.DocumentationUrl = said.GetDocumentationUrl()
	if item.Source == nil {
		item.Source = said.GetSource()
	}
}

func (f failure) message(s restError) string {
	word := strings.ToLower(f.reason)
	switch {
	case s.message != "":
		return s.message
	case word == "":
		return f.text
	case s.appendText:
		return word + ": " + f.text
	case f.detail != "":
		return word + ": " + f.detail
	default:
		return word
	}
}
