package authz

import (
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Mistake is a mistake in a policy file.
type Mistake struct {
	// File is the name of the file. Empty: the content was given without a name.
	File string
	// Line is the line in the file, from 1. 0: not known.
	Line int
	// Text names the key, and describes the mistake and the correct form.
	Text string
}

// String formats the mistake as "file:line: text".
func (m Mistake) String() string {
	at := m.File
	switch {
	case m.Line > 0 && at == "":
		at = "line " + strconv.Itoa(m.Line)
	case m.Line > 0:
		at += ":" + strconv.Itoa(m.Line)
	}
	if at == "" {
		return m.Text
	}
	return at + ": " + m.Text
}

// Mistakes are all mistakes that were found in a policy file.
type Mistakes []Mistake

// Error returns one mistake after the other, each on a line of its own.
func (m Mistakes) Error() string {
	lines := make([]string, len(m))
	for i, mistake := range m {
		lines[i] = mistake.String()
	}
	return strings.Join(lines, "\n")
}

// inFile names the file of mistakes.
func inFile(name string, err error) error {
	mistakes, ok := errors.AsType[Mistakes](err)
	if !ok {
		return fmt.Errorf("%s: %w", name, err)
	}
	named := make(Mistakes, len(mistakes))
	for i, m := range mistakes {
		m.File = name
		named[i] = m
	}
	return named
}

// itemError is a mistake in an item of a list of the file.
type itemError struct {
	list  string
	index int
	err   error
}

func (e itemError) Error() string { return e.err.Error() }

// leaves returns the errors that were joined.
func leaves(err error) []error {
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return []error{err}
	}
	var all []error
	for _, one := range joined.Unwrap() {
		all = append(all, leaves(one)...)
	}
	return all
}

// located converts joined errors about items to mistakes, with the lines of the items.
func located(err error, data []byte) error {
	if err == nil {
		return nil
	}
	var whole struct{ Rules, Tests []yaml.Node }
	_ = yaml.Unmarshal(data, &whole) // it was decoded before
	lines := map[string][]yaml.Node{"rules": whole.Rules, "tests": whole.Tests}
	var mistakes Mistakes
	for _, one := range leaves(err) {
		m := Mistake{Text: one.Error()}
		if item, ok := errors.AsType[itemError](one); ok && item.index < len(lines[item.list]) {
			m.Line = lines[item.list][item.index].Line
		}
		mistakes = append(mistakes, m)
	}
	return mistakes
}

var (
	errorLine  = regexp.MustCompile(`^(?:yaml: )?line ([0-9]+): `)
	unknownKey = regexp.MustCompile(`(?s)^field (.*) not found in type authz\.(\w+)$`)
	wrongKind  = regexp.MustCompile(`(?s)^cannot unmarshal .* into (\S+)`)
)

// unreadable converts an error of the YAML library, which names types of this program, to mistakes.
func unreadable(err error) Mistakes {
	wrong, ok := errors.AsType[*yaml.TypeError](err)
	if !ok {
		m := atLine(err.Error())
		m.Text = "is not YAML (" + strings.TrimPrefix(m.Text, "yaml: ") + ")"
		return Mistakes{m}
	}
	var mistakes Mistakes
	for _, text := range wrong.Errors {
		m := atLine(text)
		if key := unknownKey.FindStringSubmatch(m.Text); key != nil {
			m.Text = strings.Join(strings.Fields(key[1]), " ") + ": unknown key; the keys here are " + strings.Join(keysOf(key[2]), ", ")
		} else if kind := wrongKind.FindStringSubmatch(m.Text); kind != nil {
			m.Text = "must be " + formOf(kind[1])
		}
		mistakes = append(mistakes, m)
	}
	return mistakes
}

// atLine takes the line number from a text of the YAML library.
func atLine(text string) Mistake {
	m := errorLine.FindStringSubmatch(text)
	if m == nil {
		return Mistake{Text: text}
	}
	line, _ := strconv.Atoi(m[1]) // digits
	return Mistake{Line: line, Text: strings.TrimPrefix(text, m[0])}
}

// keysOf returns the keys of a type of the file.
func keysOf(name string) []string {
	var keys []string
	for _, t := range []reflect.Type{
		reflect.TypeFor[PolicyFile](), reflect.TypeFor[Rule](), reflect.TypeFor[Test](), reflect.TypeFor[Caller](), reflect.TypeFor[TestObject](),
	} {
		if t.Name() != name {
			continue
		}
		for field := range t.Fields() {
			keys = append(keys, field.Tag.Get("yaml"))
		}
	}
	return keys
}

// formOf describes the values of a Go type.
func formOf(kind string) string {
	switch kind {
	case "string":
		return "a text"
	case "bool":
		return "true or false"
	case "[]string":
		return "a list of texts, such as [a, b]"
	case "[]authz.Rule":
		return "a list of rules, each after a dash"
	case "[]authz.Test":
		return "a list of tests, each after a dash"
	case "map[string]interface":
		return "claims, each as NAME: VALUE"
	}
	if keys := keysOf(strings.TrimPrefix(kind, "authz.")); keys != nil {
		return "KEY: VALUE, with the keys " + strings.Join(keys, ", ")
	}
	return "of another form"
}
