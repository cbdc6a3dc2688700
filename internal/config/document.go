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

// source is a file of the configuration. key is the key whose value is the document: "" for the configuration
// file itself.
type source struct {
	file, key string
}

// at returns a position in the file.
func (s source) at(line int) keyPosition { return keyPosition{file: s.file, line: line} }

// document parses the single YAML document in data. It returns nil if there is none, and reports data that is
// not YAML.
func (r *mistakeReport) document(s source, data []byte) *yaml.Node {
	r.positions[s.key] = s.at(1)
	if line := unreadable(data); line > 0 {
		r.wrong(s.at(line), s.key, "must be text in UTF-8 without control characters")
		return nil
	}
	dec := yaml.NewDecoder(bytes.NewReader(data))
	first, err := decodeDocument(dec)
	if errors.Is(err, io.EOF) {
		return nil
	}
	if err != nil {
		r.syntax(s, err, data)
		return nil
	}
	second, err := decodeDocument(dec)
	switch {
	case err == nil:
		r.add(s.at(second.Line), s.key, "must be one YAML document; remove the line --- and what follows, or merge it")
	case !errors.Is(err, io.EOF):
		r.syntax(s, err, data)
	}
	return first
}

// decodeDocument parses a document. The library panics on some malformed input; the panic becomes an error.
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
