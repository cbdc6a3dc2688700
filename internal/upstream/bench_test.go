package upstream_test

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"platform.internal/storekeeper/internal/upstream"
)

// The cost of the client itself, without a network.
func BenchmarkGetSecret(b *testing.B) {
	config := configFor("http://example.test")
	config.Transport = canned{status: 200, header: http.Header{"Cf-Ray": {ray}, "Content-Type": {"application/json"}}, body: []byte(success(secretJSON))}
	client, err := upstream.New(config)
	if err != nil {
		b.Fatal(err)
	}
	ctx := b.Context()
	p := upstream.SecretParams{Account: "main", StoreID: storeID, SecretID: secretID}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := client.GetSecret(ctx, p); err != nil {
			b.Fatal(err)
		}
	}
}

// batchOf returns a request for n new secrets and Cloudflare's response.
func batchOf(n int) (upstream.CreateSecretsParams, string) {
	p := upstream.CreateSecretsParams{Account: "main", StoreID: storeID}
	made := make([]string, n)
	for i := range n {
		p.Secrets = append(p.Secrets, upstream.NewSecret{
			Name: fmt.Sprintf("MY_KEY_%03d", i), Value: upstream.Value(fmt.Sprintf("a value of some length %03d", i)), Scopes: []string{"workers"},
		})
		made[i] = fmt.Sprintf(`{"id":"%032x","store_id":"%s","name":"MY_KEY_%03d","comment":null,"scopes":["workers"],`+
			`"created":"2026-03-04T05:06:07.000000Z","modified":"2026-03-04T05:06:07.000000Z","status":"active"}`, i, storeID, i)
	}
	return p, success("[" + strings.Join(made, ",") + "]")
}

// The cost of a call: the client alone, and with net/http as client and server over a connection.
func BenchmarkChanges(b *testing.B) {
	one, oneMade := batchOf(1)
	many, manyMade := batchOf(100)
	store := upstream.CreateStoreParams{Account: "main", Name: "default"}
	for _, tc := range []struct {
		name, answer string
		call         func(*testing.B, *upstream.Client) error
	}{
		{"CreateStore", success(storeJSON), func(b *testing.B, c *upstream.Client) error { _, err := c.CreateStore(b.Context(), store); return err }},
		{"CreateSecrets, 1", oneMade, func(b *testing.B, c *upstream.Client) error { _, err := c.CreateSecrets(b.Context(), one); return err }},
		{"CreateSecrets, 100", manyMade, func(b *testing.B, c *upstream.Client) error { _, err := c.CreateSecrets(b.Context(), many); return err }},
	} {
		measure := func(b *testing.B, config upstream.Config) {
			client := newClient(b, config)
			b.ReportAllocs()
			for b.Loop() {
				if err := tc.call(b, client); err != nil {
					b.Fatal(err)
				}
			}
		}
		header := http.Header{
			"Cf-Ray": {ray}, "Date": {"Wed, 04 Mar 2026 05:06:07 GMT"}, "Content-Type": {"application/json"},
			"Ratelimit": {`"default";r=1200;t=300`}, "Ratelimit-Policy": {`"default";q=1200;w=300`},
		}
		b.Run(tc.name, func(b *testing.B) {
			config := configFor("http://example.test")
			config.Transport = canned{status: http.StatusOK, header: header, body: []byte(tc.answer)}
			measure(b, config)
		})
		b.Run(tc.name+", over a connection", func(b *testing.B) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
				maps.Copy(w.Header(), header)
				_, _ = io.WriteString(w, tc.answer)
			}))
			defer server.Close()
			measure(b, configFor(server.URL))
		})
	}
}
