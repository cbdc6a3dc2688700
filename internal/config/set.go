package config

import (
	"fmt"
	"reflect"
	"regexp"
	"strconv"
	"strings"
)

var (
	// setKey matches a full key: names, each with optional indexes, joined by
	// dots.
	setKey = regexp.MustCompile(`^[^.\[\]]+(\[[0-9]{1,4}\])*(\.[^.\[\]]+(\[[0-9]{1,4}\])*)*$`)
	// setStep matches one name or one index of a key.
	setStep = regexp.MustCompile(`\[[0-9]{1,4}\]|[^.\[\]]+`)
)

// setter applies --set arguments in order. The last argument for a key counts.
type setter struct {
	report *mistakeReport
	dev    bool
}

// apply applies one argument of the form KEY=VALUE.
func (s setter) apply(set string, whole reflect.Value) {
	key, text, ok := strings.Cut(set, "=")
	if !ok || !setKey.MatchString(key) {
		s.fail(quoteName(key), "must be written KEY=VALUE, such as listen.rest=127.0.0.1:18080 or accounts[0].name=main")
		return
	}
	t := settingTarget{value: whole}
	for _, step := range setStep.FindAllString(key, -1) {
		if t, ok = s.step(t, step); !ok {
			return
		}
		if _, known := s.report.positions[t.key]; !known {
			s.report.positions[t.key] = keyPosition{set: true}
		}
	}
	s.report.positions[t.key] = keyPosition{set: true}
	s.give(t, text)
}

// step returns a part of t.
func (s setter) step(t settingTarget, step string) (settingTarget, bool) {
	if index, ok := strings.CutPrefix(step, "["); ok {
		return s.index(t, strings.TrimSuffix(index, "]"))
	}
	if t.value.Kind() != reflect.Struct {
		s.fail(t.key, howToSet(t))
		return t, false
	}
	part, ok := t.field(step)
	if !ok {
		s.report.unknown(keyPosition{set: true}, t.key, step, names(t.value.Type()))
	}
	return part, ok
}

// index returns an element of a list. The first index past the end appends an element.
func (s setter) index(t settingTarget, digits string) (settingTarget, bool) {
	if t.value.Kind() != reflect.Slice {
		s.fail(t.key, howToSet(t))
		return t, false
	}
	i, err := strconv.Atoi(digits)
	if err != nil || i > t.value.Len() {
		s.fail(t.key, fmt.Sprintf("has %d elements here, so the next is %s[%d]", t.value.Len(), t.key, t.value.Len()))
		return t, false
	}
	if i == t.value.Len() {
		t.grow(s.dev)
	}
	return t.element(i), true
}

// give sets the value of a key.
func (s setter) give(t settingTarget, text string) {
	var complaint string
	switch t.value.Kind() {
	case reflect.Struct, reflect.Slice:
		complaint = howToSet(t)
	default:
		complaint = t.setText(text)
	}
	// The argument overrides the value in the file and any mistake in that value.
	delete(s.report.reported, t.key)
	if complaint != "" {
		s.report.wrong(keyPosition{set: true}, t.key, complaint)
	}
}

func (s setter) fail(key, text string) { s.report.add(keyPosition{set: true}, key, text) }

// howToSet says how a part can be set.
func howToSet(t settingTarget) string {
	switch t.value.Kind() {
	case reflect.Struct:
		return "is a section; set one of its keys: " + strings.Join(names(t.value.Type()), ", ")
	case reflect.Slice:
		return "is a list; set its elements one by one, from " + t.key + "[0]"
	default:
		return "is a single value; set it as " + t.key + "=VALUE"
	}
}
