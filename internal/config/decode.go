package config

import (
	"fmt"
	"reflect"
	"strings"

	"go.yaml.in/yaml/v3"
)

// nodeDecoder copies YAML nodes into a Config. The decoder of the YAML library
// stops at the first unknown key and has no line numbers afterwards.
type nodeDecoder struct {
	report *mistakeReport
	source source
}

// decode copies a node into a part of the Config.
func (d nodeDecoder) decode(n *yaml.Node, t settingTarget) {
	switch {
	case n.Kind == yaml.AliasNode:
		d.wrong(n, t, "must not be an alias; write the value out, or put quotes around a value that starts with *")
	case n.Style&yaml.TaggedStyle != 0:
		d.wrong(n, t, "must not have a tag; put quotes around a value that starts with !")
	case t.value.Kind() == reflect.Struct:
		d.section(n, t)
	case t.value.Kind() == reflect.Slice:
		d.list(n, t)
	default:
		d.text(n, t)
	}
}

// section copies a mapping. A section without keys keeps its defaults: such a section is left if all its
// lines are commented out.
func (d nodeDecoder) section(n *yaml.Node, t settingTarget) {
	if isNull(n) {
		return
	}
	if n.Kind != yaml.MappingNode {
		d.wrong(n, t, "must be a section with the keys "+strings.Join(names(t.value.Type()), ", "))
		return
	}
	given := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		d.pair(n.Content[i], n.Content[i+1], t, given)
	}
}

// pair copies the value of a key. given holds the lines of the earlier keys of the section.
func (d nodeDecoder) pair(key, value *yaml.Node, t settingTarget, given map[string]int) {
	at, known := d.source.at(key.Line), names(t.value.Type())
	if !isName(key) {
		d.report.add(at, t.key, "must have plain words as keys: "+strings.Join(known, ", "))
		return
	}
	part, ok := t.field(key.Value)
	if !ok {
		d.report.unknown(at, t.key, key.Value, known)
		return
	}
	if line, twice := given[key.Value]; twice {
		d.report.add(at, part.key, fmt.Sprintf("is already given on line %d; keep one of them", line))
		return
	}
	given[key.Value] = key.Line
	d.report.positions[part.key] = at
	d.decode(value, part)
}

// list copies a sequence. An empty list is written as [], which is then not nil,
// or left out.
func (d nodeDecoder) list(n *yaml.Node, t settingTarget) {
	if isNull(n) {
		return
	}
	if n.Kind != yaml.SequenceNode {
		d.wrong(n, t, "must be a list, each element after a dash")
		return
	}
	if len(n.Content) == 0 {
		t.value.Set(reflect.MakeSlice(t.value.Type(), 0, 0))
	}
	for i, item := range n.Content {
		t.grow(false)
		part := t.element(i)
		d.report.positions[part.key] = d.source.at(item.Line)
		d.decode(item, part)
	}
}

// text copies a scalar. A number is read as the text that is written, since an
// identifier can consist of digits.
func (d nodeDecoder) text(n *yaml.Node, t settingTarget) {
	switch {
	case n.Kind != yaml.ScalarNode:
		d.wrong(n, t, "must be a single value, not a section or a list")
	case isNull(n):
		d.wrong(n, t, "has no value; give one or remove the key")
	case n.Tag == "!!bool":
		d.wrong(n, t, "must be a text, not true or false; put quotes around a text that looks like it")
	default:
		if text := t.setText(n.Value); text != "" {
			d.wrong(n, t, text)
		}
	}
}

func (d nodeDecoder) wrong(n *yaml.Node, t settingTarget, text string) {
	d.report.wrong(d.source.at(n.Line), t.key, text)
}

// isNull reports whether a node is null.
func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.Tag == "!!null" }

// isName reports whether a node can be the name of a key.
func isName(n *yaml.Node) bool {
	return n.Kind == yaml.ScalarNode && n.Style&yaml.TaggedStyle == 0 && !isNull(n)
}
