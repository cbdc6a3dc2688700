package emulator

import (
	"fmt"
	"net/http"
	"strings"
)

// Cloudflare's error codes. A code stands for many mistakes; the message distinguishes them.
const (
	codeThrottled    = 971
	codeUnknown      = 1000
	codeInvalid      = 1001
	codeConflict     = 1003
	codeBadHeaders   = 6003
	codeBadAuthForm  = 6111
	codeNoRoute      = 7000
	codeNoMethod     = 7001
	codeBadObject    = 7003
	codeNoKey        = 9106
	codeUnauthorized = 9109
	codeBadToken     = 10000
)

func storeNotFound() httpAnswer {
	return refuse(http.StatusNotFound, codeInvalid, "store_not_found")
}

func secretNotFound() httpAnswer {
	return refuse(http.StatusNotFound, codeInvalid, "secret_not_found")
}

func storeNameTaken() httpAnswer {
	return refuse(http.StatusBadRequest, codeConflict, "store_name_already_exists")
}

func storeLimitReached() httpAnswer {
	return refuse(http.StatusBadRequest, codeConflict, "maximum_stores_exceeded")
}

func storeNotEmpty() httpAnswer {
	return refuse(http.StatusConflict, codeConflict, "store_not_empty")
}

func secretNameTaken(name string) httpAnswer {
	return refuse(http.StatusBadRequest, codeConflict, "secret_name_already_exists: "+name)
}

func secretLimitReached(limit int) httpAnswer {
	return refuse(http.StatusBadRequest, codeConflict, fmt.Sprintf("maximum_secrets_exceeded: max %d", limit))
}

func tooLarge() httpAnswer {
	return refuse(http.StatusRequestEntityTooLarge, codeInvalid, "request_too_large")
}

func noRoute() httpAnswer {
	return refuse(http.StatusNotFound, codeNoRoute, "No route for that URI")
}

func noMethod(allowed []string) httpAnswer {
	a := refuse(http.StatusMethodNotAllowed, codeNoMethod, "Method not allowed for this URI")
	a.header = map[string]string{"Allow": strings.Join(allowed, ", ")}
	return a
}

func badObject(path string) httpAnswer {
	return refuse(http.StatusNotFound, codeBadObject,
		fmt.Sprintf("Could not route to %s, perhaps your object identifier is invalid?", path))
}

func notPermitted() httpAnswer {
	return refuse(http.StatusForbidden, codeUnauthorized, "Unauthorized to access requested resource")
}

func notAuthenticated() httpAnswer {
	return refuse(http.StatusUnauthorized, codeBadToken, "Authentication error")
}

// refuseCredential returns the refusal of a credential in the operation's form: the endpoints about the owner
// of a credential have special codes. The code of /accounts is inferred from how clients read the answer.
func (o *apiOperation) refuseCredential(refused httpAnswer) httpAnswer {
	switch {
	case refused.status != http.StatusUnauthorized:
		return refused
	case o.id == "user-tokens-verify" || o.id == "account-tokens-verify":
		return notAToken()
	case o.id == "user-details" || o.id == "accounts-list":
		return refuse(http.StatusUnauthorized, codeUnauthorized, "Invalid access token")
	}
	return refused
}

func notAToken() httpAnswer {
	return refuse(http.StatusUnauthorized, codeUnknown, "Invalid API Token")
}

// noCredentials is Cloudflare's documented error for a call without usable credentials. The endpoints about
// the owner of a credential also use this error.
func noCredentials() httpAnswer {
	return refuse(http.StatusBadRequest, codeNoKey, "Missing X-Auth-Key, X-Auth-Email or Authorization headers")
}

// noProductRoute is the answer to a path below Secrets Store with an empty
// identifier. The product answers a generic 404, not the edge with 7000: the
// status is inferred from alchemy #218 and #223.
func noProductRoute() httpAnswer {
	return refuse(http.StatusNotFound, codeUnknown, "not found")
}

func badHeaders() httpAnswer {
	cause := apiMessage{code: codeBadAuthForm, message: "Invalid format for Authorization header"}
	found := apiMessage{code: codeBadHeaders, message: "Invalid request headers", chain: []apiMessage{cause}}
	return httpAnswer{status: http.StatusBadRequest, body: failure([]apiMessage{found}, nil)}
}
