package config

import (
	"fmt"
	"reflect"
	"slices"
)

// MainFile is the configuration file, "" in dev mode.
func (c *Config) MainFile() string { return c.input.name }

// Reparse parses other contents of the configuration file and of callers.file with the --set arguments of c,
// the configuration at the start of the service. inForce are the current callers. main is ignored in dev
// mode, and callers without callers.file. If main names another callers.file, the file in use stays, because
// the change needs a restart, and NeedRestart reports the key. An error is of type Mistakes.
func (c *Config) Reparse(main, callers []byte, inForce Callers) (*Config, error) {
	read := func(string) ([]byte, error) { return callers, nil }
	from := input{name: c.input.name, sets: c.input.sets, running: c, inForce: &inForce}
	if c.Dev {
		return dev(from, read)
	}
	return parse(from, main, read)
}

// NeedRestart lists the keys whose values differ from those of started and take effect only at a restart,
// sorted. Sections with the tag live take effect at a reload.
func (c *Config) NeedRestart(started *Config) []string {
	var keys []string
	if c.callersFile != started.callersFile {
		keys = append(keys, "callers.file")
	}
	differing(reflect.ValueOf(*started), reflect.ValueOf(*c), "", &keys)
	slices.Sort(keys)
	return keys
}

// differing appends the keys of a section whose values differ, except reloadable keys.
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
		case f.Type.Kind() == reflect.Slice && x.Len()+y.Len() == 0:
			// An empty list means the same as an absent one.
		case !reflect.DeepEqual(x.Interface(), y.Interface()):
			*keys = append(*keys, at)
		}
	}
}

// CheckNewFiles checks those files of the section callers that earlier does not name, like CheckFiles. A file
// that is already in use cannot block a change of the callers.
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
