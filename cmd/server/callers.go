package main

import (
	"go.uber.org/zap"

	"platform.internal/storekeeper/internal/authn"
	"platform.internal/storekeeper/internal/config"
	"platform.internal/storekeeper/internal/filewatch"
)

// newCallers returns the authenticator of all configured callers.
func newCallers(c config.Callers, files *filewatch.Watcher, log *zap.Logger) (*authn.Authenticator, error) {
	list := callersOf(c)
	list.Files = files
	list.OnKeys = func(e authn.KeyEvent) {
		if e.Err != nil {
			log.Error("the keys of an issuer cannot be read; those that are known stay in use", zap.String("issuer", e.Issuer), zap.Error(e.Err), zap.String("fix", authn.FixOf(e.Err)))
			return
		}
		log.Info("the keys of an issuer were read", zap.String("issuer", e.Issuer), zap.Int("keys", e.Keys))
	}
	return authn.New(list)
}

// callersOf returns the callers of a configuration.
func callersOf(c config.Callers) authn.Config {
	return authn.Config{APIKeys: apiKeys(c), Issuers: issuers(c), Certificates: certificates(c)}
}

// tenantID returns the id of a tenant if the id differs from the name.
func tenantID(c config.Callers, name string) string {
	if id := c.TenantID(name); name != "" && id != name {
		return id
	}
	return ""
}

// apiKeys converts the configured digests, which are already checked.
func apiKeys(c config.Callers) []authn.APIKey {
	keys := make([]authn.APIKey, 0, len(c.APIKeys))
	for _, k := range c.APIKeys {
		// The check of the configuration refuses every other form.
		digest, _ := authn.ParseDigest(k.SHA256)
		keys = append(keys, authn.APIKey{Digest: digest, Principal: authn.Principal{
			Name: k.Name, Tenant: k.Tenant, TenantID: tenantID(c, k.Tenant), Groups: k.Groups,
			NotBefore: k.NotBefore.Time(), Expires: k.Expires.Time(),
		}})
	}
	return keys
}

func issuers(c config.Callers) []authn.Issuer {
	out := make([]authn.Issuer, 0, len(c.Issuers))
	for _, i := range c.Issuers {
		issuer := authn.Issuer{
			Name: i.Name, URL: i.Issuer, Audiences: i.Audiences, Algorithms: i.Algorithms,
			JWKSURL: i.JWKSURL, JWKSFile: i.JWKSFile, CAFile: i.CAFile, TokenFile: i.TokenFile,
			RefreshEvery: i.RefreshInterval, RefreshAtMost: i.RefreshMinInterval, KeysMaxAge: i.KeysMaxAge,
		}
		for _, s := range i.Subjects {
			issuer.Subjects = append(issuer.Subjects, authn.Subject{
				Match: s.Match, Claim: s.Claim, Tenant: s.Tenant, TenantID: tenantID(c, s.Tenant), Groups: s.Groups, GroupsClaim: s.GroupsClaim,
			})
		}
		out = append(out, issuer)
	}
	return out
}

func certificates(c config.Callers) []authn.Certificate {
	out := make([]authn.Certificate, 0, len(c.Certificates))
	for _, crt := range c.Certificates {
		out = append(out, authn.Certificate{SAN: crt.SAN, Name: crt.Name, Tenant: crt.Tenant, TenantID: tenantID(c, crt.Tenant), Groups: crt.Groups})
	}
	return out
}
