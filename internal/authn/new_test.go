package authn_test

import (
	"crypto/sha256"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"platform.internal/storekeeper/internal/authn"
)

// TestUnsafeConfigurationsAreRefused: the configuration refuses all of these with line and key. New refuses
// them too, so that other callers of New are safe.
func TestUnsafeConfigurationsAreRefused(t *testing.T) {
	file := filepath.Join(t.TempDir(), "broken")
	if err := os.WriteFile(file, []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	with := func(change func(*authn.Issuer)) authn.Config {
		i := authn.Issuer{
			Name: "ci", URL: "https://issuer.example.com", Audiences: []string{audience}, Subjects: []authn.Subject{{Match: workload}},
		}
		change(&i)
		return authn.Config{Issuers: []authn.Issuer{i}}
	}
	issuers := func(names, urls [2]string) authn.Config {
		one := with(func(i *authn.Issuer) { i.Name, i.URL = names[0], urls[0] })
		two := with(func(i *authn.Issuer) { i.Name, i.URL = names[1], urls[1] })
		return authn.Config{Issuers: append(one.Issuers, two.Issuers...)}
	}
	key := authn.APIKey{Digest: sha256.Sum256([]byte("x")), Principal: authn.Principal{Name: "ci:" + workload}}
	for name, test := range map[string]struct {
		config authn.Config
		want   string
	}{
		"no audience":                    {with(func(i *authn.Issuer) { i.Audiences = nil }), "an audience must be given"},
		"an empty audience":              {with(func(i *authn.Issuer) { i.Audiences = []string{""} }), "an audience must be given"},
		"no subject":                     {with(func(i *authn.Issuer) { i.Subjects = nil }), "a subject must be given"},
		"a whole organisation":           {with(func(i *authn.Issuer) { i.Subjects[0].Match = "repo:my-org/*" }), "whole organisation"},
		"an owner by its claim":          {with(func(i *authn.Issuer) { i.Subjects[0].Claim = "repository_owner" }), "must be one of"},
		"a star for another claim":       {with(func(i *authn.Issuer) { i.Subjects[0] = authn.Subject{Match: "a/b/c/*", Claim: "project_path"} }), "must have no *"},
		"a symmetric algorithm":          {with(func(i *authn.Issuer) { i.Algorithms = []string{"HS256"} }), "algorithms must be of"},
		"no algorithm":                   {with(func(i *authn.Issuer) { i.Algorithms = []string{"none"} }), "algorithms must be of"},
		"plain text":                     {with(func(i *authn.Issuer) { i.URL = "http://issuer.example.com" }), "must start with https://"},
		"no URL":                         {with(func(i *authn.Issuer) { i.URL = "" }), "must be a URL"},
		"keys in plain text":             {with(func(i *authn.Issuer) { i.JWKSURL = "http://issuer.example.com/keys" }), "must start with https://"},
		"two sources of keys":            {with(func(i *authn.Issuer) { i.JWKSURL, i.JWKSFile = "https://a/keys", file }), "one source"},
		"no file of keys":                {with(func(i *authn.Issuer) { i.JWKSFile = file + "2" }), "no such file"},
		"a folder of keys":               {with(func(i *authn.Issuer) { i.JWKSFile = filepath.Dir(file) }), "not a regular file"},
		"a broken file of keys":          {with(func(i *authn.Issuer) { i.JWKSFile = file }), "has no public"},
		"no authorities":                 {with(func(i *authn.Issuer) { i.CAFile = file }), "no certificate"},
		"a name with a colon":            {with(func(i *authn.Issuer) { i.Name = "a:b" }), "the name must be"},
		"two issuers of one name":        {issuers([2]string{"a", "a"}, [2]string{"https://a", "https://b"}), "mint the same principal"},
		"two issuers of one URL":         {issuers([2]string{"a", "b"}, [2]string{"https://a", "https://a/"}), "have one URL"},
		"a key with a token's name":      {authn.Config{APIKeys: []authn.APIKey{key}}, "must not be empty or hold a colon"},
		"a certificate with such a name": {authn.Config{Certificates: []authn.Certificate{{SAN: "a.b", Name: "ci:x"}}}, "must not be empty or hold a colon"},
		"a whole trust domain":           {authn.Config{Certificates: []authn.Certificate{{SAN: "spiffe://a/*", Name: "x"}}}, "whole trust domain"},
		"two entries for one name": {authn.Config{Certificates: []authn.Certificate{
			{SAN: "spiffe://a/ns/b/*", Name: "x"}, {SAN: "spiffe://a/ns/b/sa/c", Name: "y"},
		}}, `"x" and "y" cover one name`},
	} {
		t.Run(name, func(t *testing.T) {
			a, err := authn.New(test.config)
			if err == nil {
				a.Close()
			}
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}
