package authn

import (
	"crypto/rsa"
	"testing"
)

// FuzzKeySet: of any key set, only public signature keys are used, up to the maximum number.
func FuzzKeySet(f *testing.F) {
	const elliptic = `{"kty":"EC","crv":"P-256","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4","y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM","kid":"1"`
	const edwards = `{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"`
	for _, set := range []string{
		`{"keys":[` + elliptic + `}]}`, `{"keys":[` + elliptic + `,"use":"enc"},` + edwards + `}]}`,
		`{"keys":[` + elliptic + `,"x5c":["MIIC"],"key_ops":["verify"]}]}`, `{"keys":[` + edwards + `,"d":"AA"}]}`,
		`{"keys":[{"kty":"RSA","n":"AQAB","e":"AQAB"},{"kty":"oct","k":"AA"},null,1]}`, `{"keys":null}`, `[]`, "\xff", `{"keys":[],"keys":[` + edwards + `}]}`,
	} {
		f.Add([]byte(set))
	}
	f.Fuzz(func(t *testing.T, set []byte) {
		keys, err := parseKeys(set)
		if (err == nil) != (len(keys) > 0) || len(keys) > maxKeys {
			t.Fatalf("%d keys and the error %v", len(keys), err)
		}
		for _, k := range keys {
			if !k.Valid() || !k.IsPublic() || k.Use != "" && k.Use != "sig" || len(k.Certificates) > 0 {
				t.Errorf("%+v is taken", k)
			}
			if key, is := k.Key.(*rsa.PublicKey); is && key.N.BitLen() < minRSABits {
				t.Errorf("an RSA key of %d bits is taken", key.N.BitLen())
			}
		}
	})
}
