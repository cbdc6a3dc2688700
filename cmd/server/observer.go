package main

import (
	"context"
	"errors"
	"net/http"
	"time"

	"go.opentelemetry.io/otel/attribute"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/zap"
	"google.golang.org/protobuf/reflect/protoreflect"

	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/spending"
	"platform.internal/storekeeper/internal/telemetry"
	"platform.internal/storekeeper/internal/tracing"
	"platform.internal/storekeeper/internal/upstream"
)

// observer reports the requests of the upstream client to log and metrics.
type observer struct {
	log     *zap.Logger
	metrics *telemetry.Metrics
}

// hooks returns the callbacks and the call timeout of the upstream client.
func (o observer) hooks(timeout time.Duration) upstream.Config {
	return upstream.Config{Timeout: timeout, Observe: o.attempt, OnCredential: o.credential}
}

// attempt records one request to Cloudflare in its call.
func (o observer) attempt(ctx context.Context, a upstream.Attempt) {
	if a.Err != nil {
		o.metrics.CountUpstreamError(a.Operation, fault.From(a.Err).Reason)
	}
	call := telemetry.CallFrom(ctx)
	o.metrics.ObserveUpstream(a.Operation, a.Status, a.Duration, call.Exemplar())
	call.AddUpstream(a.Duration, a.Ray)
	spanOf(ctx, a).End(a.Err)
}

// spanOf is the span of one request to Cloudflare.
func spanOf(ctx context.Context, a upstream.Attempt) tracing.Span {
	if !tracing.Of(ctx).Recorded() {
		return tracing.Span{}
	}
	method, template := upstream.Route(a.Operation)
	return tracing.Ended(ctx, method+" "+template, a.Duration, trace.SpanKindClient, func() []attribute.KeyValue {
		list := []attribute.KeyValue{
			tracing.OperationKey.String(a.Operation), semconv.HTTPRequestMethodKey.String(method), semconv.URLTemplate(template),
		}
		if a.Status != 0 {
			list = append(list, semconv.HTTPResponseStatusCode(a.Status))
		}
		if telemetry.IsRay(a.Ray) {
			list = append(list, tracing.RayKey.StringSlice([]string{a.Ray}))
		}
		return list
	})
}

// waited records a wait for a permit in the call that waited.
func (o observer) waited(ctx context.Context, w spending.Wait) {
	call := telemetry.CallFrom(ctx)
	call.AddWait(w.Took)
	tracing.Ended(ctx, "budget.wait", w.Took, trace.SpanKindInternal, func() []attribute.KeyValue {
		return []attribute.KeyValue{tracing.CredentialKey.String(w.Credential)}
	}).End(w.Err)
	o.metrics.ObservePermit(telemetry.Permit{Credential: w.Credential, Tenant: w.Tenant, Wait: w.Took, Err: w.Err, Exemplar: call.Exemplar()})
}

// commit records a commit of the store.
func (o observer) commit(ctx context.Context, took time.Duration, err error) {
	o.metrics.ObserveCommit(took, storeFailure(err), telemetry.CallFrom(ctx).Exemplar())
}

// storeFailure returns the error of a commit if the store failed, and nil if the
// commit was decided against.
func storeFailure(err error) error {
	if f, ok := errors.AsType[*fault.Error](err); ok && f.Kind == fault.Unavailable {
		return err
	}
	return nil
}

// credential logs the result of a changed credential.
func (o observer) credential(e upstream.CredentialEvent) {
	if e.Err != nil {
		o.log.Error("the changed platform credential is not in use; the one before is", zap.String("account", e.Account), zap.Error(e.Err))
		return
	}
	o.log.Info("the changed platform credential is in use", zap.String("account", e.Account))
}

// methodsOf lists the full names of all methods, which get their own label
// values in metrics.
func methodsOf(services []protoreflect.ServiceDescriptor) []string {
	var names []string
	for _, s := range services {
		for i := range s.Methods().Len() {
			names = append(names, "/"+string(s.FullName())+"/"+string(s.Methods().Get(i).Name()))
		}
	}
	return names
}

// upstreamOperations lists the names of Cloudflare's operations.
func upstreamOperations() []string { return upstream.Operations() }

// logUnrouted returns a function that logs requests that reach no RPC.
func logUnrouted(log *zap.Logger) func(*http.Request, string, int) {
	return func(r *http.Request, id string, status int) {
		if status >= http.StatusInternalServerError {
			log.Error("the gateway panicked", zap.String("request_id", id), zap.String("http_method", r.Method), zap.String("peer", r.RemoteAddr), zap.StackSkip("stack", 1))
			return
		}
		log.Info("no route", zap.String("request_id", id), zap.String("http_method", r.Method), zap.Int("status", status), zap.String("peer", r.RemoteAddr))
	}
}
