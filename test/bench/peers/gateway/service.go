package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"

	secretsstorev1 "platform.internal/storekeeper/gen/secretsstore/v1"
)

// service hands calls on to Cloudflare.
type service struct {
	secretsstorev1.UnimplementedSecretsStoreServiceServer

	client        *http.Client
	upstream, key string
}

func newService(upstream, token string) *service {
	transport := &http.Transport{MaxIdleConnsPerHost: 256}
	return &service{client: &http.Client{Transport: transport}, upstream: upstream, key: "Bearer " + token}
}

// envelope is Cloudflare's answer.
type envelope struct {
	Result  store `json:"result"`
	Success bool  `json:"success"`
}

type store struct {
	ID       string    `json:"id"`
	Name     string    `json:"name"`
	Created  time.Time `json:"created"`
	Modified time.Time `json:"modified"`
	Account  string    `json:"account_id"`
}

func (s store) message() *secretsstorev1.Store {
	return &secretsstorev1.Store{
		Id: s.ID, Name: s.Name, AccountId: s.Account,
		Created: timestamppb.New(s.Created), Modified: timestamppb.New(s.Modified),
	}
}

// CreateStore makes a store.
func (s *service) CreateStore(ctx context.Context, r *secretsstorev1.CreateStoreRequest) (*secretsstorev1.CreateStoreResponse, error) {
	body, err := json.Marshal(map[string]string{"name": r.GetName()})
	if err != nil {
		return nil, err
	}
	made, err := s.call(ctx, http.MethodPost, "/accounts/"+r.GetAccountId()+"/secrets_store/stores", body)
	if err != nil {
		return nil, err
	}
	return &secretsstorev1.CreateStoreResponse{Store: made.message()}, nil
}

// GetStore reads a store.
func (s *service) GetStore(ctx context.Context, r *secretsstorev1.GetStoreRequest) (*secretsstorev1.GetStoreResponse, error) {
	found, err := s.call(ctx, http.MethodGet, "/accounts/"+r.GetAccountId()+"/secrets_store/stores/"+r.GetStoreId(), nil)
	if err != nil {
		return nil, err
	}
	return &secretsstorev1.GetStoreResponse{Store: found.message()}, nil
}

func (s *service) call(ctx context.Context, method, path string, body []byte) (store, error) {
	request, err := http.NewRequestWithContext(ctx, method, s.upstream+path, bytes.NewReader(body))
	if err != nil {
		return store{}, err
	}
	request.Header.Set("Authorization", s.key)
	request.Header.Set("Content-Type", "application/json")
	answer, err := s.client.Do(request)
	if err != nil {
		return store{}, err
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return store{}, err
	}
	var e envelope
	if err := json.Unmarshal(text, &e); err != nil {
		return store{}, err
	}
	if !e.Success {
		return store{}, status.Error(codes.Unknown, answer.Status)
	}
	return e.Result, nil
}
