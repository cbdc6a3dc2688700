package main

import (
	"go.uber.org/zap"

	"platform.internal/storekeeper/internal/access"
	"platform.internal/storekeeper/internal/config"
	"platform.internal/storekeeper/internal/filewatch"
)

// newCallers makes the authenticator of all configured callers.
func newCallers(c config.Callers, files *filewatch.Watcher, log *zap.Logger) (*access.Authenticator, error) {
	return access.New(access.Config{
		APIKeys: apiKeys(c.APIKeys), Issuers: issuers(c.Issuers), Certificates: certificates(c.Certificates), Files: files,
		OnKeys: func(e access.KeyEvent) {
			if e.Err != nil {
				log.Error("the keys of an issuer cannot be read; those that are known stay in use", zap.String("issuer", e.Issuer), zap.Error(e.Err), zap.String("fix", access.FixOf(e.Err)))
				return
			}
			log.Info("the keys of an issuer were read", zap.String("issuer", e.Issuer), zap.Int("keys", e.Keys))
		},
	})
}

// apiKeys turns the configured digests, which are checked already, into keys.
func apiKeys(list []config.APIKey) []access.APIKey {
	keys := make([]access.APIKey, 0, len(list))
	for _, k := range list {
		// The configuration's own check has refused every other form.
		digest, _ := access.ParseDigest(k.SHA256)
		keys = append(keys, access.APIKey{Digest: digest, Principal: access.Principal{Name: k.Name, Tenant: k.Tenant, Groups: k.Groups}})
	}
	return keys
}

func issuers(list []config.Issuer) []access.Issuer {
	out := make([]access.Issuer, 0, len(list))
	for _, i := range list {
		issuer := access.Issuer{
			Name: i.Name, URL: i.Issuer, Audiences: i.Audiences, Algorithms: i.Algorithms,
			JWKSURL: i.JWKSURL, JWKSFile: i.JWKSFile, CAFile: i.CAFile, TokenFile: i.TokenFile,
			RefreshEvery: i.RefreshInterval, RefreshAtMost: i.RefreshMinInterval, KeysMaxAge: i.KeysMaxAge,
		}
		for _, s := range i.Subjects {
			issuer.Subjects = append(issuer.Subjects, access.Subject{
				Match: s.Match, Claim: s.Claim, Tenant: s.Tenant, Groups: s.Groups, GroupsClaim: s.GroupsClaim,
			})
		}
		out = append(out, issuer)
	}
	return out
}

func certificates(list []config.Certificate) []access.Certificate {
	out := make([]access.Certificate, 0, len(list))
	for _, c := range list {
		out = append(out, access.Certificate{SAN: c.SAN, Name: c.Name, Tenant: c.Tenant, Groups: c.Groups})
	}
	return out
}
