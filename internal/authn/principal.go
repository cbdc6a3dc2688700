package authn

import "time"

// CredentialKind says how a caller proved who it is.
type CredentialKind string

// The kinds of credential.
const (
	// KindAPIKey is an API key of Storekeeper.
	KindAPIKey CredentialKind = "api_key"
	// KindJWT is a signed token of an issuer.
	KindJWT CredentialKind = "jwt"
	// KindMTLS is a client certificate.
	KindMTLS CredentialKind = "mtls"
)

// Principal is a caller whose credential was good. It is shared between calls:
// nobody may change what its slices and its map hold.
type Principal struct {
	// Name identifies the caller in logs and rules. That of a token is the name
	// of its issuer, a colon and the subject; no other has a colon.
	Name string
	// Tenant is the team that the caller acts for. Empty where none is set.
	Tenant string
	// Groups are further names that rules can match.
	Groups []string
	// Claims are what the credential says beside: the claims of a token as JSON
	// gives them, at most 16 KiB with 64 at the top and 16 levels, or the facts
	// of a certificate: san, serial, issuer and sha256. Nil for an API key. They
	// may name people, so they belong in no log.
	Claims map[string]any
	// Credential identifies the token or certificate that the caller showed, for
	// the log and the audit trail. Nil for an API key.
	Credential *VerifiedCredential
	// Kind says how the caller proved who it is.
	Kind CredentialKind
	// NotBefore is when the credential became valid. Zero where it says none.
	NotBefore time.Time
	// Expires is when the credential ends. Zero where it never does.
	Expires time.Time
}
