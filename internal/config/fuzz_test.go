package config_test

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"platform.internal/storekeeper/internal/config"
)

// FuzzParse: for any input, the result is a configuration or a list of mistakes, one per line.
func FuzzParse(f *testing.F) {
	for _, pattern := range []string{"testdata/valid/*.yaml", "testdata/invalid/*.yaml"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			f.Fatalf("no files match %s: %v", pattern, err)
		}
		for _, file := range files {
			f.Add(read(f, file), "listen.rest=127.0.0.1:1")
		}
	}
	f.Add([]byte("a: [b, {c: d}]\n--- \n...\n"), "accounts[0].credential.email")
	f.Fuzz(func(t *testing.T, data []byte, set string) {
		c, err := config.Parse("fuzz.yaml", data, []string{set})
		if (c == nil) == (err == nil) {
			t.Fatalf("got %v and %v", c, err)
		}
		if err == nil {
			return
		}
		mistakes, ok := errors.AsType[config.Mistakes](err)
		if !ok || len(mistakes) == 0 {
			t.Fatalf("the error is %T with nothing in it", err)
		}
		for _, m := range mistakes {
			if strings.ContainsAny(m.String(), "\n\r\x1b") || m.Text == "" {
				t.Errorf("the mistake is not one line: %q", m.String())
			}
			if m.File != config.CommandLine && (m.Line < 1 || m.Line > lines(data)) {
				t.Errorf("no such line: %q", m.String())
			}
		}
	})
}

// lines is how many lines there are at most, by any of YAML's line breaks.
func lines(data []byte) int {
	n := 1
	for _, c := range string(data) {
		if strings.ContainsRune("\n\r\u2028\u2029", c) {
			n++
		}
	}
	return n
}
