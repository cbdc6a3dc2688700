// Package calls makes single calls to a replica, over REST or gRPC, and says in
// one form what came of each.
//
// It repeats nothing, and must not know what a history is or what an answer
// should be.
package calls

import (
	"context"
	"slices"
	"strings"
	"time"
)

// Verdict is what an answer says.
type Verdict string

// The verdicts.
const (
	// Done is success.
	Done Verdict = "done"
	// Missing says that what the call is about does not exist.
	Missing Verdict = "missing"
	// Taken says that the name is in use.
	Taken Verdict = "taken"
	// Full says that a limit of the account or the tenant is reached.
	Full Verdict = "full"
	// Later says to come again: no call budget, or something is away. Whether a
	// change was made is not known.
	Later Verdict = "later"
	// Lost says that nothing is known: no answer, or one that explains nothing.
	Lost Verdict = "lost"
	// Unsent says that there was nobody to send the call to, so it did nothing.
	Unsent Verdict = "unsent"
	// Wrong is any other refusal; none belongs in these tests.
	Wrong Verdict = "wrong"
)

// Again says whether the same call may have another answer later.
func (v Verdict) Again() bool { return v == Later || v == Lost || v == Unsent }

// Secret is a secret as it can be seen.
type Secret struct {
	// ID, Name and Comment are Cloudflare's fields.
	ID, Name, Comment string
	// Scopes are joined by commas, in alphabetical order.
	Scopes string
}

// Write is what a create or an update sets. In an update what is empty stays.
type Write struct {
	// Value, Comment and Scopes are Cloudflare's fields; Scopes as in Secret.
	Value, Comment, Scopes string
}

// Place is where secrets are.
type Place struct {
	// Account and Store are identifiers.
	Account, Store string
}

// Mark says which call this is.
type Mark struct {
	// Key names a change. Empty: it has no name.
	Key string
	// Retry is how often the call was tried before, as Cloudflare's SDKs tell
	// over REST. It is told for a change without a key.
	Retry int
	// Fresh asks for nothing older than the call.
	Fresh bool
}

// Answer is what came of a call.
type Answer struct {
	// Verdict is the sum of it.
	Verdict Verdict
	// Secrets are those of the answer, in its order.
	Secrets []Secret
	// Replayed says that it is the answer of an earlier call.
	Replayed bool
	// Stale says that it is older than it should be, and known to be.
	Stale bool
	// Age is how old it says that it is, in whole seconds.
	Age time.Duration
	// RetryAfter is when to come again. 0: not said.
	RetryAfter time.Duration
	// Said is the answer in short, for a person: status and error.
	Said string
	// Body is the whole answer over REST.
	Body string
}

// Client makes calls as one caller.
type Client interface {
	// Create makes one secret.
	Create(ctx context.Context, m Mark, name string, w Write) Answer
	// Get reads one secret.
	Get(ctx context.Context, m Mark, id string) Answer
	// List reads up to 100 secrets, those with search in their name or comment.
	List(ctx context.Context, m Mark, search string) Answer
	// Update changes a secret.
	Update(ctx context.Context, m Mark, id string, w Write) Answer
	// Duplicate copies a secret under another name, with scopes of its own.
	Duplicate(ctx context.Context, m Mark, id, name string) Answer
	// Delete deletes a secret.
	Delete(ctx context.Context, m Mark, id string) Answer
}

// scopesOf splits the scopes of a Write.
func scopesOf(joined string) []string {
	if joined == "" {
		return nil
	}
	return strings.Split(joined, ",")
}

func joined(scopes []string) string {
	return strings.Join(slices.Sorted(slices.Values(scopes)), ",")
}
