package gateway

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	secretsstorev1 "platform.internal/storekeeper/gen/secretsstore/v1"
	identityv1 "platform.internal/storekeeper/gen/storekeeper/identity/v1"
	"platform.internal/storekeeper/internal/contract"
)

// parameter checks a value of a query parameter. text describes valid values.
type parameter func(value string) (ok bool, text string)

// parameters lists the query parameters of each method. Others are ignored, as Cloudflare does.
var parameters = map[string]map[string]parameter{
	secretsstorev1.SecretsStoreService_ListStores_FullMethodName: {
		"page": integer, "per_page": integer, "order": anyText, "direction": anyText},
	secretsstorev1.SecretsStoreService_ListSecrets_FullMethodName: {
		"page": integer, "per_page": integer, "order": anyText, "direction": anyText, "search": anyText, "scopes": anyText},
	secretsstorev1.SecretsStoreService_DeleteStore_FullMethodName: {"force": boolean},
	identityv1.IdentityService_ListAccounts_FullMethodName:        {"page": integer, "per_page": integer, "name": someText, "direction": anyText},
	identityv1.IdentityService_ListMemberships_FullMethodName: {
		"page": integer, "per_page": integer, "order": anyText, "direction": anyText, "name": someText, "account.name": someText, "status": anyText},
}

// readQuery puts the checked parameters of the method into r.Form. A value that
// cannot be read is noted and left out.
func readQuery(ctx context.Context, r *http.Request, to *route, _ []string) {
	if r.URL.RawQuery == "" {
		return
	}
	found := contract.MistakesFrom(ctx)
	r.Form = url.Values{}
	if strings.ContainsAny(r.URL.RawQuery, "%;") {
		refuseUnreadable(r.URL.RawQuery, parameters[to.rpc], found)
	}
	sent := valuesOf(r.URL.RawQuery, parameters[to.rpc])
	for key, check := range parameters[to.rpc] {
		values := sent[key]
		if key == "scopes" {
			values = splitLists(values)
		} else if len(values) > 1 {
			found.Add(key, reasonFor(key), "must be given once")
			continue
		}
		for _, v := range values {
			if ok, text := check(v); !ok {
				found.Add(key, reasonFor(key), text)
				continue
			}
			r.Form.Add(key, v)
		}
	}
}

// maxValues is the maximum number of values per parameter that are read. It exceeds every rule's
// limit by 1, so that validation reports the violated rule.
const maxValues = 101

// valuesOf returns the values of the known parameters of a query. Like url.ParseQuery, valuesOf
// skips a pair that cannot be parsed. It does not keep other parameters, because a query may have
// thousands.
func valuesOf(query string, known map[string]parameter) map[string][]string {
	values := map[string][]string{}
	for pair := range strings.SplitSeq(query, "&") {
		key, value, _ := strings.Cut(pair, "=")
		key, badKey := url.QueryUnescape(key)
		if _, reads := known[key]; !reads || badKey != nil || len(values[key]) == maxValues || strings.Contains(pair, ";") {
			continue
		}
		if value, bad := url.QueryUnescape(value); bad == nil {
			values[key] = append(values[key], value)
		}
	}
	return values
}

// refuseUnreadable records a mistake for each pair that valuesOf skips and that sets a known
// parameter. Without the caller's filter, the answer would be wrong.
func refuseUnreadable(query string, known map[string]parameter, found *contract.Mistakes) {
	for pair := range strings.SplitSeq(query, "&") {
		if _, err := url.ParseQuery(pair); err == nil {
			continue
		}
		// Some clients and servers use ; as a separator.
		for part := range strings.SplitSeq(pair, ";") {
			key, _, _ := strings.Cut(part, "=")
			if plain, err := url.QueryUnescape(key); err == nil {
				key = plain
			}
			if _, read := known[key]; read {
				found.Add(key, reasonFor(key), "must be key=value with %XX escapes, separated from the next by &")
			}
		}
	}
}

func reasonFor(key string) string {
	return strings.ToUpper(strings.ReplaceAll(key, ".", "_")) + "_INVALID"
}

// splitLists accepts scopes=a,b, which Cloudflare documents, and
// scopes=a&scopes=b, which its SDKs send.
func splitLists(values []string) []string {
	var items []string
	for _, v := range values {
		for item := range strings.SplitSeq(v, ",") {
			if item != "" && len(items) < maxValues {
				items = append(items, item)
			}
		}
	}
	return items
}

func integer(value string) (bool, string) {
	_, err := strconv.ParseInt(value, 10, 32)
	return err == nil, "must be a whole number"
}

func boolean(value string) (bool, string) {
	return value == "true" || value == "false", "must be true or false"
}

// anyText accepts what a field of a message can hold.
func anyText(value string) (bool, string) { return !notUTF8(value), wantedUTF8 }

// someText refuses "", which is the value of an unset variable. Clients would take the first
// account of the answer for the named account.
func someText(value string) (bool, string) {
	if value == "" {
		return false, "must not be empty"
	}
	return anyText(value)
}
