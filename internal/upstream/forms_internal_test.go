package upstream

import (
	"math/rand/v2"
	"regexp"
	"testing"
)

const rateItemForm = `"[A-Za-z0-9_-]{1,32}"( ?; ?[a-z]{1,4}=[0-9]{1,10}){1,4}`

var (
	rayForm  = regexp.MustCompile(`^[0-9a-f]{16}(-[A-Z]{3})?$`)
	rateForm = regexp.MustCompile(`^` + rateItemForm + `( ?, ?` + rateItemForm + `){0,3}$`)
)

// TestFormsAreThoseOfTheirExpressions mutates texts of each form at random and compares the
// functions with regular expressions.
func TestFormsAreThoseOfTheirExpressions(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	const letters = "\";,= -_azfgAZFG09\x00\n"
	for form, c := range map[*regexp.Regexp]struct {
		is    func(string) bool
		texts []string
	}{
		rayForm: {isRay, []string{"8f1c2d3e4a5b6c7d-FRA", "8f1c2d3e4a5b6c7d", ""}},
		rateForm: {isRate, []string{
			`"default";r=50;t=30`, `"a"; q=1200 ;w=300 , "b";r=1`, `"a";r=1,"b";r=1,"c";r=1,"d";r=1`, `"a";a=1;b=2;c=3;d=4`,
			`"abcdefghijklmnopqrstuvwxyzABCDEF";abcd=1234567890`, `"";r=1`, `"a"`, `"a";r=1,`, ``,
		}},
	} {
		accepted, refused := 0, 0
		for _, text := range c.texts {
			for range 20_000 {
				changed := []byte(text)
				for range random.IntN(3) {
					at, letter := random.IntN(len(changed)+1), letters[random.IntN(len(letters))]
					switch {
					case random.IntN(3) == 0 && at < len(changed):
						changed[at] = letter
					case random.IntN(2) == 0 && at < len(changed):
						changed = append(changed[:at], changed[at+1:]...)
					default:
						changed = append(changed[:at], append([]byte{letter}, changed[at:]...)...)
					}
				}
				is := c.is(string(changed))
				if is != form.Match(changed) {
					t.Fatalf("%q: %t", changed, is)
				}
				if is {
					accepted++
				} else {
					refused++
				}
			}
		}
		if accepted == 0 || refused == 0 {
			t.Errorf("%d were accepted and %d refused", accepted, refused)
		}
	}
}
