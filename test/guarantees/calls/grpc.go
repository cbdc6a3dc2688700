package calls

import (
	"context"
	"strconv"
	"strings"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	secretsstorev1 "platform.internal/storekeeper/gen/secretsstore/v1"
)

// GRPC makes calls over gRPC.
type GRPC struct {
	// Conn is asked before each call for the connection to the replica.
	Conn func() *grpc.ClientConn
	// Key is the caller's API key.
	Key string
	// Place is the store of the secrets.
	Place Place
}

var _ Client = GRPC{}

// Create makes one secret. The key goes into the request.
func (c GRPC) Create(ctx context.Context, m Mark, name string, w Write) Answer {
	key := m.Key
	m.Key = ""
	return called(ctx, c, m, func(ctx context.Context, api api, o ...grpc.CallOption) ([]*secretsstorev1.Secret, error) {
		answer, err := api.CreateSecrets(ctx, &secretsstorev1.CreateSecretsRequest{
			AccountId: c.Place.Account, StoreId: c.Place.Store, RequestId: key,
			Secrets: []*secretsstorev1.NewSecret{{Name: name, Value: w.Value, Scopes: scopesOf(w.Scopes), Comment: &w.Comment}},
		}, o...)
		return answer.GetSecrets(), err
	})
}

// Get reads one secret.
func (c GRPC) Get(ctx context.Context, m Mark, id string) Answer {
	return called(ctx, c, m, func(ctx context.Context, api api, o ...grpc.CallOption) ([]*secretsstorev1.Secret, error) {
		answer, err := api.GetSecret(ctx, &secretsstorev1.GetSecretRequest{AccountId: c.Place.Account, StoreId: c.Place.Store, SecretId: id}, o...)
		return one(answer.GetSecret()), err
	})
}

// List reads up to 100 secrets.
func (c GRPC) List(ctx context.Context, m Mark, search string) Answer {
	return called(ctx, c, m, func(ctx context.Context, api api, o ...grpc.CallOption) ([]*secretsstorev1.Secret, error) {
		answer, err := api.ListSecrets(ctx, &secretsstorev1.ListSecretsRequest{
			AccountId: c.Place.Account, StoreId: c.Place.Store, PerPage: 100, Search: search,
		}, o...)
		return answer.GetSecrets(), err
	})
}

// Update changes a secret. The key goes into the metadata.
func (c GRPC) Update(ctx context.Context, m Mark, id string, w Write) Answer {
	q := &secretsstorev1.UpdateSecretRequest{
		AccountId: c.Place.Account, StoreId: c.Place.Store, SecretId: id, Scopes: scopesOf(w.Scopes),
	}
	if w.Value != "" {
		q.Value = &w.Value
	}
	if w.Comment != "" {
		q.Comment = &w.Comment
	}
	return called(ctx, c, m, func(ctx context.Context, api api, o ...grpc.CallOption) ([]*secretsstorev1.Secret, error) {
		answer, err := api.UpdateSecret(ctx, q, o...)
		return one(answer.GetSecret()), err
	})
}

// Duplicate copies a secret under another name. The key goes into the metadata.
func (c GRPC) Duplicate(ctx context.Context, m Mark, id, name string) Answer {
	return called(ctx, c, m, func(ctx context.Context, api api, o ...grpc.CallOption) ([]*secretsstorev1.Secret, error) {
		answer, err := api.DuplicateSecret(ctx, &secretsstorev1.DuplicateSecretRequest{
			AccountId: c.Place.Account, StoreId: c.Place.Store, SecretId: id, Name: name, Scopes: []string{"workers"},
		}, o...)
		return one(answer.GetSecret()), err
	})
}

// Delete deletes a secret. The key goes into the metadata.
func (c GRPC) Delete(ctx context.Context, m Mark, id string) Answer {
	return called(ctx, c, m, func(ctx context.Context, api api, o ...grpc.CallOption) ([]*secretsstorev1.Secret, error) {
		_, err := api.DeleteSecret(ctx, &secretsstorev1.DeleteSecretRequest{AccountId: c.Place.Account, StoreId: c.Place.Store, SecretId: id}, o...)
		return nil, err
	})
}

type api = secretsstorev1.SecretsStoreServiceClient

func one(s *secretsstorev1.Secret) []*secretsstorev1.Secret {
	if s == nil {
		return nil
	}
	return []*secretsstorev1.Secret{s}
}

type method func(ctx context.Context, api api, o ...grpc.CallOption) ([]*secretsstorev1.Secret, error)

// called makes a call with the settings of its mark.
func called(ctx context.Context, c GRPC, m Mark, call method) Answer {
	md := metadata.Pairs("authorization", "Bearer "+c.Key)
	if m.Key != "" {
		md.Set("idempotency-key", m.Key)
	}
	if m.Fresh {
		md.Set("cache-control", "no-cache")
	}
	var header, trailer metadata.MD
	secrets, err := call(metadata.NewOutgoingContext(ctx, md), secretsstorev1.NewSecretsStoreServiceClient(c.Conn()),
		grpc.Header(&header), grpc.Trailer(&trailer))
	said := metadata.Join(header, trailer)
	a := Answer{
		Verdict: Done, Said: "OK",
		Replayed: strings.Join(said.Get("idempotent-replayed"), "") == "true",
		Stale:    strings.Contains(strings.Join(said.Get("cache-status"), ""), "stale"),
	}
	if seconds, err := strconv.Atoi(strings.Join(said.Get("age"), "")); err == nil {
		a.Age = time.Duration(seconds) * time.Second
	}
	if err != nil {
		a.fail(err)
		return a
	}
	for _, s := range secrets {
		a.Secrets = append(a.Secrets, Secret{ID: s.GetId(), Name: s.GetName(), Comment: s.GetComment(), Scopes: joined(s.GetScopes())})
	}
	return a
}

// fail reads a failure.
func (a *Answer) fail(err error) {
	s := status.Convert(err)
	a.Said = s.Code().String() + " " + s.Message()
	reason := ""
	for _, detail := range s.Details() {
		switch d := detail.(type) {
		case *errdetails.ErrorInfo:
			reason = d.GetReason()
		case *errdetails.RetryInfo:
			a.RetryAfter = d.GetRetryDelay().AsDuration().Round(time.Millisecond)
		}
	}
	a.Said += " " + reason
	switch {
	case s.Code() == codes.NotFound && reason == "SECRET_NOT_FOUND":
		a.Verdict = Missing
	case s.Code() == codes.AlreadyExists:
		a.Verdict = Taken
	case s.Code() == codes.FailedPrecondition:
		a.Verdict = Full
	case s.Code() == codes.ResourceExhausted, s.Code() == codes.Unavailable && reason != "":
		a.Verdict = Later
	case s.Code() == codes.Unavailable && strings.HasPrefix(s.Message(), "connection error"):
		// gRPC's message for a failed connection.
		a.Verdict = Unsent
	case s.Code() == codes.Unavailable, s.Code() == codes.DeadlineExceeded, s.Code() == codes.Internal,
		s.Code() == codes.Unknown, s.Code() == codes.Canceled, s.Code() == codes.Aborted:
		a.Verdict = Lost
	default:
		a.Verdict = Wrong
	}
}
