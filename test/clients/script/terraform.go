package script

import "net/http"

// at is the path of the API of the account.
const at = "/accounts/023e105f4ecef8ad9ca31a8372d0c353/secrets_store"

// Terraform is what version 5.22.0 of the Terraform provider sends for a store and a
// secret, in the order of apply, plan, change, import and destroy. It was compared on
// 2026-11-29 with what that provider, built with the resources of Secrets Store alone,
// sent to Storekeeper under OpenTofu 1.12.6: the requests and headers are those, without
// the reads that a plan repeats, but for the filter by scopes and for the four steps
// about what is not there or not empty, which are written by hand. The provider itself
// comes from a registry of its own.
func Terraform() []Step {
	const secrets = at + "/stores/$store/secrets"
	return []Step{
		{Name: "create the store", Call: terraform(http.MethodPost, at+"/stores", `{"name":"terraform"}`), Save: []string{"store"}, Status: 200},
		{Name: "read the store", Call: terraform(http.MethodGet, at+"/stores/$store", ""), Status: 200},
		{Name: "create the secret, in an array of one", Call: terraform(http.MethodPost, secrets, `[{"name":"TF_SECRET","scopes":["ai_gateway","workers"],"value":"v"}]`), Save: []string{"secret"}, Status: 200, Word: `"comment":null,"scopes":["ai_gateway","workers"]`},
		{Name: "read the secret", Call: terraform(http.MethodGet, secrets+"/$secret", ""), Status: 200, Word: `"comment":null,"scopes":["ai_gateway","workers"]`},
		{Name: "change the value", Call: terraform(http.MethodPatch, secrets+"/$secret", `{"value":"v2"}`), Status: 200, Word: `"comment":null,"scopes":["ai_gateway","workers"]`},
		{Name: "change the scopes", Call: terraform(http.MethodPatch, secrets+"/$secret", `{"scopes":["workers"]}`), Status: 200, Word: `"scopes":["workers"]`},
		{Name: "add a comment", Call: terraform(http.MethodPatch, secrets+"/$secret", `{"comment":"by terraform"}`), Status: 200, Word: `"comment":"by terraform"`},
		{Name: "remove the comment", Call: terraform(http.MethodPatch, secrets+"/$secret", `{"comment":null}`), Status: 200, Word: `"comment":null`},
		{Name: "import the secret", Call: terraform(http.MethodGet, secrets+"/$secret", ""), Status: 200, Word: `"comment":null,"scopes":["workers"]`},
		{Name: "data source for the stores", Call: terraform(http.MethodGet, at+"/stores?direction=asc&order=name", ""), Status: 200, Word: `"total_count":1`},
		{Name: "second page of the stores", Call: terraform(http.MethodGet, at+"/stores?direction=asc&order=name&page=2", ""), Status: 200, Word: `"result":[]`},
		{Name: "data source for the secrets", Call: terraform(http.MethodGet, secrets+"?scopes=workers&search=TF_", ""), Status: 200, Word: `"total_count":1`},
		{Name: "second page of the data source", Call: terraform(http.MethodGet, secrets+"?page=2&scopes=workers&search=TF_", ""), Status: 200, Word: `"result":[]`},
		{Name: "destroy the store too early", Call: terraform(http.MethodDelete, at+"/stores/$store", ""), Status: 409, Word: "store_not_empty"},
		{Name: "destroy the secret", Call: terraform(http.MethodDelete, secrets+"/$secret", ""), Status: 202, Word: `"result":null`},
		{Name: "read the secret, which drops it from the state", Call: terraform(http.MethodGet, secrets+"/$secret", ""), Status: 404, Word: "secret_not_found"},
		{Name: "destroy the secret again", Call: terraform(http.MethodDelete, secrets+"/$secret", ""), Status: 404, Word: "secret_not_found"},
		{Name: "destroy the store", Call: terraform(http.MethodDelete, at+"/stores/$store", ""), Status: 200, Word: `"result":null`},
		{Name: "read the store, which drops it from the state", Call: terraform(http.MethodGet, at+"/stores/$store", ""), Status: 404, Word: "store_not_found"},
	}
}

// terraform is a request with the headers of the provider.
func terraform(method, path, body string) Call {
	header := map[string]string{
		"User-Agent":                  "terraform-provider-cloudflare/5.22.0 terraform-plugin-framework/1.19.0 terraform/1.13.0",
		"Accept":                      "application/json",
		"X-Stainless-Lang":            "Terraform",
		"X-Stainless-Runtime":         "terraform-plugin-framework",
		"X-Stainless-Runtime-Version": "1.19.0",
		"X-Stainless-Retry-Count":     "0",
		"X-Stainless-Arch":            "x64",
		"X-Stainless-OS":              "Linux",
		"X-Stainless-Package-Version": "5.22.0",
	}
	if body != "" {
		header["Content-Type"] = "application/json"
	}
	return Call{Op: Plain, Request: Request{Method: method, Path: path, Header: header, Body: body}}
}
