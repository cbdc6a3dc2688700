package emulator

import (
	"net/http"
	"net/url"
	"strings"
)

// apiOperation is an operation of the API.
type apiOperation struct {
	method string
	// id is Cloudflare's operationId, or a different id outside Secrets Store.
	id  string
	run func(*Emulator, *apiCall) httpAnswer
}

// route is a path with its operations. A segment in braces matches any
// non-empty text.
type route struct {
	path       string
	operations []apiOperation
}

// createStoreID is the operation that KindEraA changes.
const createStoreID = "secrets-store-create"

func routes() []route {
	base := "/accounts/{account}/secrets_store"
	return []route{
		{base + "/quota", []apiOperation{
			{http.MethodGet, "secrets-store-quota", (*Emulator).quota},
		}},
		{base + "/stores", []apiOperation{
			{http.MethodGet, "secrets-store-list", (*Emulator).listStores},
			{http.MethodPost, createStoreID, (*Emulator).createStore},
		}},
		{base + "/stores/{store}", []apiOperation{
			{http.MethodGet, "secrets-store-get-store-by-id", (*Emulator).showStore},
			{http.MethodDelete, "secrets-store-delete-by-id", (*Emulator).deleteStore},
		}},
		{base + "/stores/{store}/secrets", []apiOperation{
			{http.MethodGet, "secrets-store-secrets-list", (*Emulator).listSecrets},
			{http.MethodPost, "secrets-store-secret-create", (*Emulator).createSecrets},
			{http.MethodDelete, "secrets-store-delete-bulk", (*Emulator).deleteSecrets},
		}},
		{base + "/stores/{store}/secrets/{secret}", []apiOperation{
			{http.MethodGet, "secrets-store-get-by-id", (*Emulator).showSecret},
			{http.MethodPatch, "secrets-store-patch-by-id", (*Emulator).patchSecret},
			{http.MethodDelete, "secrets-store-secret-delete-by-id", (*Emulator).deleteSecret},
		}},
		{base + "/stores/{store}/secrets/{secret}/duplicate", []apiOperation{
			{http.MethodPost, "secrets-store-duplicate-by-id", (*Emulator).duplicateSecret},
		}},
		{"/user", []apiOperation{{http.MethodGet, "user-details", (*Emulator).user}}},
		{"/user/tokens/verify", []apiOperation{{http.MethodGet, "user-tokens-verify", (*Emulator).verifyToken}}},
		{"/accounts", []apiOperation{{http.MethodGet, "accounts-list", (*Emulator).listAccounts}}},
		{"/accounts/{account}/tokens/verify", []apiOperation{
			{http.MethodGet, "account-tokens-verify", (*Emulator).verifyToken},
		}},
		{"/memberships", []apiOperation{{http.MethodGet, "memberships-list", (*Emulator).listMemberships}}},
	}
}

// prefix is the end of Cloudflare's base URL.
const prefix = "/client/v4/"

// routeMatch is the route of a request.
type routeMatch struct {
	// known says that there is a route for the path.
	known bool
	// operation is nil if the route has none for the method.
	operation *apiOperation
	// allowed are the methods of the route.
	allowed []string
	// names are the parts of the path that identify an object.
	names map[string]string
}

// matchRoute finds the route of an escaped path. It ignores double slashes after the prefix, because clients
// send them if their base URL ends in a slash.
func matchRoute(routes []route, method, path string) routeMatch {
	rest, ok := strings.CutPrefix(path, prefix)
	if !ok {
		return routeMatch{}
	}
	segments := strings.Split(strings.TrimLeft(rest, "/"), "/")
	for i := range routes {
		names, ok := matchSegments(routes[i].path, segments)
		if !ok {
			continue
		}
		found := routeMatch{known: true, names: names}
		for j := range routes[i].operations {
			o := &routes[i].operations[j]
			found.allowed = append(found.allowed, o.method)
			if o.method == method {
				found.operation = o
			}
		}
		return found
	}
	return routeMatch{}
}

// inProduct reports whether a path without a route has an empty segment below
// the stores of Secrets Store.
func inProduct(path string) bool {
	_, below, found := strings.Cut(path, "/secrets_store/stores/")
	return found && (below == "" || strings.HasPrefix(below, "/") || strings.HasSuffix(below, "/") || strings.Contains(below, "//"))
}

func matchSegments(pattern string, segments []string) (names map[string]string, ok bool) {
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

// operationIDs lists the operations that a fault can match.
func operationIDs() []string {
	var ids []string
	for _, r := range routes() {
		for _, o := range r.operations {
			ids = append(ids, o.id)
		}
	}
	return ids
}
