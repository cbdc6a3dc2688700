// Command oapi makes a store and a secret with a client that oapi-codegen
// generated from /openapi.json into the folder api.
//
// Usage: oapi BASE-URL KEY
package main

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"os"

	"platform.internal/storekeeper/test/clients/generated/oapi/api"
)

func main() {
	base, key := os.Args[1], os.Args[2]
	ctx := context.Background()
	client, err := api.NewClientWithResponses(base, api.WithRequestEditorFn(func(_ context.Context, r *http.Request) error {
		r.Header.Set("Authorization", "Bearer "+key)
		return nil
	}))
	if err != nil {
		log.Fatal(err)
	}
	store, err := client.CreateStoreWithResponse(ctx, "dev", &api.CreateStoreParams{}, api.CreateStoreJSONRequestBody{Name: "default_secrets_store"})
	if err != nil || store.JSON200 == nil {
		log.Fatal(err, store.Status())
	}
	secrets := []api.SecretInput{{Name: "API_KEY", Value: new("a value"), Scopes: []string{"workers"}}}
	made, err := client.CreateSecretsWithResponse(ctx, "dev", store.JSON200.Result.Id, &api.CreateSecretsParams{}, secrets)
	if err != nil || made.JSON200 == nil {
		log.Fatal(err, made.Status())
	}
	fmt.Println(made.JSON200.Result[0].Name, made.JSON200.Success)
}
