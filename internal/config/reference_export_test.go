package config

import (
	"reflect"
	"strconv"
	"strings"
	"time"
)

// KeyReference documents one key of the configuration.
type KeyReference struct {
	// Name is the last part of Key.
	Name string
	// Key is the full key, with "[]" after the name of a list.
	Key string
	// Type is the type of the value, such as "duration".
	Type string
	// Default is the default value, or words if there is none. Empty for a
	// section.
	Default string
	// Meaning describes the effect of the key and the valid values.
	Meaning string
	// Example is an example value in YAML. Empty for a section.
	Example string
	// Live says that a change of the key takes effect without a restart.
	Live bool
	// Rare says that most configurations do not need the key.
	Rare bool
	// Parts are the keys of a section, or of each element of a list of
	// sections.
	Parts []KeyReference
}

// Reference documents every key, in the order of the types.
func Reference() []KeyReference {
	return describe(reflect.ValueOf(*newConfig("", false)), "")
}

// describe lists the keys of a section with its defaults.
func describe(section reflect.Value, key string) []KeyReference {
	var all []KeyReference
	for f := range fields(section.Type()) {
		value := section.FieldByIndex(f.Index)
		e := KeyReference{
			Name:    f.Tag.Get("yaml"),
			Key:     join(key, f.Tag.Get("yaml")),
			Type:    typeName(f),
			Default: defaultText(f, value),
			Meaning: f.Tag.Get("doc"),
			Example: f.Tag.Get("example"),
			Live:    f.Tag.Get("live") != "",
		}
		if sample, ok := f.Tag.Lookup("sample"); ok {
			e.Example, e.Rare = sample, true
		}
		switch {
		case value.Kind() == reflect.Struct:
			e.Parts = describe(value, e.Key)
		case value.Kind() == reflect.Slice:
			e.Key += "[]"
			e.Parts = describeElement(value.Type(), e.Key)
		}
		all = append(all, e)
	}
	return all
}

// describeElement lists the keys of an element of a list, if it has keys.
func describeElement(list reflect.Type, key string) []KeyReference {
	if list.Elem().Kind() != reflect.Struct {
		return nil
	}
	t := settingTarget{value: reflect.New(list).Elem()}
	t.grow(false)
	return describe(t.value.Index(0), key)
}

// typeName returns the type of a field's value.
func typeName(f reflect.StructField) string {
	switch {
	case f.Tag.Get("type") != "":
		return f.Tag.Get("type")
	case f.Tag.Get("oneof") != "":
		return strings.Join(strings.Fields(f.Tag.Get("oneof")), " or ")
	case f.Type == reflect.TypeFor[time.Duration]():
		return "duration"
	case f.Type == reflect.TypeFor[Size]():
		return "size"
	case f.Type == reflect.TypeFor[Timestamp]():
		return "time"
	case f.Type == reflect.TypeFor[int](), f.Type == reflect.TypeFor[*int]():
		return "number"
	case f.Type == reflect.TypeFor[[]string]():
		return "list of text"
	case f.Type.Kind() == reflect.Slice:
		return "list of sections"
	case f.Type.Kind() == reflect.Struct:
		return "section"
	default:
		return "text"
	}
}

// defaultText returns the default of a field, or the words for a missing
// default.
func defaultText(f reflect.StructField, value reflect.Value) string {
	if need := f.Tag.Get("need"); need != "" {
		return need
	}
	if value.Kind() == reflect.Struct {
		return "" // each of its keys has one
	}
	switch v := value.Interface().(type) {
	case time.Duration:
		return v.String()
	case Size:
		return v.String()
	case int:
		return strconv.Itoa(v)
	case string:
		if v != "" {
			return v
		}
	}
	return "none"
}
