package puts

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	storekeeperv1 "platform.internal/storekeeper/gen/storekeeper/v1"
)

// oneTry limits a call.
const oneTry = 10 * time.Second

// storeName is the name of the store.
const storeName = "store"

// Client puts secrets as one caller.
type Client struct {
	HTTP    *http.Client
	Root    func() string
	Conn    func() *grpc.ClientConn
	Key     string
	Account string
}

// Put puts one secret, or several with one call, over REST or over gRPC. It
// returns the answer to each put, or the failure.
func (c Client) Put(overREST bool, list []Put) (told []Told, failure string) {
	ctx, cancel := context.WithTimeout(context.Background(), oneTry)
	defer cancel()
	if overREST {
		return c.rest(ctx, list)
	}
	return c.grpc(ctx, list)
}

// MayRepeat reports whether a caller may repeat a call after this failure
// without reading the state.
func MayRepeat(failure string) bool {
	for _, again := range []codes.Code{codes.Unavailable, codes.DeadlineExceeded, codes.Canceled, codes.ResourceExhausted, codes.Internal} {
		if strings.HasPrefix(failure, again.String()) {
			return true
		}
	}
	return false
}

func (c Client) grpc(ctx context.Context, list []Put) ([]Told, string) {
	ctx = metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+c.Key)
	client := storekeeperv1.NewSecretServiceClient(c.Conn())
	if len(list) == 1 {
		answer, err := client.PutSecret(ctx, &storekeeperv1.PutSecretRequest{
			Account: c.Account, Store: storeName, Name: list[0].Name, Value: list[0].Value, Scopes: []string{"workers"},
		})
		if err != nil {
			return nil, status.Code(err).String() + ": " + err.Error()
		}
		return []Told{{answer.GetOutcome().String()}}, ""
	}
	r := &storekeeperv1.PutSecretsRequest{Account: c.Account, Store: storeName}
	for _, p := range list {
		r.Secrets = append(r.Secrets, &storekeeperv1.SecretPut{Name: p.Name, Value: p.Value, Scopes: []string{"workers"}})
	}
	answer, err := client.PutSecrets(ctx, r)
	if err != nil {
		return nil, status.Code(err).String() + ": " + err.Error()
	}
	told := make([]Told, len(list))
	for i, one := range answer.GetResults() {
		if one.GetError() != nil {
			return nil, codes.Code(one.GetError().GetCode()).String() + ": " + one.GetError().GetMessage()
		}
		told[i].Outcome = one.GetOutcome().String()
	}
	return told, ""
}

// secret is a secret in the JSON of a request.
type secret struct {
	Name   string   `json:"name,omitempty"`
	Value  string   `json:"value"`
	Scopes []string `json:"scopes"`
}

func (c Client) rest(ctx context.Context, list []Put) ([]Told, string) {
	path := fmt.Sprintf("%s/storekeeper/v1/accounts/%s/stores/%s/secrets", c.Root(), c.Account, storeName)
	if len(list) == 1 {
		var answer struct{ Outcome string }
		failure := c.do(ctx, http.MethodPut, path+"/"+list[0].Name, secret{Value: list[0].Value, Scopes: []string{"workers"}}, &answer)
		return []Told{{answer.Outcome}}, failure
	}
	var request struct {
		Secrets []secret `json:"secrets"`
	}
	for _, p := range list {
		request.Secrets = append(request.Secrets, secret{p.Name, p.Value, []string{"workers"}})
	}
	var answer struct {
		Results []struct {
			Outcome string
			Error   *struct {
				Code    codes.Code
				Message string
			}
		}
	}
	if failure := c.do(ctx, http.MethodPost, path+":batchPut", request, &answer); failure != "" {
		return nil, failure
	}
	told := make([]Told, len(list))
	for i, one := range answer.Results {
		if one.Error != nil {
			return nil, one.Error.Code.String() + ": " + one.Error.Message
		}
		told[i].Outcome = one.Outcome
	}
	return told, ""
}

// do sends a request, and returns why there is no answer.
func (c Client) do(ctx context.Context, method, url string, body, answer any) string {
	text, err := json.Marshal(body)
	if err != nil {
		return err.Error()
	}
	r, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(text))
	if err != nil {
		return err.Error()
	}
	r.Header.Set("Authorization", "Bearer "+c.Key)
	got, err := c.HTTP.Do(r)
	if err != nil {
		// The replica is gone, or the caller has waited long enough.
		return codes.Unavailable.String() + ": " + err.Error()
	}
	defer got.Body.Close()
	text, err = io.ReadAll(got.Body)
	switch {
	case err != nil:
		return codes.Unavailable.String() + ": " + err.Error()
	case got.StatusCode == http.StatusOK:
		if err := json.Unmarshal(text, answer); err != nil {
			return err.Error()
		}
		return ""
	}
	var failure struct {
		Code    codes.Code
		Message string
	}
	if err := json.Unmarshal(text, &failure); err != nil {
		return fmt.Sprintf("status %d: %s", got.StatusCode, text)
	}
	return failure.Code.String() + ": " + failure.Message
}
