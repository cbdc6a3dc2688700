package audit

import "time"

// Kind says what a record is about.
type Kind string

// The kinds of record.
const (
	// KindIntent comes before anything leaves for Cloudflare.
	KindIntent Kind = "intent"
	// KindOutcome says how the call of an intent ended.
	KindOutcome Kind = "outcome"
	// KindAlarm is about the call of an intent, and stands beside the outcome of
	// the call. It is no outcome: the intent stays open until it has one.
	KindAlarm Kind = "alarm"
	// KindDenial is a call that was refused. Nothing left.
	KindDenial Kind = "denial"
	// KindReload says that a file which is watched has changed: its action names the
	// file, and its outcome is Succeeded if the new content is in force, and Failed
	// if the content before stays.
	KindReload Kind = "reload"
	// KindStart is written by the sink itself when it starts. The first one of
	// all begins the chain.
	KindStart Kind = "start"
	// KindRecovered is written by the sink itself when it went on after a
	// fault. Its reason is one of the Reason constants.
	KindRecovered Kind = "recovered"
)

// Outcome says how a call ended.
type Outcome string

// The outcomes.
const (
	// Succeeded means that the change was made.
	Succeeded Outcome = "succeeded"
	// Failed means that the change was certainly not made.
	Failed Outcome = "failed"
	// Unknown means that the change may or may not have been made. Whatever
	// is not one of these words is written as Unknown.
	Unknown Outcome = "unknown"
	// NotSent means that nothing left for Cloudflare.
	NotSent Outcome = "not_sent"
)

// The kinds of credential that a caller shows.
const (
	CredentialAPIKey = "api_key"
	CredentialJWT    = "jwt"
	CredentialMTLS   = "mtls"
)

// The reasons that a store, or a Log, writes by itself.
const (
	// ReasonFileLost begins a file that continues a chain: the one before was
	// removed, renamed or emptied.
	ReasonFileLost = "file_lost"
	// ReasonRotated begins a file that continues a chain: the sink has given the
	// one before another name.
	ReasonRotated = "rotated"
	// ReasonFileDamaged begins a file that continues a chain: what was found
	// in place of the one before was moved aside.
	ReasonFileDamaged = "file_damaged"
	// ReasonWriteFailed means that writing failed for a while.
	ReasonWriteFailed = "write_failed"
	// ReasonTornTail means that the last line was cut off when the process
	// ended. It was never acknowledged, and was removed.
	ReasonTornTail = "torn_tail"
	// ReasonSuppressed is that of a denial that stands for those that were
	// counted only.
	ReasonSuppressed = "DENIALS_SUPPRESSED"
)

// Record is one line of the trail. Every text has a class, listed in
// testdata/inventory.txt, that bounds its length and its characters when it is
// written: a name is free text, an id and a word are not.
type Record struct {
	// Kind is set by the Log.
	Kind Kind
	// Time is when it happened. The sink fills in a zero time; microseconds
	// are kept.
	Time time.Time
	// ID links the intent of a call with its outcome.
	ID string
	// Caller is the name of the principal. Empty where nobody was
	// authenticated.
	Caller string
	// Tenant is the team that the caller acts for. TenantID is its stable id, empty
	// where that is Tenant.
	Tenant, TenantID string
	// Credential is the kind of credential, never the credential.
	Credential string
	// Issuer and Subject are the claims iss and sub of a token whose signature
	// was good, also where its holder is not admitted.
	Issuer, Subject string
	// JTI is the claim jti of such a token, and RunID the claim run_id, by which
	// GitHub Actions names the run of a workflow. Each is empty where the token
	// has none. Neither lets anybody in.
	JTI, RunID string
	// Method is the RPC.
	Method string
	// Action is what the method does to its resource.
	Action string
	// Account is Cloudflare's identifier or the configured name.
	Account string
	// Store is the store that the call is about.
	Store Store
	// Secrets are the secrets that the call is about, at most 100.
	Secrets []Secret
	// SecretCount is how many there are, also where the list was cut. It is
	// raised to the length of the list.
	SecretCount int
	// Changed names the fields of a secret that an update sets: value, scopes,
	// comment. It never holds what they are set to. "force" stands for a deletion
	// of a store with all secrets in it.
	Changed []string
	// Suppressed is how many denials of the caller were counted and not
	// recorded, in a denial that says so and stands for them.
	Suppressed int
	// Decision is what the rules said.
	Decision Decision
	// Policy is the digest of the rules that decided.
	Policy string
	// Before and After are the digests of a file, in a record of KindReload: of the
	// content that was in force, and of the new content. After is empty if the file
	// could not be read.
	Before, After string
	// Outcome is for records of KindOutcome and KindReload only.
	Outcome Outcome
	// Reason is a machine word. Anything else is written as "invalid", so that
	// the text of an error cannot slip in.
	Reason string
	// Code is the machine word of the status that the caller gets.
	Code string
	// RequestID finds the call in the log.
	RequestID string
	// TraceID is the W3C trace of the call, 32 hexadecimal digits. It finds the
	// call in traces and in the log. Empty: the call belongs to no trace.
	TraceID string
	// Rays are the cf-ray identifiers of Cloudflare's answers, at most 16.
	Rays []string
	// Protocol is "grpc" or "rest".
	Protocol string
	// Peer is the network address of the caller.
	Peer string
}

// Store names a store.
type Store struct {
	// ID is Cloudflare's identifier.
	ID string
	// Name is empty where it is not known.
	Name string
}

// Secret names a secret.
type Secret struct {
	// ID is Cloudflare's identifier. Empty for a secret that is being created.
	ID string
	// Name is empty where it is not known.
	Name string
	// Fingerprint is what the function of that name gave, or empty. Anything
	// of another form is written as "invalid".
	Fingerprint string
}

// Decision is what the rules said about a call.
type Decision struct {
	// Allowed says whether the call may go on.
	Allowed bool
	// Rule is the rule that decided.
	Rule string
	// ID is told to the caller of a denied call.
	ID string
}
