package upstream

import (
	"fmt"
	"io"
)

// Value is a secret value. It prints as "[redacted]", whatever prints it.
type Value string

// String gives "[redacted]".
func (Value) String() string { return redacted }

// GoString gives "[redacted]".
func (Value) GoString() string { return redacted }

// Format prints "[redacted]" for every verb.
func (Value) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, redacted) }

// MarshalJSON gives "[redacted]" as a JSON string.
func (Value) MarshalJSON() ([]byte, error) { return []byte(`"` + redacted + `"`), nil }
