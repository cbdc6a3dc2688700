package upstream

import (
	"fmt"
	"io"
)

// Value is a secret value. It prints as "[redacted]" under every formatter.
type Value string

// String returns "[redacted]".
func (Value) String() string { return redacted }

// GoString returns "[redacted]".
func (Value) GoString() string { return redacted }

// Format prints "[redacted]" for every verb.
func (Value) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, redacted) }

// MarshalJSON returns "[redacted]" as a JSON string.
func (Value) MarshalJSON() ([]byte, error) { return []byte(`"` + redacted + `"`), nil }
