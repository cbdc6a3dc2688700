package main

import (
	"bytes"
	"encoding/json"
	"slices"
)

// object is a JSON object whose members keep their order of insertion, so that
// the document follows the order of the proto files.
type object []member

// member is a key and its value.
type member struct {
	key   string
	value any
}

// with returns the object with one more member.
func (o object) with(key string, value any) object {
	return append(slices.Clip(o), member{key, value})
}

// withText is with for a text that may be empty, which is left out.
func (o object) withText(key, text string) object {
	if text == "" {
		return o
	}
	return o.with(key, text)
}

// get returns the value at key, or nil.
func (o object) get(key string) any {
	for _, m := range o {
		if m.key == key {
			return m.value
		}
	}
	return nil
}

// MarshalJSON writes the members in their order.
func (o object) MarshalJSON() ([]byte, error) {
	var out bytes.Buffer
	out.WriteByte('{')
	for i, m := range o {
		if i > 0 {
			out.WriteByte(',')
		}
		key, err := plain(m.key)
		if err != nil {
			return nil, err
		}
		value, err := plain(m.value)
		if err != nil {
			return nil, err
		}
		out.Write(key)
		out.WriteByte(':')
		out.Write(value)
	}
	out.WriteByte('}')
	return out.Bytes(), nil
}

// plain is json.Marshal without the escapes that are meant for HTML.
func plain(value any) ([]byte, error) {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), nil
}

// indent returns value as a text that a person can read and a diff can show.
func indent(value any) ([]byte, error) {
	text, err := plain(value)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	if err := json.Indent(&out, text, "", "  "); err != nil {
		return nil, err
	}
	out.WriteByte('\n')
	return out.Bytes(), nil
}
