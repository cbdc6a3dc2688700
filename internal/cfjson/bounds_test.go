package cfjson_test

import (
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf8"

	secretsstorev1 "platform.internal/storekeeper/gen/secretsstore/v1"
	"platform.internal/storekeeper/internal/cfjson"
	"platform.internal/storekeeper/internal/contract"
)

// repeated is a text of a part many times over, which takes no memory itself.
type repeated struct {
	before, part, after string
	times               int
}

func (r repeated) reader() io.Reader {
	parts := []io.Reader{strings.NewReader(r.before)}
	piece := strings.Repeat(r.part, max(1, r.times/100))
	for range r.times / max(1, r.times/100) {
		parts = append(parts, strings.NewReader(piece))
	}
	return io.MultiReader(append(parts, strings.NewReader(r.after))...)
}

func (r repeated) bytes() int { return len(r.before) + len(r.part)*r.times + len(r.after) }

// TestReadingABodyTakesTheMemoryOfItsBytes: for any body, decoding needs little more memory than the bytes of
// the body, both allocated and live.
func TestReadingABodyTakesTheMemoryOfItsBytes(t *testing.T) {
	const most = 4 << 20
	of := func(before, part, after string) repeated {
		return repeated{before, part, after, most / len(part)}
	}
	for name, body := range map[string]repeated{
		"scopes":                   of(`[{"name":"A","scopes":["a"`, `,"a"`, `]}]`),
		"scopes of no text":        of(`[{"scopes":[1`, `,1`, `]}]`),
		"unknown names":            of(`[{"x":1`, `,"name of a field":1`, `}]`),
		"unknown names in turn":    of(`[{"x":1`, distinct(), `}]`),
		"unknown names in a value": of(`[{"x":{"y":1`, distinct(), `}}]`),
		"names twice in a value":   of(`[{"x":{"y":1`, `,"name of a field":1`, `}}]`),
		"a name twice":             of(`[{"name":"a"`, `,"name":"a"`, `}]`),
		"objects in a value":       of(`[{"x":[{}`, `,{"a":{}}`, `]}]`),
		"depth of arrays":          of(``, `[`, ``),
		"depth of objects":         of(`[`, `{"x":`, ``),
		"depth below a field":      of(`[{"name":`, `[`, ``),
		"a long name":              of(`[{"`, `a`, `":1}]`),
		"a long value":             of(`[{"value":"`, `a`, `"}]`),
		"a long escaped value":     of(`[{"value":"`, "\\u0001", `"}]`),
		"a long value of pairs":    of(`[{"value":"`, `\ud83d\ude00`, `"}]`),
		"halves of pairs":          of(`[{"value":"`, `\ud83d`, `"}]`),
		"a long unknown value":     of(`[{"x":"`, `a`, `"}]`),
		"a long number":            of(`[{"x":1`, `1`, `}]`),
		"a long word":              of(`[`, `t`, `]`),
		"space":                    of(`[`, ` `, `]`),
		"space and lines":          of(`[{"name":`, " \n\t", `1}]`),
		"items":                    of(`[{}`, `,{}`, `]`),
		"long items":               of(`[{}`, `,{"value":"`+strings.Repeat("a", 60_000)+`","comment":"`+strings.Repeat("a", 60_000)+`"}`, `]`),
		"long scopes":              of(`[{"scopes":["a"`, `,"`+strings.Repeat("a", 60_000)+`"`, `]}]`),
	} {
		t.Run(name, func(t *testing.T) {
			var list []*secretsstorev1.NewSecret
			found := &contract.Mistakes{}
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			if err := cfjson.ReadRequest(body.reader(), &list, found); err != nil {
				t.Fatal(err)
			}
			runtime.ReadMemStats(&after)
			grown, scopes := after.TotalAlloc-before.TotalAlloc, 0
			for _, s := range list {
				scopes += len(s.GetScopes())
			}
			t.Logf("%.1f MiB took %.1f MiB", float64(body.bytes())/(1<<20), float64(grown)/(1<<20))
			if grown > 2*most || len(list) > 101 || scopes > 101*101 || len(found.Fields) > 1000 {
				t.Errorf("%d items, %d scopes, %d mistakes", len(list), scopes, len(found.Fields))
			}
		})
	}
}

// distinct is a MiB of members with names of their own.
func distinct() string {
	var b strings.Builder
	for n := 0; b.Len() < 1<<20; n++ {
		_, _ = fmt.Fprintf(&b, `,"%06d":1`, n)
	}
	return b.String()
}

// TestACutTextStaysLongerThanItsRule: a truncated text must break its rule. Otherwise a change would be made
// with half of the text.
func TestACutTextStaysLongerThanItsRule(t *testing.T) {
	for name, unit := range map[string]string{
		"plain": "a", "escaped": `\u0001`, "pairs": `\ud83d\ude00`, "three bytes": "€", "four bytes": "😀", "quotes": `\"`, "slashes": `\\`, "mixed": `a\u00e9€\n`,
	} {
		for _, extra := range []string{"", "b", "bc", "bcd", "bcde", "bcdef"} {
			long := extra + strings.Repeat(unit, 800_000/len(unit))
			var list []*secretsstorev1.NewSecret
			found := &contract.Mistakes{}
			body := `[{"name":"` + long + `","comment":"` + long + `","value":"` + long + `","scopes":["` + long + `"]}]`
			if err := cfjson.ReadRequest(strings.NewReader(body), &list, found); err != nil || len(found.Fields) != 0 {
				t.Fatalf("%s: %v %v", name, err, found.Fields)
			}
			s := list[0]
			if utf8.RuneCountInString(s.GetName()) <= 256 || len(s.GetValue()) <= 65536 || len(s.GetComment()) <= 65536 || len(s.GetScopes()[0]) <= 64 {
				t.Errorf("%s%s: %d, %d, %d, %d bytes", extra, name, len(s.GetName()), len(s.GetValue()), len(s.GetComment()), len(s.GetScopes()[0]))
			}
			if len(s.GetName()) > 2000 || len(s.GetValue()) > 66_000 {
				t.Errorf("%s: %d and %d bytes are kept", name, len(s.GetName()), len(s.GetValue()))
			}
		}
	}
}

// TestABodyIsReadAlikeHoweverItArrives: the decoder checks everything except the truncated parts.
func TestABodyIsReadAlikeHoweverItArrives(t *testing.T) {
	for _, body := range []string{
		`[{"name":"A","value":"a\"b\\","scopes":["w"]},{"name":"B" , "value" :"x" }]`, `[{"name":"A}]`, `[ 1 , true,null,{"name":"\ud83d"}]`,
		` [ { "name" : "\ud83d\ude00" } ] `, `[{"name":"A" "value":"v"}]`, `[tr ue]`, `[1 2]`, `[{"name":"A"}] x`,
	} {
		results := map[string]bool{}
		for _, r := range []io.Reader{strings.NewReader(body), iotest.OneByteReader(strings.NewReader(body)), iotest.HalfReader(strings.NewReader(body))} {
			var list []*secretsstorev1.NewSecret
			found := &contract.Mistakes{}
			if err := cfjson.ReadRequest(r, &list, found); err != nil {
				t.Fatal(err)
			}
			results[fmt.Sprint(list, found.Fields)] = true
		}
		if len(results) != 1 {
			t.Errorf("%s: %v", body, results)
		}
	}
}

// TestAListOfOtherThingsKeepsItsLength: a list of identifiers that is too long must not become shorter.
// Otherwise the remaining objects would be deleted.
func TestAListOfOtherThingsKeepsItsLength(t *testing.T) {
	ids := &secretsstorev1.DeleteSecretsRequest{}
	body := `{"ids":["a"` + strings.Repeat(`,1`, 200) + `]}`
	if err := cfjson.ReadRequest(strings.NewReader(body), ids, &contract.Mistakes{}); err != nil || len(ids.GetIds()) != 101 {
		t.Errorf("%v, %d identifiers", err, len(ids.GetIds()))
	}
}
