package upstream

// The names of the operations, as Attempt.Operation tells them.
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

// Operations lists every name that Attempt.Operation can have.
func Operations() []string {
	return []string{
		opCreateStore, opListStores, opGetStore, opDeleteStore,
		opCreateSecrets, opListSecrets, opGetSecret, opUpdateSecret, opDeleteSecret, opDeleteSecrets, opDuplicateSecret,
		opQuota, opVerifyToken,
	}
}
