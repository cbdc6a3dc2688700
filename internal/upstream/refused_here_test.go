package upstream_test

import (
	"context"
	"net/http"
	"testing"

	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/upstream"
)

// Requests without a valid meaning are never sent.
func TestRefusedBeforeSending(t *testing.T) {
	bad := "23BDC9C2-e8ca-470d-8235-2c53ec8d2e67"
	tests := map[string]struct {
		call   func(context.Context, *upstream.Client) error
		kind   fault.Kind
		reason string
	}{
		"an unknown account": {func(ctx context.Context, c *upstream.Client) error {
			_, err := c.ListStores(ctx, upstream.ListStoresParams{Account: otherID})
			return err
		}, fault.Denied, "ACCOUNT_NOT_ALLOWED"},
		"no account": {func(ctx context.Context, c *upstream.Client) error {
			_, err := c.Quota(ctx, "")
			return err
		}, fault.Denied, "ACCOUNT_NOT_ALLOWED"},
		"a store identifier that climbs": {func(ctx context.Context, c *upstream.Client) error {
			_, err := c.GetStore(ctx, upstream.StoreParams{Account: "main", StoreID: "../../../user"})
			return err
		}, fault.NotFound, "STORE_NOT_FOUND"},
		"a store identifier with a line after it": {func(ctx context.Context, c *upstream.Client) error {
			_, err := c.DeleteStore(ctx, upstream.DeleteStoreParams{Account: "main", StoreID: storeID + "\n"})
			return err
		}, fault.NotFound, "STORE_NOT_FOUND"},
		"a dashed secret identifier": {func(ctx context.Context, c *upstream.Client) error {
			_, err := c.GetSecret(ctx, upstream.SecretParams{Account: "main", StoreID: storeID, SecretID: bad})
			return err
		}, fault.NotFound, "SECRET_NOT_FOUND"},
		"an empty secret identifier": {func(ctx context.Context, c *upstream.Client) error {
			_, err := c.DeleteSecret(ctx, upstream.SecretParams{Account: "main", StoreID: storeID})
			return err
		}, fault.NotFound, "SECRET_NOT_FOUND"},
		"a bad identifier among those to delete": {func(ctx context.Context, c *upstream.Client) error {
			_, err := c.DeleteSecrets(ctx, upstream.DeleteSecretsParams{Account: "main", StoreID: storeID, IDs: []string{secretID, bad}})
			return err
		}, fault.NotFound, "SECRET_NOT_FOUND"},
		"nothing to delete": {func(ctx context.Context, c *upstream.Client) error {
			_, err := c.DeleteSecrets(ctx, upstream.DeleteSecretsParams{Account: "main", StoreID: storeID, IDs: []string{}})
			return err
		}, fault.BadInput, "INVALID_JSON_BODY"},
		"nothing to create": {func(ctx context.Context, c *upstream.Client) error {
			_, err := c.CreateSecrets(ctx, upstream.CreateSecretsParams{Account: "main", StoreID: storeID})
			return err
		}, fault.BadInput, "INVALID_JSON_BODY"},
		"nothing to change": {func(ctx context.Context, c *upstream.Client) error {
			_, err := c.UpdateSecret(ctx, upstream.UpdateSecretParams{Account: "main", StoreID: storeID, SecretID: secretID})
			return err
		}, fault.BadInput, "INVALID_JSON_BODY"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			client, w := serve(t, says(http.StatusOK, success("null")))
			f := asFault(t, tt.call(within(t), client))
			if f.Kind != tt.kind || f.Reason != tt.reason {
				t.Errorf("fault = %d %s, want %d %s", f.Kind, f.Reason, tt.kind, tt.reason)
			}
			if sent := w.seen(); len(sent) != 0 {
				t.Errorf("sent %+v", sent)
			}
		})
	}
}
