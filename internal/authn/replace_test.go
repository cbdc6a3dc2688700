package authn_test

import (
	"crypto/sha256"
	"crypto/x509"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"platform.internal/storekeeper/internal/authn"
	"platform.internal/storekeeper/internal/authn/authntest"
	"platform.internal/storekeeper/internal/fault"
)

func keyOf(name, key string) authn.APIKey {
	return authn.APIKey{Digest: sha256.Sum256([]byte(key)), Principal: authn.Principal{Name: name}}
}

func TestAKeyThatIsTakenOutIsRefusedAtOnce(t *testing.T) {
	a := start(t, authn.Config{APIKeys: []authn.APIKey{keyOf("a", "key-a"), keyOf("b", "key-b")}})
	early := a.Identify(t.Context(), bearer("key-a"))
	if err := a.Replace(authn.Config{APIKeys: []authn.APIKey{keyOf("b", "key-b"), keyOf("c", "key-c")}}); err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]string{"key-a": fault.ReasonCredentialUnknown, "key-b": "b", "key-c": "c"} {
		if got := answer(a, bearer(key)); got != want {
			t.Errorf("%s: got %s, want %s", key, got, want)
		}
	}
	// The body of this call had not arrived completely.
	if early.Err != nil || fault.From(a.Recheck(t.Context(), early).Err).Reason != fault.ReasonCredentialUnknown {
		t.Errorf("authenticated before: %v, then %v", early.Err, a.Recheck(t.Context(), early).Err)
	}
}

func TestARecheckLeavesAloneWhatNobodyReplaced(t *testing.T) {
	a := start(t, authn.Config{APIKeys: []authn.APIKey{keyOf("a", "key-a")}})
	for name, o := range map[string]authn.Authentication{
		"a caller":           a.Identify(t.Context(), bearer("key-a")),
		"a refusal":          a.Identify(t.Context(), bearer("key-x")),
		"one made elsewhere": {Principal: authn.Principal{Name: "elsewhere"}},
	} {
		if got := a.Recheck(t.Context(), o); got.Principal.Name != o.Principal.Name || got.Err != o.Err { //nolint:errorlint // the same error, not one like it
			t.Errorf("%s: got %+v, want %+v", name, got, o)
		}
	}
}

func TestCallersThatAreWrongChangeNothing(t *testing.T) {
	i := authntest.NewIssuer(t)
	a := start(t, authn.Config{APIKeys: []authn.APIKey{keyOf("a", "key-a")}, Issuers: []authn.Issuer{trusting(i)}})
	token := i.Key().Sign(t, nil, i.Claims(audience, workload))
	missing := trusting(i)
	missing.Name, missing.URL, missing.JWKSFile = "other", "https://other.example.com", filepath.Join(t.TempDir(), "none.json")
	for name, c := range map[string]authn.Config{
		"two callers of a key":     {APIKeys: []authn.APIKey{keyOf("a", "key-x"), keyOf("b", "key-x")}},
		"a pattern for everybody":  {Certificates: []authn.Certificate{{SAN: "spiffe://prod.example.com/*", Name: "a"}}},
		"an issuer without a file": {APIKeys: []authn.APIKey{keyOf("x", "key-x")}, Issuers: []authn.Issuer{trusting(i), missing}},
	} {
		if err := a.Replace(c); err == nil {
			t.Errorf("%s: no error", name)
		}
		if got := []string{answer(a, bearer("key-a")), answer(a, bearer("key-x")), answer(a, bearer(token))}; fmt.Sprint(got) != fmt.Sprint([]string{"a", fault.ReasonCredentialUnknown, "ci:" + workload}) {
			t.Errorf("%s: got %v", name, got)
		}
	}
}

func TestACachedTokenOfASubjectThatIsTakenOutIsRefused(t *testing.T) {
	i := authntest.NewIssuer(t)
	given := trusting(i)
	a := start(t, authn.Config{Issuers: []authn.Issuer{given}})
	token := i.Key().Sign(t, nil, i.Claims(audience, workload))
	if got := answer(a, bearer(token)); got != "ci:"+workload {
		t.Fatal(got)
	}
	fetches := i.Fetches()
	other := given
	other.Subjects = []authn.Subject{{Match: "repo:my-org/search:*"}}
	for _, test := range []struct {
		issuers []authn.Issuer
		want    string
	}{
		{[]authn.Issuer{given}, "ci:" + workload},
		{[]authn.Issuer{other}, fault.ReasonCredentialNotAdmitted},
		{[]authn.Issuer{given}, "ci:" + workload},
		{nil, fault.ReasonCredentialUnknown},
	} {
		if err := a.Replace(authn.Config{Issuers: test.issuers}); err != nil {
			t.Fatal(err)
		}
		if got := answer(a, bearer(token)); got != test.want {
			t.Errorf("with %+v: got %s, want %s", test.issuers, got, test.want)
		}
	}
	if n := i.Fetches(); n != fetches {
		t.Errorf("the keys were fetched %d times more", n-fetches)
	}
}

func TestACertificateThatIsTakenOutIsRefusedOnItsConnection(t *testing.T) {
	authority := authntest.NewAuthority(t)
	leaf := authority.Sign(authntest.Leaf{DNS: []string{"ci.example.com"}}).Leaf
	c := authn.Credentials{Chains: [][]*x509.Certificate{{leaf}}}
	a := start(t, authn.Config{Certificates: certificates()})
	if got := answer(a, c); got != "ci" {
		t.Fatal(got)
	}
	if err := a.Replace(authn.Config{Certificates: certificates()[:1]}); err != nil {
		t.Fatal(err)
	}
	if got := answer(a, c); got != fault.ReasonCredentialNotAdmitted {
		t.Errorf("got %s", got)
	}
}

func TestAKeyIsGoodWithinItsTimes(t *testing.T) {
	now := newClock()
	key := keyOf("a", "key-a")
	key.Principal.NotBefore, key.Principal.Expires = now.Now().Add(time.Minute), now.Now().Add(2*time.Minute)
	a := start(t, authn.Config{APIKeys: []authn.APIKey{key}, Clock: now.Now})
	for _, want := range []string{fault.ReasonCredentialNotYetValid, "a", fault.ReasonCredentialExpired} {
		if got := answer(a, bearer("key-a")); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		now.advance(time.Minute)
	}
}

func TestCallersAreReplacedWhileTheyCall(t *testing.T) {
	i := authntest.NewIssuer(t)
	with := authn.Config{APIKeys: []authn.APIKey{keyOf("a", "key-a"), keyOf("b", "key-b")}, Issuers: []authn.Issuer{trusting(i)}}
	without := authn.Config{APIKeys: []authn.APIKey{keyOf("a", "key-a")}}
	a := start(t, with)
	var calls sync.WaitGroup
	end := make(chan struct{})
	for range 4 {
		calls.Go(func() {
			for {
				select {
				case <-end:
					return
				default:
				}
				if got := answer(a, bearer("key-a")); got != "a" {
					t.Errorf("a key that is always there: %s", got)
				}
				if got := answer(a, bearer("key-b")); got != "b" && got != fault.ReasonCredentialUnknown {
					t.Errorf("a key that comes and goes: %s", got)
				}
				a.Issuers()
			}
		})
	}
	for range 50 {
		for _, c := range []authn.Config{without, with} {
			if err := a.Replace(c); err != nil {
				t.Error(err)
			}
		}
	}
	close(end)
	calls.Wait()
}
