package upstream_test

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/upstream"
)

// canned is a transport that answers with bytes of the fuzzer's.
type canned struct {
	status int
	header http.Header
	body   []byte
}

func (c canned) RoundTrip(*http.Request) (*http.Response, error) {
	return &http.Response{
		StatusCode: c.status, Header: c.header, ContentLength: int64(len(c.body)),
		Body: io.NopCloser(bytes.NewReader(c.body)),
	}, nil
}

// FuzzAnswer decodes any response with every type of result. The outcome must be a result or a
// fault of a sensible kind, without a secret of the request.
func FuzzAnswer(f *testing.F) {
	for _, tt := range refusals {
		f.Add(tt.status, tt.body, "120")
	}
	for _, tt := range operations {
		f.Add(200, tt.answer, "")
	}
	f.Add(204, "", "")
	f.Add(200, `{"success":false,"result":null,"success":true}`, "")
	f.Add(200, `{"result":{"\u0069d":"x","id":"y"},"success":true}`, "")
	f.Add(200, `{"result":{"secrets":{"quota":1e400,"usage":-0.5}},"success":true}`, "")
	f.Add(200, `{"success":true,"result":`+strings.Repeat("[", 20000), "")
	f.Add(200, `{"result":null,"success":true,"messages":[{"code":99999999999,"message":"`+value+token+`"}]}`, "")
	f.Fuzz(func(t *testing.T, status int, body, header string) {
		config := configFor("http://example.test")
		config.Transport = canned{status: status, body: []byte(body), header: http.Header{
			"Cf-Ray": {header}, "Retry-After": {header}, "Content-Type": {cmp.Or(header, "application/json")}, "Cf-Mitigated": {header},
		}}
		client, err := upstream.New(config)
		if err != nil {
			t.Fatal(err)
		}
		for _, call := range everyResult {
			answer, err := call(t.Context(), client)
			checkOutcome(t, answer, err)
		}
	})
}

// everyResult has a call for each type of result.
var everyResult = []func(context.Context, *upstream.Client) (any, error){
	func(ctx context.Context, c *upstream.Client) (any, error) {
		a, err := c.CreateSecrets(ctx, upstream.CreateSecretsParams{Account: "main", StoreID: storeID,
			Secrets: []upstream.NewSecret{{Name: "MY_KEY", Value: value}}})
		a.Result = nil // a result may contain the sent texts
		return a, err
	},
	func(ctx context.Context, c *upstream.Client) (any, error) { return nil, remove(ctx, c) },
	func(ctx context.Context, c *upstream.Client) (any, error) { return nil, read(ctx, c) },
	func(ctx context.Context, c *upstream.Client) (any, error) {
		_, err := c.ListStores(ctx, upstream.ListStoresParams{Account: "main"})
		return nil, err
	},
	func(ctx context.Context, c *upstream.Client) (any, error) { return c.Quota(ctx, "main") },
	func(ctx context.Context, c *upstream.Client) (any, error) {
		_, err := c.VerifyToken(ctx, "main")
		return nil, err
	},
}

func checkOutcome(t *testing.T, answer any, err error) {
	t.Helper()
	text := everything(answer, err)
	if strings.Contains(text, token) || strings.Contains(text, value) && !strings.Contains(fmt.Sprint(answer), value) {
		t.Errorf("a secret comes back: %s", text)
	}
	if err == nil {
		return
	}
	f, ok := errors.AsType[*fault.Error](err)
	if !ok {
		t.Fatalf("error is %T", err)
	}
	switch f.Kind {
	case fault.Internal, fault.Unauthenticated, fault.Denied, fault.Deadline, fault.Canceled, fault.TooLarge, fault.KeyReused, fault.Unimplemented:
		t.Errorf("an answer of Cloudflare's became %+v", f)
	}
	if f.Reason == "" || f.Public == "" || f.RetryAfter < 0 {
		t.Errorf("fault = %+v", f)
	}
}
