package upstream_test

import (
	"net/http"
	"testing"

	"platform.internal/storekeeper/internal/upstream"
)

// What the client itself costs, without a network.
func BenchmarkGetSecret(b *testing.B) {
	config := configFor("http://example.test")
	config.Transport = canned{status: 200, header: http.Header{"Cf-Ray": {ray}}, body: []byte(success(secretJSON))}
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
