package config

import (
	"fmt"
	"reflect"
	"slices"
)

// MainFile is the configuration file, "" in dev mode.
func (c *Config) MainFile() string { return c.input.name }

// Reparse parses other contents of the configuration file and of callers.file
// with the --set arguments of c, the configuration that the service was started
// with. inForce are its callers now. main is not used in dev mode, and callers not
// without callers.file. If main names another callers.file, the file in use stays:
// that takes a restart, and NeedRestart tells. An error is of type Mistakes.
func (c *Config) Reparse(main, callers []byte, inForce Callers) (*Config, error) {
	read := func(string) ([]byte, error) { return callers, nil }
	from := input{name: c.input.name, sets: c.input.sets, running: c, inForce: &inForce}
	if c.Dev {
		return dev(from, read)
	}
	return parse(from, main, read)
}

// NeedRestart lists the keys whose values differ from those of started and take
// effect at a restart only, sorted. The sections with the tag live take effect
// when they are reloaded.
func (c *Config) NeedRestart(started *Config) []string {
	var keys []string
	if c.callersFile != started.callersFile {
		keys = append(keys, "callers.file")
	}
	differing(reflect.ValueOf(*started), reflect.ValueOf(*c), "", &keys)
	slices.Sort(keys)
	return keys
}

// differing appends the keys of a section whose values differ, except those that
// are reloaded.
func differing(a, b reflect.Value, key string, keys *[]string) {
	for f := range fields(a.Type()) {
		if f.Tag.Get("live") != "" {
			continue
		}
		at := join(key, f.Tag.Get("yaml"))
		x, y := a.FieldByIndex(f.Index), b.FieldByIndex(f.Index)
		switch {
		case f.Type.Kind() == reflect.Struct:
			differing(x, y, at, keys)
		case f.Type.Kind() == reflect.Slice && f.Type.Elem().Kind() == reflect.Struct && x.Len() == y.Len():
			for i := range x.Len() {
				differing(x.Index(i), y.Index(i), fmt.Sprintf("%s[%d]", at, i), keys)
			}
		case !reflect.DeepEqual(x.Interface(), y.Interface()):
			*keys = append(*keys, at)
		}
	}
}

// CheckNewFiles checks those files of the section callers that earlier does not
// name, as CheckFiles does. A file that is in use already cannot keep a change of
// the callers from being used.
func (c *Config) CheckNewFiles(earlier *Config) error {
	known := map[string]bool{}
	for _, f := range earlier.callerFiles(section{}) {
		known[*f.name] = true
	}
	r := c.report.withoutMistakes()
	for _, f := range c.callerFiles(section{report: r}) {
		if !known[*f.name] {
			f.check()
		}
	}
	return r.err()
}
