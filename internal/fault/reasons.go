package fault

// Domain is the domain of the reasons: ErrorInfo.domain.
const Domain = "storekeeper.platform.internal"

// The reasons of faults: ErrorInfo.reason. They are part of the contract: a reason is never reused for
// another meaning.
const (
	// About the identity and the rights of the caller.

	ReasonAccountNotAllowed       = "ACCOUNT_NOT_ALLOWED"
	ReasonCredentialBadSignature  = "CREDENTIAL_BAD_SIGNATURE"
	ReasonCredentialExpired       = "CREDENTIAL_EXPIRED"
	ReasonCredentialMalformed     = "CREDENTIAL_MALFORMED"
	ReasonCredentialMissing       = "CREDENTIAL_MISSING"
	ReasonCredentialNotAdmitted   = "CREDENTIAL_NOT_ADMITTED"
	ReasonCredentialNotYetValid   = "CREDENTIAL_NOT_YET_VALID"
	ReasonCredentialUnknown       = "CREDENTIAL_UNKNOWN"
	ReasonCredentialWrongAudience = "CREDENTIAL_WRONG_AUDIENCE"
	ReasonCredentialWrongIssuer   = "CREDENTIAL_WRONG_ISSUER"
	ReasonIssuerUnavailable       = "ISSUER_UNAVAILABLE"
	ReasonNotAllowed              = "NOT_ALLOWED"

	// About the request.

	ReasonBodiesInFlight             = "BODIES_IN_FLIGHT"
	ReasonBodyTooSlow                = "BODY_TOO_SLOW"
	ReasonContentEncodingUnsupported = "CONTENT_ENCODING_UNSUPPORTED"
	ReasonIdempotencyKeyInvalid      = "IDEMPOTENCY_KEY_INVALID"
	ReasonIdempotencyKeyReused       = "IDEMPOTENCY_KEY_REUSED"
	ReasonInvalidJSONBody            = "INVALID_JSON_BODY"
	ReasonMethodUnknown              = "METHOD_UNKNOWN"
	ReasonPageTokenInvalid           = "PAGE_TOKEN_INVALID"
	ReasonPerPageInvalid             = "PER_PAGE_INVALID"
	ReasonRequestIDInvalid           = "REQUEST_ID_INVALID"
	ReasonRequestTooLarge            = "REQUEST_TOO_LARGE"
	ReasonRequestUnreadable          = "REQUEST_UNREADABLE"
	ReasonSecretNameImmutable        = "SECRET_NAME_IMMUTABLE"
	ReasonTimeInvalid                = "TIME_INVALID"

	// About stores and secrets. The words for limits are those of Cloudflare.

	ReasonMaximumSecretsExceeded = "MAXIMUM_SECRETS_EXCEEDED"
	ReasonMaximumStoresExceeded  = "MAXIMUM_STORES_EXCEEDED"
	ReasonSecretModified         = "SECRET_MODIFIED"
	ReasonSecretNameExists       = "SECRET_NAME_ALREADY_EXISTS"
	ReasonSecretNotFound         = "SECRET_NOT_FOUND"
	ReasonStoreNotEmpty          = "STORE_NOT_EMPTY"
	ReasonStoreNotFound          = "STORE_NOT_FOUND"

	// About limits of usage.

	ReasonBudgetSpent      = "BUDGET_SPENT"
	ReasonBudgetUnknown    = "BUDGET_UNKNOWN"
	ReasonTenantBytesSpent = "TENANT_BYTES_SPENT"

	// About Cloudflare. After UPSTREAM_ANSWER_LOST and UPSTREAM_THROTTLED the outcome of a change is unknown.
	// In the first case the request may have arrived and its answer was lost. Cloudflare documents throttling
	// as a refusal, but the answer can also reach a client after the change was made.

	ReasonUpstreamAnswerLost        = "UPSTREAM_ANSWER_LOST"
	ReasonUpstreamAnswerUnreadable  = "UPSTREAM_ANSWER_UNREADABLE"
	ReasonUpstreamBlocked           = "UPSTREAM_BLOCKED"
	ReasonUpstreamCredentialRefused = "UPSTREAM_CREDENTIAL_REFUSED"
	ReasonUpstreamListEndless       = "UPSTREAM_LIST_ENDLESS"
	ReasonUpstreamRequestRefused    = "UPSTREAM_REQUEST_REFUSED"
	ReasonUpstreamThrottled         = "UPSTREAM_THROTTLED"
	ReasonUpstreamUnavailable       = "UPSTREAM_UNAVAILABLE"
	ReasonUpstreamUnreachable       = "UPSTREAM_UNREACHABLE"

	// About Storekeeper itself.

	ReasonCanceled          = "CANCELED"
	ReasonChangeInProgress  = "CHANGE_IN_PROGRESS"
	ReasonChangesNotIndexed = "CHANGES_NOT_INDEXED"
	ReasonDeadlineExceeded  = "DEADLINE_EXCEEDED"
	ReasonGRPCStatus        = "GRPC_STATUS"
	ReasonInternal          = "INTERNAL"
	ReasonShuttingDown      = "SHUTTING_DOWN"
	ReasonStateDamaged      = "STATE_DAMAGED"
	ReasonStateFull         = "STATE_FULL"
	ReasonStateUnavailable  = "STATE_UNAVAILABLE"
	ReasonTrailNotKept      = "TRAIL_NOT_KEPT"
)

// DenialReasons lists the reasons of calls that are denied because of the caller's identity.
func DenialReasons() []string {
	return []string{
		ReasonAccountNotAllowed, ReasonCredentialBadSignature, ReasonCredentialExpired, ReasonCredentialMalformed, ReasonCredentialMissing,
		ReasonCredentialNotAdmitted, ReasonCredentialNotYetValid, ReasonCredentialUnknown, ReasonCredentialWrongAudience,
		ReasonCredentialWrongIssuer, ReasonNotAllowed,
	}
}
