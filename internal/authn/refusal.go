package authn

import (
	"time"

	"platform.internal/storekeeper/internal/fault"
)

// The reasons for which a credential is refused. Each reason has one answer. No answer repeats the
// credential.
const (
	// Missing: the call has no credential.
	Missing = fault.ReasonCredentialMissing
	// Malformed: the credential cannot be parsed or violates a format rule.
	Malformed = fault.ReasonCredentialMalformed
	// Unknown: no caller has this API key.
	Unknown = fault.ReasonCredentialUnknown
	// Expired: the credential has expired.
	Expired = fault.ReasonCredentialExpired
	// NotYetValid: the credential is not valid yet.
	NotYetValid = fault.ReasonCredentialNotYetValid
	// WrongAudience: the token was issued for another audience.
	WrongAudience = fault.ReasonCredentialWrongAudience
	// WrongIssuer: the issuer of the token is not trusted.
	WrongIssuer = fault.ReasonCredentialWrongIssuer
	// BadSignature: no key of the issuer signed the token.
	BadSignature = fault.ReasonCredentialBadSignature
	// NotAdmitted: the credential is valid, but the configuration maps it to no caller.
	NotAdmitted = fault.ReasonCredentialNotAdmitted
	// IssuerUnavailable: the token cannot be verified, because there is no usable key of its issuer. A retry
	// can help only for this reason.
	IssuerUnavailable = fault.ReasonIssuerUnavailable
)

// refused returns a fault of kind Unauthenticated. public describes the correction and holds nothing of the
// credential.
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
