// Package calls makes single calls to a replica, over REST or gRPC, and returns
// the answers in one form.
//
// It repeats no call, and must not know histories or expected answers.
package calls

import (
	"context"
	"slices"
	"strings"
	"time"
)

// Verdict classifies an answer.
type Verdict string

// The verdicts.
const (
	// Done is success.
	Done Verdict = "done"
	// Missing means that the object of the call does not exist.
	Missing Verdict = "missing"
	// Taken says that the name is in use.
	Taken Verdict = "taken"
	// Full says that a limit of the account or the tenant is reached.
	Full Verdict = "full"
	// Later says to come again: no call budget, or something is away. Whether a
	// change was made is not known.
	Later Verdict = "later"
	// Lost means that the effect is unknown: no answer, or an answer without an explanation.
	Lost Verdict = "lost"
	// Unsent means that no connection could be made, so the call had no effect.
	Unsent Verdict = "unsent"
	// Wrong is any other refusal; none belongs in these tests.
	Wrong Verdict = "wrong"
)

// Again reports whether the same call may have another answer later.
func (v Verdict) Again() bool { return v == Later || v == Lost || v == Unsent }

// Secret is the visible part of a secret.
type Secret struct {
	// ID, Name and Comment are Cloudflare's fields.
	ID, Name, Comment string
	// Scopes are joined by commas, in alphabetical order.
	Scopes string
}

// Write has the fields that a create or an update sets. An update does not change fields that are empty here.
type Write struct {
	// Value, Comment and Scopes are Cloudflare's fields; Scopes as in Secret.
	Value, Comment, Scopes string
}

// Place names an account and a store.
type Place struct {
	// Account and Store are identifiers.
	Account, Store string
}

// Mark says which call this is.
type Mark struct {
	// Key is the idempotency key of a change. Empty: none.
	Key string
	// Retry is the number of earlier attempts, as Cloudflare's SDKs send it
	// over REST for a change without a key.
	Retry int
	// Fresh asks for nothing older than the call.
	Fresh bool
}

// Answer is the result of a call.
type Answer struct {
	// Verdict classifies the answer.
	Verdict Verdict
	// Secrets has the secrets of the answer, in order.
	Secrets []Secret
	// Replayed marks the answer of an earlier call.
	Replayed bool
	// Stale marks an answer from an outdated cache entry.
	Stale bool
	// Age is the header Age, in whole seconds.
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
	// List reads up to 100 secrets with search in their name or comment.
	List(ctx context.Context, m Mark, search string) Answer
	// Update changes a secret.
	Update(ctx context.Context, m Mark, id string, w Write) Answer
	// Duplicate copies a secret under another name, with new scopes.
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
