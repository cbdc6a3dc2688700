package main

import (
	"go.uber.org/zap"

	"platform.internal/storekeeper/internal/authn"
	"platform.internal/storekeeper/internal/config"
	"platform.internal/storekeeper/internal/filewatch"
)

// newCallers returns the authenticator of all configured callers.
func newCallers(c config.Callers, files *filewatch.Watcher, log *zap.Logger) (*authn.Authenticator, error) {
	return authn.New(authn.Config{
		APIKeys: apiKeys(c.APIKeys), Issuers: issuers(c.Issuers), Certificates: certificates(c.Certificates), Files: files,
		OnKeys: func(e authn.KeyEvent) {
			if e.Err != nil {
				log.Error("the keys of an issuer cannot be read; those that are known stay in use", zap.String("issuer", e.Issuer), zap.Error(e.Err), zap.String("fix", authn.FixOf(e.Err)))
				return
			}
			log.Info("the keys of an issuer were read", zap.String("issuer", e.Issuer), zap.Int("keys", e.Keys))
		},
	})
}

// apiKeys converts the configured digests, which are already checked.
func apiKeys(list []config.APIKey) []authn.APIKey {
	keys := make([]authn.APIKey, 0, len(list))
	for _, k := range list {
		// The check of the configuration refuses every other form.
		digest, _ := authn.ParseDigest(k.SHA256)
		keys = append(keys, authn.APIKey{Digest: digest, Principal: authn.Principal{Name: k.Name, Tenant: k.Tenant, Groups: k.Groups}})
	}
	return keys
}

func issuers(list []config.Issuer) []authn.Issuer {
	out := make([]authn.Issuer, 0, len(list))
	for _, i := range list {
		issuer := authn.Issuer{
			Name: i.Name, URL: i.Issuer, Audiences: i.Audiences, Algorithms: i.Algorithms,
			JWKSURL: i.JWKSURL, JWKSFile: i.JWKSFile, CAFile: i.CAFile, TokenFile: i.TokenFile,
			RefreshEvery: i.RefreshInterval, RefreshAtMost: i.RefreshMinInterval, KeysMaxAge: i.KeysMaxAge,
		}
		for _, s := range i.Subjects {
			issuer.Subjects = append(issuer.Subjects, authn.Subject{
				Match: s.Match, Claim: s.Claim, Tenant: s.Tenant, Groups: s.Groups, GroupsClaim: s.GroupsClaim,
			})
		}
		out = append(out, issuer)
	}
	return out
}

func certificates(list []config.Certificate) []authn.Certificate {
	out := make([]authn.Certificate, 0, len(list))
	for _, c := range list {
		out = append(out, authn.Certificate{SAN: c.SAN, Name: c.Name, Tenant: c.Tenant, Groups: c.Groups})
	}
	return out
}
