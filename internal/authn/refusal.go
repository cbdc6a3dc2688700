package authn

import (
	"time"

	"platform.internal/storekeeper/internal/fault"
)

// The reasons for which a credential is refused. Each has one answer. None
// repeats what was sent.
const (
	// Missing: the call has no credential.
	Missing = "CREDENTIAL_MISSING"
	// Malformed: the credential cannot be parsed or violates a format rule.
	Malformed = "CREDENTIAL_MALFORMED"
	// Unknown: no caller has this API key.
	Unknown = "CREDENTIAL_UNKNOWN"
	// Expired: the credential has expired.
	Expired = "CREDENTIAL_EXPIRED"
	// NotYetValid: the credential is not valid yet.
	NotYetValid = "CREDENTIAL_NOT_YET_VALID"
	// WrongAudience: the token was issued for another audience.
	WrongAudience = "CREDENTIAL_WRONG_AUDIENCE"
	// WrongIssuer: the issuer of the token is not trusted.
	WrongIssuer = "CREDENTIAL_WRONG_ISSUER"
	// BadSignature: no key of the issuer signed the token.
	BadSignature = "CREDENTIAL_BAD_SIGNATURE"
	// NotAdmitted: the credential is valid, but the configuration maps it to no
	// caller.
	NotAdmitted = "CREDENTIAL_NOT_ADMITTED"
	// IssuerUnavailable: the token cannot be verified, because there is no
	// usable key of its issuer. Only this reason is worth a retry.
	IssuerUnavailable = "ISSUER_UNAVAILABLE"
)

// refused returns a fault of kind Unauthenticated. public says what to correct
// and holds nothing of the credential.
func refused(reason, public string) error {
	return fault.New(fault.Unauthenticated, reason, public)
}

// unavailable returns the fault of a token that cannot be verified now. cause
// is for the operator.
func unavailable(wait time.Duration, cause error) error {
	f := fault.New(fault.Unavailable, IssuerUnavailable,
		"The keys of the token's issuer cannot be had now, so the token cannot be checked; try again.")
	f.RetryAfter = max(wait, time.Second)
	return f.Because(cause)
}
