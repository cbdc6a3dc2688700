package upstream

import "net/http"

// The names of the operations, as in Attempt.Operation.
const (
	opCreateStore     = "CreateStore"
	opListStores      = "ListStores"
	opGetStore        = "GetStore"
	opDeleteStore     = "DeleteStore"
	opCreateSecrets   = "CreateSecrets"
	opListSecrets     = "ListSecrets"
	opGetSecret       = "GetSecret"
	opUpdateSecret    = "UpdateSecret"
	opDeleteSecret    = "DeleteSecret"
	opDeleteSecrets   = "DeleteSecrets"
	opDuplicateSecret = "DuplicateSecret"
	opQuota           = "Quota"
	opVerifyToken     = "VerifyToken"
)

// Operations lists all values of Attempt.Operation.
func Operations() []string {
	return []string{
		opCreateStore, opListStores, opGetStore, opDeleteStore,
		opCreateSecrets, opListSecrets, opGetSecret, opUpdateSecret, opDeleteSecret, opDeleteSecrets, opDuplicateSecret,
		opQuota, opVerifyToken,
	}
}

// Route returns the HTTP method of an operation, and the template of its path after the account's
// base URL.
func Route(operation string) (method, template string) {
	const (
		stores  = "/accounts/{account_id}/secrets_store/stores"
		store   = stores + "/{store_id}"
		secrets = store + "/secrets"
		secret  = secrets + "/{secret_id}"
	)
	switch operation {
	case opCreateStore:
		return http.MethodPost, stores
	case opListStores:
		return http.MethodGet, stores
	case opGetStore:
		return http.MethodGet, store
	case opDeleteStore:
		return http.MethodDelete, store
	case opCreateSecrets:
		return http.MethodPost, secrets
	case opListSecrets:
		return http.MethodGet, secrets
	case opGetSecret:
		return http.MethodGet, secret
	case opUpdateSecret:
		return http.MethodPatch, secret
	case opDeleteSecret:
		return http.MethodDelete, secret
	case opDeleteSecrets:
		return http.MethodDelete, secrets
	case opDuplicateSecret:
		return http.MethodPost, secret + "/duplicate"
	case opQuota:
		return http.MethodGet, "/accounts/{account_id}/secrets_store/quota"
	case opVerifyToken:
		return http.MethodGet, "/user/tokens/verify"
	}
	return http.MethodGet, ""
}
