package config_test

import (
	"slices"
	"strings"
	"testing"

	"platform.internal/storekeeper/internal/authn"
	"platform.internal/storekeeper/internal/config"
)

// TestListsAreThoseOfAccess: package config does not import the packages that it configures, so it repeats
// their lists.
func TestListsAreThoseOfAccess(t *testing.T) {
	const issuer = "callers.issuers[0]."
	sets := []string{issuer + "name=a", issuer + "issuer=https://a", issuer + "audiences[0]=a", issuer + "subjects[0].match=x"}
	try := func(key, value string) error {
		_, err := config.Load(minimal, append(slices.Clone(sets), issuer+key+"="+value))
		return err
	}
	for _, claim := range authn.SubjectClaims() {
		if err := try("subjects[0].claim", claim); err != nil {
			t.Errorf("%s: %v", claim, err)
		}
	}
	for _, algorithm := range authn.Algorithms() {
		if err := try("algorithms[0]", algorithm); err != nil {
			t.Errorf("%s: %v", algorithm, err)
		}
	}
	for key, list := range map[string][]string{"subjects[0].claim": authn.SubjectClaims(), "algorithms[0]": authn.Algorithms()} {
		err := try(key, "x")
		if err == nil {
			t.Fatal("x was accepted")
		}
		_, named, _ := strings.Cut(err.Error(), "must be one of ")
		named, _, _ = strings.Cut(named, ";")
		got, want := strings.Split(named, ", "), slices.Clone(list)
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("%s can be %v, and authn knows %v", key, got, want)
		}
	}
}
