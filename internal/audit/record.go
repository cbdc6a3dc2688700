package audit

import "time"

// RecordKind is the kind of a record.
type RecordKind string

// The kinds of record.
const (
	// KindIntent is written before any request to Cloudflare is sent.
	KindIntent RecordKind = "intent"
	// KindOutcome states how the call of an intent ended.
	KindOutcome RecordKind = "outcome"
	// KindAlarm concerns the call of an intent, in addition to the outcome. An alarm does not close
	// the intent.
	KindAlarm RecordKind = "alarm"
	// KindDenial is a call that was refused. No request was sent to Cloudflare.
	KindDenial RecordKind = "denial"
	// KindReload states that a watched file has changed. The action names the file. The outcome is
	// Succeeded if the new content is in force, and Failed if the previous content stays in force.
	KindReload RecordKind = "reload"
	// KindStart is written by the sink when it starts. The first start record begins the chain.
	KindStart RecordKind = "start"
	// KindRecovered is written by the sink when it continues after a failure. The reason is a
	// Reason constant.
	KindRecovered RecordKind = "recovered"
)

// Outcome is the result of a call.
type Outcome string

// The outcomes.
const (
	// Succeeded means that the change was made.
	Succeeded Outcome = "succeeded"
	// Failed means that the change was definitely not made.
	Failed Outcome = "failed"
	// Unknown means that the change may or may not have been made. Any other word is written as
	// Unknown.
	Unknown Outcome = "unknown"
	// NotSent means that no request was sent to Cloudflare.
	NotSent Outcome = "not_sent"
)

// The kinds of caller credentials.
const (
	CredentialAPIKey = "api_key"
	CredentialJWT    = "jwt"
	CredentialMTLS   = "mtls"
)

// The reasons that a store or a Log sets.
const (
	// ReasonFileLost begins a file that continues a chain after the previous file was removed,
	// renamed or emptied.
	ReasonFileLost = "file_lost"
	// ReasonRotated begins a file that continues a chain after the sink renamed the previous file.
	ReasonRotated = "rotated"
	// ReasonFileDamaged begins a file that continues a chain after the content of the previous file
	// was found altered and moved aside.
	ReasonFileDamaged = "file_damaged"
	// ReasonWriteFailed means that writes failed for some time.
	ReasonWriteFailed = "write_failed"
	// ReasonTornTail means that the last line was incomplete when the process ended. The line was
	// never acknowledged, and was removed.
	ReasonTornTail = "torn_tail"
	// ReasonSuppressed marks a denial that stands for denials that were only counted.
	ReasonSuppressed = "DENIALS_SUPPRESSED"
)

// Record is one line of the trail. Every text has a class, listed in testdata/inventory.txt, that
// limits the length and the characters when the record is written: a name is free text, an id and a
// word are not.
type Record struct {
	// Kind is the kind of the record: intent, outcome, alarm, denial, reload, start or recovered.
	Kind RecordKind
	// Time is the time of the event, in microseconds. The sink sets a zero time to the current
	// time.
	Time time.Time
	// ID links the intent of a call with its outcome.
	ID string
	// Caller is the name of the principal. Empty if the caller was not authenticated.
	Caller string
	// Tenant is the team of the caller. TenantID is the stable identifier of the tenant, empty if
	// it equals Tenant.
	Tenant, TenantID string
	// Credential is the kind of credential, never the credential.
	Credential string
	// Issuer and Subject are the claims iss and sub of a token with a valid signature, even if the
	// subject is not admitted.
	Issuer, Subject string
	// JTI is the claim jti of a token with a valid signature. RunID is the claim run_id, with which
	// GitHub Actions identifies a workflow run. Each is empty if the token lacks the claim. Neither
	// grants access.
	JTI, RunID string
	// Method is the full name of the RPC.
	Method string
	// Action is the action of the method on its resource.
	Action string
	// Account is Cloudflare's identifier or the configured name.
	Account string
	// Store is the store that the call concerns.
	Store Store
	// Secrets are the secrets that the call concerns, at most 100.
	Secrets []Secret
	// SecretCount is the number of secrets, even if the list was truncated. It is raised to the
	// length of the list.
	SecretCount int
	// Changed names the fields of a secret that an update sets: value, scopes, comment. It never
	// holds their contents. "force" stands for the deletion of a store with all its secrets.
	Changed []string
	// Suppressed is the number of the caller's denials that were counted but not recorded, in a
	// denial with the reason DENIALS_SUPPRESSED.
	Suppressed int
	// Decision is the decision of the rules.
	Decision Decision
	// Policy is the digest of the rules in force.
	Policy string
	// Before and After are digests of a file, in a record of the kind reload: of the previous
	// content in force, and of the new content. After is empty if the file could not be read.
	Before, After string
	// Outcome is succeeded, failed, unknown or not_sent, in records of the kinds outcome and reload
	// only.
	Outcome Outcome
	// Reason is a machine word. Any other text is written as "invalid", so that an error text
	// cannot enter the trail.
	Reason string
	// Code is the machine word of the status returned to the caller.
	Code string
	// RequestID is the request ID in the log.
	RequestID string
	// TraceID is the W3C trace ID of the call, 32 hexadecimal digits. Traces and the log have the
	// same ID. Empty if the call belongs to no trace.
	TraceID string
	// Rays are the cf-ray identifiers of Cloudflare's answers, at most 16.
	Rays []string
	// Protocol is "grpc" or "rest".
	Protocol string
	// Peer is the network address of the caller.
	Peer string
}

// Store identifies a store.
type Store struct {
	// ID is Cloudflare's identifier.
	ID string
	// Name is the name of the store, empty if unknown.
	Name string
}

// Secret identifies a secret.
type Secret struct {
	// ID is Cloudflare's identifier. Empty for a secret that is being created.
	ID string
	// Name is the name of the secret, empty if unknown.
	Name string
	// Fingerprint is the result of the function Fingerprint, or empty. Any other form is written as
	// "invalid".
	Fingerprint string
}

// Decision is the decision of the rules about a call.
type Decision struct {
	// Allowed reports whether the call may continue.
	Allowed bool
	// Rule is the rule that decided.
	Rule string
	// ID is the decision ID in the error of a denied call.
	ID string
}
