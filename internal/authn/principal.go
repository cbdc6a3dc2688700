package authn

import (
	"cmp"
	"time"
)

// CredentialKind is the kind of credential that a caller used.
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

// Principal is an authenticated caller. Calls share a Principal: its slices and maps must not be modified.
type Principal struct {
	// Name identifies the caller in logs and rules. For a token it is the name of the issuer, a colon and the
	// subject. Other names have no colon.
	Name string
	// Tenant is the team that the caller acts for. Empty: none.
	Tenant string
	// TenantID is the stable id of Tenant, the key of quotas and usage. Empty: Tenant is the id.
	TenantID string
	// Groups are additional names that rules can match.
	Groups []string
	// Claims are the claims of a token, or the facts of a certificate: san, serial, issuer and sha256. Nil
	// for an API key. They may name people, so they must not be logged.
	Claims *Claims
	// Credential identifies the token or certificate, for the log and the audit
	// trail. Nil for an API key.
	Credential *VerifiedCredential
	// Kind is the kind of credential.
	Kind CredentialKind
	// KeyID is the beginning of the SHA-256 digest of an API key, 16 hexadecimal digits. It distinguishes the
	// keys of one caller. Empty for other kinds.
	KeyID string
	// NotBefore is the start of the validity of the credential. Zero: no start.
	NotBefore time.Time
	// Expires is when the credential expires. Zero: never.
	Expires time.Time
}

// Payer returns the id of the tenant whose quota and budget the caller uses. A caller without a tenant counts
// as a separate tenant.
func (p *Principal) Payer() string { return cmp.Or(p.TenantID, p.Tenant, p.Name) }
