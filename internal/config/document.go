package config

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// document parses the one YAML document in data. It returns nil if there is
// none, and reports data that is not YAML.
func (r *report) document(data []byte) *yaml.Node {
	r.positions[""] = keyPosition{line: 1}
	if line := unreadable(data); line > 0 {
		r.wrong(keyPosition{line: line}, "", "must be text in UTF-8 without control characters")
		return nil
	}
	dec := yaml.NewDecoder(bytes.NewReader(data))
	first, err := decodeDocument(dec)
	if errors.Is(err, io.EOF) {
		return nil
	}
	if err != nil {
		r.syntax(err, data)
		return nil
	}
	second, err := decodeDocument(dec)
	switch {
	case err == nil:
		r.add(keyPosition{line: second.Line}, "", "must be one YAML document; remove the line --- and what follows, or merge it")
	case !errors.Is(err, io.EOF):
		r.syntax(err, data)
	}
	return first
}

// decodeDocument parses one document. The library panics on some malformed
// input; the panic becomes an error.
func decodeDocument(dec *yaml.Decoder) (n *yaml.Node, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = errors.New("yaml: unknown problem")
		}
	}()
	var doc yaml.Node
	if err := dec.Decode(&doc); err != nil {
		return nil, err
	}
	if len(doc.Content) != 1 {
		return nil, errors.New("yaml: unknown problem")
	}
	return doc.Content[0], nil
}

// unreadable returns the first line, from 1, that is not plain text, or 0.
func unreadable(data []byte) int {
	for at := 0; at < len(data); {
		c, size := utf8.DecodeRune(data[at:])
		broken := c == utf8.RuneError && size == 1
		if broken || unicode.IsControl(c) && !strings.ContainsRune("\t\n\r", c) {
			return 1 + bytes.Count(data[:at], []byte("\n"))
		}
		at += size
	}
	return 0
}
