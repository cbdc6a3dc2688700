package identity_test

import (
	"testing"
	"time"

	identityv1 "platform.internal/storekeeper/gen/storekeeper/identity/v1"
	"platform.internal/storekeeper/internal/authn"
	"platform.internal/storekeeper/internal/identity"
)

func TestATokenSaysFromWhenToWhenItIsGood(t *testing.T) {
	from := time.Date(2026, 11, 20, 8, 0, 0, 0, time.UTC)
	to := from.Add(time.Hour)
	for name, caller := range map[string]authn.Principal{
		"with a start and an end": {Name: "ci:a", Kind: authn.KindJWT, NotBefore: from, Expires: to},
		"with an end only":        {Name: "ci:a", Kind: authn.KindJWT, Expires: to},
		"without an end":          {Name: "team", Kind: authn.KindAPIKey},
	} {
		t.Run(name, func(t *testing.T) {
			s := identity.NewService(accounts(1))
			got, err := s.VerifyToken(authn.WithPrincipal(t.Context(), &caller), &identityv1.VerifyTokenRequest{})
			if err != nil {
				t.Fatal(err)
			}
			token := got.GetToken()
			if begins := token.GetNotBefore(); (begins != nil) != !caller.NotBefore.IsZero() || begins != nil && !begins.AsTime().Equal(caller.NotBefore) {
				t.Errorf("not_before %v, want %v", begins, caller.NotBefore)
			}
			if ends := token.GetExpiresOn(); (ends != nil) != !caller.Expires.IsZero() || ends != nil && !ends.AsTime().Equal(caller.Expires) {
				t.Errorf("expires_on %v, want %v", ends, caller.Expires)
			}
		})
	}
}
