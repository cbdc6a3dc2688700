// Package service implements the RPCs of secretsstore.v1: it converts the request, calls
// Cloudflare, and converts the answer.
//
// The package does not know the caller, the protocol, or whether the caller is authorised, which is
// decided before a call reaches the service.
package service

import (
	"context"

	"google.golang.org/protobuf/proto"

	secretsstorev1 "platform.internal/storekeeper/gen/secretsstore/v1"
	"platform.internal/storekeeper/internal/change"
	"platform.internal/storekeeper/internal/upstream"
)

// Do makes a change. Errors are faults.
type Do func(ctx context.Context, op change.Op, values change.Values) (change.Result, error)

// Service implements secretsstore.v1.SecretsStoreService. It is safe for
// concurrent use.
type Service struct {
	secretsstorev1.UnimplementedSecretsStoreServiceServer

	reader upstream.Reader
	do     Do
	own    OwnQuota
}

// OwnQuota converts the quota of an account to the quota of the caller's tenant.
type OwnQuota func(ctx context.Context, account string, q upstream.Quota) (upstream.Quota, error)

// New returns the service, which reads with r and makes changes with do. If own is nil, every
// caller sees the quota of the account.
func New(r upstream.Reader, do Do, own OwnQuota) *Service {
	if own == nil {
		own = func(_ context.Context, _ string, q upstream.Quota) (upstream.Quota, error) { return q, nil }
	}
	return &Service{reader: r, do: do, own: own}
}

// apply makes the change that a request asks for, and returns the answer.
func apply[A proto.Message](ctx context.Context, s *Service, request proto.Message, body string) (A, error) {
	var none A
	op, values, _ := Op(request)
	r, err := s.do(ctx, op, values)
	if err != nil {
		return none, blame(err, body)
	}
	answer, _ := Response(op.Kind, r).(A)
	return answer, nil
}
