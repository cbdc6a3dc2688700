package config

import (
	"iter"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// wholeNumber accepts only decimal notation without leading zeros: some programs read 010 as 8.
var wholeNumber = regexp.MustCompile(`^(0|-?[1-9][0-9]*)$`)

// settingTarget is a part of a Config that can be set.
type settingTarget struct {
	value reflect.Value
	// key is the full key, "" for the whole configuration.
	key string
	// words are the accepted values. Empty: any text.
	words []string
}

// defaulter is a list element with defaults.
type defaulter interface {
	setDefaults(dev bool)
}

// fields lists the keys of a section in the order of their declaration.
func fields(section reflect.Type) iter.Seq[reflect.StructField] {
	return func(yield func(reflect.StructField) bool) {
		for f := range section.Fields() {
			if name := f.Tag.Get("yaml"); name == "" || name == "-" {
				continue
			}
			if !yield(f) {
				return
			}
		}
	}
}

// names lists the names of the keys of a section.
func names(section reflect.Type) []string {
	var all []string
	for f := range fields(section) {
		all = append(all, f.Tag.Get("yaml"))
	}
	return all
}

// field returns the part of a section with this name.
func (t settingTarget) field(name string) (settingTarget, bool) {
	for f := range fields(t.value.Type()) {
		if f.Tag.Get("yaml") == name {
			return settingTarget{
				value: t.value.FieldByIndex(f.Index),
				key:   join(t.key, name),
				words: strings.Fields(f.Tag.Get("oneof")),
			}, true
		}
	}
	return settingTarget{}, false
}

// grow appends an element with its defaults to a list.
func (t settingTarget) grow(dev bool) {
	t.value.Set(reflect.Append(t.value, reflect.Zero(t.value.Type().Elem())))
	last := t.value.Index(t.value.Len() - 1)
	if d, ok := reflect.TypeAssert[defaulter](last.Addr()); ok {
		d.setDefaults(dev)
	}
}

// element returns the list element at index i, from 0.
func (t settingTarget) element(i int) settingTarget {
	at := section{key: t.key}.item(i)
	return settingTarget{value: t.value.Index(i), key: at.key}
}

// setText sets a scalar. It returns the mistake in the text, or "".
func (t settingTarget) setText(text string) string {
	if t.value.Type() == reflect.TypeFor[time.Duration]() {
		d, err := time.ParseDuration(text)
		if err != nil {
			return "must be a duration with a unit, such as 20s or 1m30s"
		}
		t.value.SetInt(int64(d))
		return ""
	}
	if t.value.Type() == reflect.TypeFor[Size]() {
		size, ok := parseSize(text)
		if !ok {
			return "must be a size in bytes with or without a unit, such as 1048576, 512KiB, 64MiB or 1GiB"
		}
		t.value.SetInt(int64(size))
		return ""
	}
	if t.value.Type() == reflect.TypeFor[Timestamp]() {
		at, ok := parseTimestamp(text)
		if !ok {
			return timestampRule
		}
		t.value.SetInt(int64(at))
		return ""
	}
	if number := t.number(); number != nil {
		n, err := strconv.Atoi(text)
		if err != nil || !wholeNumber.MatchString(text) {
			return "must be a whole number in digits, such as 20"
		}
		number(n)
		return ""
	}
	if len(t.words) > 0 && !slices.Contains(t.words, text) {
		return "must be one of " + strings.Join(t.words, ", ")
	}
	t.value.SetString(text)
	return ""
}

// number returns a function that sets a number, or nil if the part is not a
// number. A pointer is a number that may be missing.
func (t settingTarget) number() func(int) {
	switch t.value.Type() {
	case reflect.TypeFor[int]():
		return func(n int) { t.value.SetInt(int64(n)) }
	case reflect.TypeFor[*int]():
		return func(n int) { t.value.Set(reflect.ValueOf(&n)) }
	}
	return nil
}
