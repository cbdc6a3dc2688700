package upstream

import "testing"

// A value of few letters is found only in the forms in which JSON encoders write it.
func TestAShortValueIsFoundInEachFormOfJSON(t *testing.T) {
	const value = "a<b\u2028c"
	for _, text := range []string{`a<b\u2028c`, `a\u003cb\u2028c`} {
		if !quotes("said "+text, value) {
			t.Errorf("not found in %q", text)
		}
	}
}
