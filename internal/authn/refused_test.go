package authn_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"platform.internal/storekeeper/internal/authn"
	"platform.internal/storekeeper/internal/authn/authntest"
	"platform.internal/storekeeper/internal/fault"
)

// canary stands in every token below and must be in no answer.
const canary = "c4n4ry-claim"

// forger makes bad tokens.
type forger struct {
	testing.TB

	issuer *authntest.Issuer
}

// with is a token that is good but for these changes of claims.
func (f forger) with(changes map[string]any) string {
	all := map[string]any{"x": canary}
	maps.Copy(all, changes)
	return f.issuer.Token(audience, workload, all)
}

// headed returns a token that is valid except for its header.
func (f forger) headed(header map[string]any) string {
	claims := f.issuer.Claims(audience, workload)
	claims["x"] = canary
	return f.issuer.Key().Sign(f, header, claims)
}

// forged is a token with a signature of the test's making.
func (f forger) forged(header map[string]any, sign func([]byte) []byte) string {
	claims := f.issuer.Claims(audience, workload)
	claims["x"] = canary
	return authntest.Forge(f, header, claims, sign)
}

// raw returns a token, signed by the issuer, with claims that Go's JSON encoder would not write.
func (f forger) raw(format string) string {
	exp := time.Now().Add(time.Hour).Unix()
	claims := strings.NewReplacer("ISS", f.issuer.URL, "AUD", audience, "SUB", workload, "EXP", fmt.Sprint(exp)).Replace(format)
	header := map[string]any{"alg": "ES256", "kid": f.issuer.Key().ID}
	return authntest.Forge(f, header, []byte(claims), f.issuer.Key().Signature(f))
}

func hs256(key []byte) func([]byte) []byte {
	return func(input []byte) []byte {
		mac := hmac.New(sha256.New, key)
		mac.Write(input)
		return mac.Sum(nil)
	}
}

func hs512(key []byte) func([]byte) []byte {
	return func(input []byte) []byte {
		mac := hmac.New(sha512.New, key)
		mac.Write(input)
		return mac.Sum(nil)
	}
}

func TestBadTokensAreRefused(t *testing.T) {
	i := authntest.NewIssuer(t)
	rsaKey := authntest.NewKey(t, jose.RS256)
	i.Publish(i.Key(), rsaKey)
	a := start(t, authn.Config{
		APIKeys: []authn.APIKey{{Digest: sha256.Sum256([]byte(teamKey)), Principal: authn.Principal{Name: "team-a"}}},
		Issuers: []authn.Issuer{trusting(i)},
	})
	f := forger{t, i}
	spki, err := x509.MarshalPKIXPublicKey(rsaKey.Private.Public())
	if err != nil {
		t.Fatal(err)
	}
	publicPEM := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: spki})
	stranger := authntest.NewKey(t, jose.ES256)
	borrowed := stranger
	borrowed.ID = i.Key().ID
	padded := rsaKey
	padded.Algorithm = jose.PS256
	brought := jose.JSONWebKey{Key: stranger.Private.Public(), KeyID: stranger.ID, Algorithm: "ES256"}
	good := f.with(nil)
	parts := strings.Split(good, ".")
	hour := func(n int) int64 { return time.Now().Add(time.Duration(n) * time.Hour).Unix() }

	for name, test := range map[string]struct{ token, reason string }{
		"expired":                                   {f.with(map[string]any{"exp": hour(-1)}), authn.Expired},
		"expired this second":                       {f.with(map[string]any{"exp": time.Now().Unix()}), authn.Expired},
		"no end":                                    {f.with(map[string]any{"exp": nil}), authn.Malformed},
		"end 0":                                     {f.with(map[string]any{"exp": 0}), authn.Expired},
		"end is a text":                             {f.with(map[string]any{"exp": "9999999999"}), authn.Malformed},
		"end after all time":                        {f.with(map[string]any{"exp": 1e300}), authn.Malformed},
		"end before all time":                       {f.with(map[string]any{"exp": -1}), authn.Malformed},
		"not valid yet":                             {f.with(map[string]any{"nbf": hour(1)}), authn.NotYetValid},
		"not valid for a minute":                    {f.with(map[string]any{"nbf": time.Now().Add(time.Minute).Unix()}), authn.NotYetValid},
		"beginning is a text":                       {f.with(map[string]any{"nbf": "0"}), authn.Malformed},
		"made for another":                          {f.with(map[string]any{"aud": "other"}), authn.WrongAudience},
		"made for others":                           {f.with(map[string]any{"aud": []string{"other", audience + ".evil"}}), authn.WrongAudience},
		"made for nobody":                           {f.with(map[string]any{"aud": nil}), authn.WrongAudience},
		"audience is no text":                       {f.with(map[string]any{"aud": []any{audience, 1}}), authn.Malformed},
		"another issuer":                            {f.with(map[string]any{"iss": "https://evil.example.com"}), authn.WrongIssuer},
		"the issuer with a slash":                   {f.with(map[string]any{"iss": i.URL + "/"}), authn.WrongIssuer},
		"no issuer":                                 {f.with(map[string]any{"iss": nil}), authn.WrongIssuer},
		"issuer is no text":                         {f.with(map[string]any{"iss": []string{i.URL}}), authn.Malformed},
		"no subject":                                {f.with(map[string]any{"sub": nil}), authn.Malformed},
		"empty subject":                             {f.with(map[string]any{"sub": ""}), authn.Malformed},
		"subject with a line break":                 {f.with(map[string]any{"sub": workload + "\n"}), authn.Malformed},
		"subject without end":                       {f.with(map[string]any{"sub": workload + strings.Repeat("x", 600)}), authn.Malformed},
		"subject of another":                        {f.with(map[string]any{"sub": "repo:other/payments:ref:refs/heads/main"}), authn.NotAdmitted},
		"unsigned":                                  {f.forged(map[string]any{"alg": "none"}, nil), authn.BadSignature},
		"unsigned, in other letters":                {f.forged(map[string]any{"alg": "nOnE", "kid": i.Key().ID}, nil), authn.BadSignature},
		"signed, but said to be unsigned":           {f.headed(map[string]any{"alg": "none"}), authn.BadSignature},
		"no algorithm":                              {f.headed(map[string]any{"alg": nil}), authn.BadSignature},
		"signature taken away":                      {parts[0] + "." + parts[1] + ".", authn.BadSignature},
		"HS256 with the public key":                 {f.forged(map[string]any{"alg": "HS256", "kid": rsaKey.ID}, hs256(publicPEM)), authn.BadSignature},
		"HS256 with the public key in DER":          {f.forged(map[string]any{"alg": "HS256", "kid": rsaKey.ID}, hs256(spki)), authn.BadSignature},
		"HS512 with the key's name":                 {f.forged(map[string]any{"alg": "HS512", "kid": rsaKey.ID}, hs512([]byte(rsaKey.ID))), authn.BadSignature},
		"RS256 with a MAC":                          {f.forged(map[string]any{"alg": "RS256", "kid": rsaKey.ID}, hs256(publicPEM)), authn.BadSignature},
		"another algorithm than the key's":          {f.headed(map[string]any{"alg": "ES384"}), authn.BadSignature},
		"RSA said of an elliptic key":               {f.headed(map[string]any{"alg": "RS256"}), authn.BadSignature},
		"PSS by a key that is published for PKCS 1": {padded.Sign(t, nil, i.Claims(audience, workload)), authn.BadSignature},
		"an algorithm that is unknown":              {f.headed(map[string]any{"alg": "ES256K"}), authn.BadSignature},
		"a key that nobody published":               {stranger.Sign(t, nil, i.Claims(audience, workload)), authn.BadSignature},
		"a key under another's name":                {borrowed.Sign(t, nil, i.Claims(audience, workload)), authn.BadSignature},
		"a key that it brings along":                {stranger.Sign(t, map[string]any{"jwk": brought}, i.Claims(audience, workload)), authn.BadSignature},
		"a key without a name":                      {stranger.Sign(t, map[string]any{"kid": nil}, i.Claims(audience, workload)), authn.BadSignature},
		"claims changed after signing":              {parts[0] + "." + base64.RawURLEncoding.EncodeToString([]byte(`{"iss":"`+i.URL+`"}`)) + "." + parts[2], authn.BadSignature},
		"signature cut short":                       {good[:len(good)-4], authn.BadSignature},
		"header exchanged":                          {strings.Split(f.headed(map[string]any{"typ": "at+jwt"}), ".")[0] + "." + parts[1] + "." + parts[2], authn.BadSignature},
		"a logout token":                            {f.headed(map[string]any{"typ": "logout+jwt"}), authn.Malformed},
		"a security event":                          {f.headed(map[string]any{"typ": "secevent+jwt"}), authn.Malformed},
		"an extension that must be known":           {f.headed(map[string]any{"crit": []string{"b64"}, "b64": false}), authn.Malformed},
		"over 16 KiB":                               {f.with(map[string]any{"y": strings.Repeat("y", 16<<10)}), authn.Malformed},
		"nested without end":                        {f.with(map[string]any{"y": nested(20)}), authn.Malformed},
		"claims without end":                        {f.with(many(80)), authn.Malformed},
		"header is no JSON":                         {base64.RawURLEncoding.EncodeToString([]byte("{")) + "." + parts[1] + "." + parts[2], authn.Malformed},
		"header is not base64":                      {"a." + parts[1] + "." + parts[2], authn.Malformed},
		"claims are a list":                         {f.raw(`["` + canary + `"]`), authn.Malformed},
		"claims are null":                           {f.raw(`null`), authn.WrongIssuer},
		"the issuer twice":                          {f.raw(`{"iss":"https://evil","iss":"ISS","aud":"AUD","sub":"SUB","exp":EXP}`), authn.Malformed},
		"the subject twice":                         {f.raw(`{"iss":"ISS","aud":"AUD","sub":"other","sub":"SUB","exp":EXP}`), authn.Malformed},
		"the subject in other letters":              {f.raw(`{"iss":"ISS","aud":"AUD","Sub":"SUB","exp":EXP}`), authn.Malformed},
		"the end in other letters":                  {f.raw(`{"iss":"ISS","aud":"AUD","sub":"SUB","exp":1,"EXP":9999999999}`), authn.Expired},
		"claims that are not UTF-8":                 {f.raw("{\"iss\":\"ISS\",\"aud\":\"AUD\",\"sub\":\"SUB\",\"exp\":EXP,\"x\":\"\xff\"}"), authn.Malformed},
		"claims that are kept somewhere":            {f.with(map[string]any{"_claim_names": map[string]any{"groups": "src"}}), authn.Malformed},
		"encrypted, in five parts":                  {good + ".a.b", authn.Unknown},
		"two parts":                                 {parts[0] + "." + parts[1], authn.Unknown},
		"an API key of somebody":                    {teamKey + "x", authn.Unknown},
		"as JSON":                                   {`{"payload":"` + parts[1] + `","protected":"` + parts[0] + `","signature":"` + parts[2] + `"}`, authn.Unknown},
		"a certificate of the issuer for it":        {f.headed(map[string]any{"x5c": []string{"AAAA"}}), authn.BadSignature},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := a.Authenticate(context.Background(), bearer(test.token))
			got := fault.From(err)
			if got.Kind != fault.Unauthenticated || got.Reason != test.reason {
				t.Fatalf("got %v %s, want %s: %v", got.Kind, got.Reason, test.reason, err)
			}
			for _, text := range []string{canary, test.token, workload, i.URL, i.Key().ID} {
				if strings.Contains(got.Public, text) {
					t.Errorf("the answer repeats %q: %v", text, got.Public)
				}
			}
			// The log names the subject of a token that was verified, and no other.
			for _, text := range []string{canary, test.token, i.Key().ID} {
				if strings.Contains(err.Error(), text) {
					t.Errorf("the error repeats %q: %v", text, err)
				}
			}
			if _, verified := authn.RefusedCredential(err); !verified && (strings.Contains(err.Error(), workload) || strings.Contains(err.Error(), i.URL)) {
				t.Errorf("the error repeats a claim that was not verified: %v", err)
			}
		})
	}
	if got := answer(a, bearer(good)); got != "ci:"+workload {
		t.Errorf("a good token after all these: %s", got)
	}
}

func nested(levels int) any {
	var v any = "x"
	for range levels {
		v = []any{v}
	}
	return v
}

func many(n int) map[string]any {
	all := map[string]any{}
	for i := range n {
		all[fmt.Sprintf("claim%d", i)] = i
	}
	return all
}

// TestSignatureIsJudgedBeforeClaims: a class of bad credentials has one answer, even with further defects.
func TestSignatureIsJudgedBeforeClaims(t *testing.T) {
	i := authntest.NewIssuer(t)
	a := start(t, authn.Config{Issuers: []authn.Issuer{trusting(i)}})
	stranger := authntest.NewKey(t, jose.ES256)
	for name, changes := range map[string]map[string]any{
		"expired": {"exp": 1}, "another audience": {"aud": "x"}, "another subject": {"sub": "x"}, "no subject": {"sub": nil},
	} {
		claims := i.Claims(audience, workload)
		maps.Copy(claims, changes)
		if got := answer(a, bearer(stranger.Sign(t, nil, claims))); got != authn.BadSignature {
			t.Errorf("%s: got %s", name, got)
		}
	}
}
