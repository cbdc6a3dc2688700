package authn

import (
	"time"

	"platform.internal/storekeeper/internal/fault"
)

// The reasons for which a credential is refused, each with one answer. None
// tells what was sent.
const (
	// Missing is a call without a credential.
	Missing = "CREDENTIAL_MISSING"
	// Malformed is a credential that cannot be read or that breaks a rule of
	// form.
	Malformed = "CREDENTIAL_MALFORMED"
	// Unknown is an API key that nobody has.
	Unknown = "CREDENTIAL_UNKNOWN"
	// Expired is a credential whose time is over.
	Expired = "CREDENTIAL_EXPIRED"
	// NotYetValid is a credential whose time has not come.
	NotYetValid = "CREDENTIAL_NOT_YET_VALID"
	// WrongAudience is a token that was made for somebody else.
	WrongAudience = "CREDENTIAL_WRONG_AUDIENCE"
	// WrongIssuer is a token of an issuer that is not trusted.
	WrongIssuer = "CREDENTIAL_WRONG_ISSUER"
	// BadSignature is a token that no key of its issuer signed.
	BadSignature = "CREDENTIAL_BAD_SIGNATURE"
	// NotAdmitted is a good credential of somebody who is on no list.
	NotAdmitted = "CREDENTIAL_NOT_ADMITTED"
	// IssuerUnavailable is a token that cannot be judged, since there is no key
	// of its issuer that may still be used. It alone is worth a repetition.
	IssuerUnavailable = "ISSUER_UNAVAILABLE"
)

// refused makes a fault of kind Unauthenticated. public says what to mend and
// holds nothing of the credential.
func refused(reason, public string) error {
	return fault.New(fault.Unauthenticated, reason, public)
}

// unavailable makes the fault of a token that cannot be judged now. cause is for
// the operator.
func unavailable(wait time.Duration, cause error) error {
	f := fault.New(fault.Unavailable, IssuerUnavailable,
		"The keys of the token's issuer cannot be had now, so the token cannot be checked; try again.")
	f.RetryAfter = max(wait, time.Second)
	return f.Because(cause)
}
