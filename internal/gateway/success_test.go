package gateway_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc/metadata"

	secretsstorev1 "platform.internal/storekeeper/gen/secretsstore/v1"
)

// Answers are written into buffers that are used again.
func TestAnswersAtTheSameTimeDoNotMix(t *testing.T) {
	t.Parallel()
	const account = "/client/v4/accounts/main/secrets_store/stores/"
	store := func(id string) *secretsstorev1.Store {
		// Each store has another length, some more than a buffer may keep.
		return &secretsstorev1.Store{Id: id, Name: strings.Repeat(id, 1+len(id)*len(id)*len(id))}
	}
	server := httptest.NewServer(serve(t, func(_ context.Context, _ string, args, reply any) (metadata.MD, error) {
		if r, ok := args.(*secretsstorev1.GetStoreRequest); ok {
			reply.(*secretsstorev1.GetStoreResponse).Store = store(r.GetStoreId())
		}
		return nil, nil
	}))
	defer server.Close()
	var callers errgroup.Group
	for caller := range 8 {
		callers.Go(func() error {
			for call := range 40 {
				id := strings.Repeat(string(rune('a'+caller)), 1+(call*7+caller)%20)
				if err := reads(t.Context(), server.URL+account+id, fmt.Sprintf(`"name":%q,`, store(id).GetName())); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := callers.Wait(); err != nil {
		t.Error(err)
	}
}

// reads requests a page and searches the answer for a text.
func reads(ctx context.Context, url, want string) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return err
	}
	r.Header.Set("Authorization", "Bearer someone")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		return err
	}
	if answer.StatusCode != http.StatusOK || answer.ContentLength != int64(len(body)) || !strings.Contains(string(body), want) || !strings.HasSuffix(string(body), `"messages":[]}`) {
		return fmt.Errorf("%s answers %d with %d bytes: %.200s", url, answer.StatusCode, answer.ContentLength, body)
	}
	return nil
}
