package emulator

import (
	"net/http"
	"net/url"
	"strings"
)

// operation is one thing that can be asked.
type operation struct {
	method string
	// id is Cloudflare's operationId, or ours for what is outside of Secrets
	// Store.
	id  string
	run func(*Emulator, *call) answer
}

// route is a path and what can be asked there. A segment in braces stands for
// any text but the empty one.
type route struct {
	path       string
	operations []operation
}

// createStoreID is the operation that a fault of KindEraA changes.
const createStoreID = "secrets-store-create"

func routes() []route {
	base := "/accounts/{account}/secrets_store"
	return []route{
		{base + "/quota", []operation{
			{http.MethodGet, "secrets-store-quota", (*Emulator).quota},
		}},
		{base + "/stores", []operation{
			{http.MethodGet, "secrets-store-list", (*Emulator).listStores},
			{http.MethodPost, createStoreID, (*Emulator).createStore},
		}},
		{base + "/stores/{store}", []operation{
			{http.MethodGet, "secrets-store-get-store-by-id", (*Emulator).showStore},
			{http.MethodDelete, "secrets-store-delete-by-id", (*Emulator).deleteStore},
		}},
		{base + "/stores/{store}/secrets", []operation{
			{http.MethodGet, "secrets-store-secrets-list", (*Emulator).listSecrets},
			{http.MethodPost, "secrets-store-secret-create", (*Emulator).createSecrets},
			{http.MethodDelete, "secrets-store-delete-bulk", (*Emulator).deleteSecrets},
		}},
		{base + "/stores/{store}/secrets/{secret}", []operation{
			{http.MethodGet, "secrets-store-get-by-id", (*Emulator).showSecret},
			{http.MethodPatch, "secrets-store-patch-by-id", (*Emulator).patchSecret},
			{http.MethodDelete, "secrets-store-secret-delete-by-id", (*Emulator).deleteSecret},
		}},
		{base + "/stores/{store}/secrets/{secret}/duplicate", []operation{
			{http.MethodPost, "secrets-store-duplicate-by-id", (*Emulator).duplicateSecret},
		}},
		{"/user", []operation{{http.MethodGet, "user-details", (*Emulator).user}}},
		{"/user/tokens/verify", []operation{{http.MethodGet, "user-tokens-verify", (*Emulator).verifyToken}}},
		{"/accounts", []operation{{http.MethodGet, "accounts-list", (*Emulator).listAccounts}}},
		{"/accounts/{account}/tokens/verify", []operation{
			{http.MethodGet, "account-tokens-verify", (*Emulator).verifyToken},
		}},
		{"/memberships", []operation{{http.MethodGet, "memberships-list", (*Emulator).listMemberships}}},
	}
}

// prefix is what Cloudflare's base URL ends with.
const prefix = "/client/v4/"

// trail is where a request leads to.
type trail struct {
	// known tells whether there is a route for the path.
	known bool
	// operation is nil when the route has none for the method.
	operation *operation
	// allowed are the methods of the route.
	allowed []string
	// names are the parts of the path that stand for an object.
	names map[string]string
}

// follow finds the route of an escaped path. Slashes that are doubled after
// the prefix are forgiven: clients with a slash at the end of their base URL
// send them.
func follow(routes []route, method, path string) trail {
	rest, ok := strings.CutPrefix(path, prefix)
	if !ok {
		return trail{}
	}
	segments := strings.Split(strings.TrimLeft(rest, "/"), "/")
	for i := range routes {
		names, ok := match(routes[i].path, segments)
		if !ok {
			continue
		}
		found := trail{known: true, names: names}
		for j := range routes[i].operations {
			o := &routes[i].operations[j]
			found.allowed = append(found.allowed, o.method)
			if o.method == method {
				found.operation = o
			}
		}
		return found
	}
	return trail{}
}

// inProduct says whether a path that leads nowhere does so for an empty segment
// below the stores of Secrets Store.
func inProduct(path string) bool {
	_, below, found := strings.Cut(path, "/secrets_store/stores/")
	return found && (below == "" || strings.HasPrefix(below, "/") || strings.HasSuffix(below, "/") || strings.Contains(below, "//"))
}

func match(pattern string, segments []string) (names map[string]string, ok bool) {
	wanted := strings.Split(strings.TrimPrefix(pattern, "/"), "/")
	if len(wanted) != len(segments) {
		return nil, false
	}
	names = map[string]string{}
	for i, w := range wanted {
		if !strings.HasPrefix(w, "{") {
			if w != segments[i] {
				return nil, false
			}
			continue
		}
		name, err := url.PathUnescape(segments[i])
		if err != nil || name == "" {
			return nil, false
		}
		names[strings.Trim(w, "{}")] = name
	}
	return names, true
}

// operationIDs are the names that a fault can match.
func operationIDs() []string {
	var ids []string
	for _, r := range routes() {
		for _, o := range r.operations {
			ids = append(ids, o.id)
		}
	}
	return ids
}
