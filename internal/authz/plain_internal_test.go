package authz

import (
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"
)

// plainRule is the line of a rule in the form of the documentation.
const plainRule = `  - {id: a, actions: [secret.get, "store.*"], when: 'principal.tenant == "a" && secret.startsWith("A_")'}`

// sameAsYAML fails the test if readPlain and the YAML library disagree about a text that readPlain reads.
func sameAsYAML(t *testing.T, text string) (plain bool) {
	t.Helper()
	got, plain := readPlain([]byte(text))
	if !plain {
		return false
	}
	want, err := readYAML([]byte(text))
	if err != nil {
		t.Fatalf("the YAML library refuses what readPlain reads: %v\n%s", err, text)
	}
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("readPlain reads %#v, and the YAML library reads %#v\n%s", got, want, text)
	}
	return true
}

func TestRulesOfTheDocumentedFormAreReadPlainly(t *testing.T) {
	for name, text := range map[string]string{
		"one rule":             "rules:\n" + plainRule,
		"two rules":            "rules:\n" + plainRule + "\n" + strings.Replace(plainRule, "a,", "b,", 1) + "\n",
		"no indentation":       "rules:\n" + strings.TrimLeft(plainRule, " ") + "\n",
		"comments and blanks":  "# rules\n\nrules:  \n  # one\n\n" + plainRule + "  \n# end\n",
		"tests":                "rules:\n" + plainRule + "\n\ntests:\n  # one\n  - {name: a, as: {tenant: a}, do: secret.get, on: {store: b, secret: A_B}, allow: a}\n",
		"another order":        "rules:\n  - {when: \"true\", id: 'a b', actions: ['*']}\n",
		"spaces":               "rules:\n  - {  id:   a ,   actions:  [ a ,b ]  , when:  true  }\n",
		"one key":              "rules:\n  - {id: a}\n",
		"a word like a number": "rules:\n  - {id: e1, actions: [inf, nan, y, _1], when: 'null'}\n",
	} {
		if !sameAsYAML(t, text) {
			t.Errorf("%s: the rules are not read plainly", name)
		}
	}
	for _, file := range []string{"../../deploy/policy.example.yaml", "../../deploy/kubernetes/policy.yaml"} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !sameAsYAML(t, string(text)) {
			t.Errorf("%s is not read plainly", file)
		}
	}
}

// otherForms are texts that only the YAML library can read, or nobody.
var otherForms = []string{
	"", "rules:\n", "rules: []\n", "rules:\ntests:\n", "a: b\n", "tests:\n  - {name: a}\nrules:\n" + plainRule,
	"---\nrules:\n" + plainRule, "rules:\n" + plainRule + "\n---\n", "rules:\n" + plainRule + "\n...\n",
	"rules:\n" + plainRule + "\nrules:\n" + plainRule, "rules:\n" + plainRule + "\nother: a\n",
	"rules:\n" + plainRule + "\n " + plainRule, "rules:\n" + plainRule + "\n" + plainRule[1:], "rules:\n" + plainRule + " # a\n",
	"rules:\n" + plainRule + "\ntests:\n  - {name: a}\nrules: []\n", "rules:\n" + plainRule + "\ntests:\n  - {nme: a}\n",
	"rules:\n" + plainRule + "\ntests:\n  - {name: a}\n---\nrules: []\n",
	"rules:\n  - {id: &a a, actions: [a], when: *a}\n", "rules:\n  - {id: a, actions: [a], when: 'it''s'}\n",
	"rules:\n  - {id: a, actions: [a], when: \"\\x41\"}\n", "rules:\n  - {id: a, actions: [a], when: 'a\n    b'}\n",
	"rules:\n  - {id: null, actions: [a], when: a}\n", "rules:\n  - {id: 1, actions: [0x1], when: 1.5}\n",
	"rules:\n  - {id: a, id: b}\n", "rules:\n  - {id: a, nme: b}\n", "rules:\n  - {id: a, actions: []}\n", "rules:\n  - {id: '', id: b}\n",
	"rules:\n  - {id: a, actions: [a,]}\n", "rules:\n  - {id: a,}\n", "rules:\n  - {}\n", "rules:\n  - {id: a b}\n", "rules:\n  - {id: a: b}\n",
	"rules:\n  - {id: a, actions: a, when: [b]}\n", "rules:\n  - {id: !!str a}\n", "rules:\n  - {id: a}: b\n", "rules:\n  - id: a\n",
	"rules:\n\t- {id: a}\n", "rules:\r\n  - {id: a}\r\n", "\ufeffrules:\n" + plainRule, "rules:\n  - {id: ä}\n", "rules:\n" + plainRule + "\ntests:\n  - {name: ä}\n", "rules:\n  - {id: a\x00}\n",
	"rules:\n  - {\"id\": a}\n", "rules:\n  - {id:a}\n", "rules:\n  - {? id: a}\n", "rules:\n  - {id: a}}\n", "rules:\n  -{id: a}\n", "rules:\n  - - {id: a}\n",
}

func TestAnyOtherFormIsLeftToTheLibrary(t *testing.T) {
	for _, text := range otherForms {
		if _, plain := readPlain([]byte(text)); plain {
			t.Errorf("readPlain reads %q", text)
		}
	}
}

func TestMistakesOfPlainRulesHaveLines(t *testing.T) {
	_, _, err := Parse([]byte("# one\nrules:\n" + plainRule + "\n" + strings.Replace(plainRule, "store.*", "x", 1)))
	if err == nil || !strings.Contains(err.Error(), "line 4: rules[1]") {
		t.Errorf("the error is %v", err)
	}
}

// FuzzPlainRules changes texts of both kinds. Whatever readPlain reads, the YAML library reads too.
func FuzzPlainRules(f *testing.F) {
	f.Add("rules:\n" + plainRule + "\ntests:\n  - {name: a, as: {tenant: a}, do: secret.get, on: {store: b}, deny: true}\n")
	for _, text := range otherForms {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) { sameAsYAML(t, text) })
}

func BenchmarkParse(b *testing.B) {
	var text strings.Builder
	text.WriteString("rules:\n")
	for i := range 1000 {
		fmt.Fprintf(&text, "  - {id: rule-%d, actions: [\"secret.*\", store.get], when: 'principal.tenant == \"t%[1]d\" && store == \"s\"'}\n", i)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := Parse([]byte(text.String())); err != nil {
			b.Fatal(err)
		}
	}
}
