package access_test

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

	"platform.internal/storekeeper/internal/access"
	"platform.internal/storekeeper/internal/access/accesstest"
	"platform.internal/storekeeper/internal/fault"
)

// canary stands in every token below and must be in no answer.
const canary = "c4n4ry-claim"

// forger makes bad tokens.
type forger struct {
	testing.TB

	issuer *accesstest.Issuer
}

// with is a token that is good but for these changes of claims.
func (f forger) with(changes map[string]any) string {
	all := map[string]any{"x": canary}
	maps.Copy(all, changes)
	return f.issuer.Token(audience, workload, all)
}

// headed is a token that is good but for its header.
func (f forger) headed(header map[string]any) string {
	claims := f.issuer.Claims(audience, workload)
	claims["x"] = canary
	return f.issuer.Key().Sign(f, header, claims)
}

// forged is a token with a signature of the test's making.
func (f forger) forged(header map[string]any, sign func([]byte) []byte) string {
	claims := f.issuer.Claims(audience, workload)
	claims["x"] = canary
	return accesstest.Forge(f, header, claims, sign)
}

// raw is a token, signed by the issuer, of claims that are not JSON as Go
// writes it.
func (f forger) raw(format string) string {
	exp := time.Now().Add(time.Hour).Unix()
	claims := strings.NewReplacer("ISS", f.issuer.URL, "AUD", audience, "SUB", workload, "EXP", fmt.Sprint(exp)).Replace(format)
	header := map[string]any{"alg": "ES256", "kid": f.issuer.Key().ID}
	return accesstest.Forge(f, header, []byte(claims), f.issuer.Key().Signature(f))
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
	i := accesstest.NewIssuer(t)
	rsaKey := accesstest.NewKey(t, jose.RS256)
	i.Publish(i.Key(), rsaKey)
	a := start(t, access.Config{
		APIKeys: []access.APIKey{{Digest: sha256.Sum256([]byte(teamKey)), Principal: access.Principal{Name: "team-a"}}},
		Issuers: []access.Issuer{trusting(i)},
	})
	f := forger{t, i}
	spki, err := x509.MarshalPKIXPublicKey(rsaKey.Private.Public())
	if err != nil {
		t.Fatal(err)
	}
	publicPEM := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: spki})
	stranger := accesstest.NewKey(t, jose.ES256)
	borrowed := stranger
	borrowed.ID = i.Key().ID
	padded := rsaKey
	padded.Algorithm = jose.PS256
	brought := jose.JSONWebKey{Key: stranger.Private.Public(), KeyID: stranger.ID, Algorithm: "ES256"}
	good := f.with(nil)
	parts := strings.Split(good, ".")
	hour := func(n int) int64 { return time.Now().Add(time.Duration(n) * time.Hour).Unix() }

	for name, test := range map[string]struct{ token, reason string }{
		"expired":                                   {f.with(map[string]any{"exp": hour(-1)}), access.Expired},
		"expired this second":                       {f.with(map[string]any{"exp": time.Now().Unix()}), access.Expired},
		"no end":                                    {f.with(map[string]any{"exp": nil}), access.Malformed},
		"end 0":                                     {f.with(map[string]any{"exp": 0}), access.Expired},
		"end is a text":                             {f.with(map[string]any{"exp": "9999999999"}), access.Malformed},
		"end after all time":                        {f.with(map[string]any{"exp": 1e300}), access.Malformed},
		"end before all time":                       {f.with(map[string]any{"exp": -1}), access.Malformed},
		"not valid yet":                             {f.with(map[string]any{"nbf": hour(1)}), access.NotYetValid},
		"not valid for a minute":                    {f.with(map[string]any{"nbf": time.Now().Add(time.Minute).Unix()}), access.NotYetValid},
		"beginning is a text":                       {f.with(map[string]any{"nbf": "0"}), access.Malformed},
		"made for another":                          {f.with(map[string]any{"aud": "other"}), access.WrongAudience},
		"made for others":                           {f.with(map[string]any{"aud": []string{"other", audience + ".evil"}}), access.WrongAudience},
		"made for nobody":                           {f.with(map[string]any{"aud": nil}), access.WrongAudience},
		"audience is no text":                       {f.with(map[string]any{"aud": []any{audience, 1}}), access.Malformed},
		"another issuer":                            {f.with(map[string]any{"iss": "https://evil.example.com"}), access.WrongIssuer},
		"the issuer with a slash":                   {f.with(map[string]any{"iss": i.URL + "/"}), access.WrongIssuer},
		"no issuer":                                 {f.with(map[string]any{"iss": nil}), access.WrongIssuer},
		"issuer is no text":                         {f.with(map[string]any{"iss": []string{i.URL}}), access.Malformed},
		"no subject":                                {f.with(map[string]any{"sub": nil}), access.Malformed},
		"empty subject":                             {f.with(map[string]any{"sub": ""}), access.Malformed},
		"subject with a line break":                 {f.with(map[string]any{"sub": workload + "\n"}), access.Malformed},
		"subject without end":                       {f.with(map[string]any{"sub": workload + strings.Repeat("x", 600)}), access.Malformed},
		"subject of another":                        {f.with(map[string]any{"sub": "repo:other/payments:ref:refs/heads/main"}), access.NotAdmitted},
		"unsigned":                                  {f.forged(map[string]any{"alg": "none"}, nil), access.BadSignature},
		"unsigned, in other letters":                {f.forged(map[string]any{"alg": "nOnE", "kid": i.Key().ID}, nil), access.BadSignature},
		"signed, but said to be unsigned":           {f.headed(map[string]any{"alg": "none"}), access.BadSignature},
		"no algorithm":                              {f.headed(map[string]any{"alg": nil}), access.BadSignature},
		"signature taken away":                      {parts[0] + "." + parts[1] + ".", access.BadSignature},
		"HS256 with the public key":                 {f.forged(map[string]any{"alg": "HS256", "kid": rsaKey.ID}, hs256(publicPEM)), access.BadSignature},
		"HS256 with the public key in DER":          {f.forged(map[string]any{"alg": "HS256", "kid": rsaKey.ID}, hs256(spki)), access.BadSignature},
		"HS512 with the key's name":                 {f.forged(map[string]any{"alg": "HS512", "kid": rsaKey.ID}, hs512([]byte(rsaKey.ID))), access.BadSignature},
		"RS256 with a MAC":                          {f.forged(map[string]any{"alg": "RS256", "kid": rsaKey.ID}, hs256(publicPEM)), access.BadSignature},
		"another algorithm than the key's":          {f.headed(map[string]any{"alg": "ES384"}), access.BadSignature},
		"RSA said of an elliptic key":               {f.headed(map[string]any{"alg": "RS256"}), access.BadSignature},
		"PSS by a key that is published for PKCS 1": {padded.Sign(t, nil, i.Claims(audience, workload)), access.BadSignature},
		"an algorithm that is unknown":              {f.headed(map[string]any{"alg": "ES256K"}), access.BadSignature},
		"a key that nobody published":               {stranger.Sign(t, nil, i.Claims(audience, workload)), access.BadSignature},
		"a key under another's name":                {borrowed.Sign(t, nil, i.Claims(audience, workload)), access.BadSignature},
		"a key that it brings along":                {stranger.Sign(t, map[string]any{"jwk": brought}, i.Claims(audience, workload)), access.BadSignature},
		"a key without a name":                      {stranger.Sign(t, map[string]any{"kid": nil}, i.Claims(audience, workload)), access.BadSignature},
		"claims changed after signing":              {parts[0] + "." + base64.RawURLEncoding.EncodeToString([]byte(`{"iss":"`+i.URL+`"}`)) + "." + parts[2], access.BadSignature},
		"signature cut short":                       {good[:len(good)-4], access.BadSignature},
		"header exchanged":                          {strings.Split(f.headed(map[string]any{"typ": "at+jwt"}), ".")[0] + "." + parts[1] + "." + parts[2], access.BadSignature},
		"a logout token":                            {f.headed(map[string]any{"typ": "logout+jwt"}), access.Malformed},
		"a security event":                          {f.headed(map[string]any{"typ": "secevent+jwt"}), access.Malformed},
		"an extension that must be known":           {f.headed(map[string]any{"crit": []string{"b64"}, "b64": false}), access.Malformed},
		"over 16 KiB":                               {f.with(map[string]any{"y": strings.Repeat("y", 16<<10)}), access.Malformed},
		"nested without end":                        {f.with(map[string]any{"y": nested(20)}), access.Malformed},
		"claims without end":                        {f.with(many(80)), access.Malformed},
		"header is no JSON":                         {base64.RawURLEncoding.EncodeToString([]byte("{")) + "." + parts[1] + "." + parts[2], access.Malformed},
		"header is not base64":                      {"a." + parts[1] + "." + parts[2], access.Malformed},
		"claims are a list":                         {f.raw(`["` + canary + `"]`), access.Malformed},
		"claims are null":                           {f.raw(`null`), access.WrongIssuer},
		"the issuer twice":                          {f.raw(`{"iss":"https://evil","iss":"ISS","aud":"AUD","sub":"SUB","exp":EXP}`), access.Malformed},
		"the subject twice":                         {f.raw(`{"iss":"ISS","aud":"AUD","sub":"other","sub":"SUB","exp":EXP}`), access.Malformed},
		"the subject in other letters":              {f.raw(`{"iss":"ISS","aud":"AUD","Sub":"SUB","exp":EXP}`), access.Malformed},
		"the end in other letters":                  {f.raw(`{"iss":"ISS","aud":"AUD","sub":"SUB","exp":1,"EXP":9999999999}`), access.Expired},
		"claims that are not UTF-8":                 {f.raw("{\"iss\":\"ISS\",\"aud\":\"AUD\",\"sub\":\"SUB\",\"exp\":EXP,\"x\":\"\xff\"}"), access.Malformed},
		"claims that are kept somewhere":            {f.with(map[string]any{"_claim_names": map[string]any{"groups": "src"}}), access.Malformed},
		"encrypted, in five parts":                  {good + ".a.b", access.Unknown},
		"two parts":                                 {parts[0] + "." + parts[1], access.Unknown},
		"an API key of somebody":                    {teamKey + "x", access.Unknown},
		"as JSON":                                   {`{"payload":"` + parts[1] + `","protected":"` + parts[0] + `","signature":"` + parts[2] + `"}`, access.Unknown},
		"a certificate of the issuer for it":        {f.headed(map[string]any{"x5c": []string{"AAAA"}}), access.BadSignature},
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
			if _, verified := access.RefusedCredential(err); !verified && (strings.Contains(err.Error(), workload) || strings.Contains(err.Error(), i.URL)) {
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

// The same class of bad credential has one answer, whatever is wrong beside it.
func TestSignatureIsJudgedBeforeClaims(t *testing.T) {
	i := accesstest.NewIssuer(t)
	a := start(t, access.Config{Issuers: []access.Issuer{trusting(i)}})
	stranger := accesstest.NewKey(t, jose.ES256)
	for name, changes := range map[string]map[string]any{
		"expired": {"exp": 1}, "another audience": {"aud": "x"}, "another subject": {"sub": "x"}, "no subject": {"sub": nil},
	} {
		claims := i.Claims(audience, workload)
		maps.Copy(claims, changes)
		if got := answer(a, bearer(stranger.Sign(t, nil, claims))); got != access.BadSignature {
			t.Errorf("%s: got %s", name, got)
		}
	}
}
