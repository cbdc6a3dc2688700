package contract

import (
	"context"
	"slices"

	"platform.internal/storekeeper/internal/fault"
)

// Body is the path of a mistake about the whole body.
const Body = "body"

// Mistakes collects the mistakes of a request during decoding. The caller gets these mistakes together with
// every violated rule, and only after authentication. Mistakes is for one request and one goroutine at a
// time.
type Mistakes struct {
	// Fields are parts of the request that cannot be decoded.
	Fields []fault.Field
	// Fault, if set, is the reason why the whole request cannot be decoded.
	Fault *fault.Error
	// Unread says that the request was not read, because no rule can allow the call. If Fault is set, Fault
	// is the reason why the rules could not be checked.
	Unread bool
}

// maxMistakes limits the number of mistakes and thus the size of the answer. A body of the maximum size could
// contain millions.
const maxMistakes = 1000

// Add notes a part of the request that cannot be decoded. text describes the correct form. Add returns false
// if no further mistake will be noted, so that the decoder can stop.
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

// MistakesFrom returns the Mistakes in ctx, or a new unused Mistakes. It is never nil.
func MistakesFrom(ctx context.Context) *Mistakes {
	if m, ok := ctx.Value(mistakesKey{}).(*Mistakes); ok {
		return m
	}
	return &Mistakes{}
}

func (m *Mistakes) fields() []fault.Field { return slices.Clone(m.Fields) }

// bodyUnreadable reports whether the whole body could not be decoded. Its empty fields are then not reported.
func (m *Mistakes) bodyUnreadable() bool {
	return slices.ContainsFunc(m.Fields, func(f fault.Field) bool { return f.Path == Body })
}
