package contract

import (
	"context"
	"slices"

	"platform.internal/storekeeper/internal/fault"
)

// Body is the path of a mistake that is about a body as a whole.
const Body = "body"

// Mistakes collects what is wrong with a request while it is being decoded, so
// that the caller hears of it together with every broken rule, and only after
// the call was authenticated. It serves one request and one goroutine at a
// time.
type Mistakes struct {
	// Fields are parts of the request that cannot be read.
	Fields []fault.Field
	// Fault, where it is set, says that the request cannot be read at all.
	Fault *fault.Error
	// Unread says that the request was left unread, since no rule could allow the
	// call whatever it asks for, or Fault says why that cannot be told.
	Unread bool
}

// maxMistakes bounds what is noted, and so what is answered: a body of the
// greatest length has room for millions of mistakes.
const maxMistakes = 1000

// Add notes a part of the request that cannot be read. text says what would be
// right. Add returns false when no further mistake would be noted, so that the
// decoder can stop.
func (m *Mistakes) Add(path, reason, text string) bool {
	if len(m.Fields) < maxMistakes {
		m.Fields = append(m.Fields, fault.Field{Path: path, Reason: reason, Text: text})
	}
	return len(m.Fields) < maxMistakes
}

type mistakesKey struct{}

// WithMistakes returns a context for a request whose decoder fills m.
func WithMistakes(ctx context.Context, m *Mistakes) context.Context {
	return context.WithValue(ctx, mistakesKey{}, m)
}

// MistakesFrom returns what WithMistakes put into ctx, and otherwise a place
// that nobody reads. It is never nil.
func MistakesFrom(ctx context.Context) *Mistakes {
	if m, ok := ctx.Value(mistakesKey{}).(*Mistakes); ok {
		return m
	}
	return &Mistakes{}
}

func (m *Mistakes) fields() []fault.Field { return slices.Clone(m.Fields) }

// bodyUnreadable says whether nothing of the body could be read, so that its fields
// would be blamed for being empty without reason.
func (m *Mistakes) bodyUnreadable() bool {
	return slices.ContainsFunc(m.Fields, func(f fault.Field) bool { return f.Path == Body })
}
