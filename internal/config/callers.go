package config

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"regexp"
	"slices"
)

// The credentials of dev mode. They are public.
const (
	// DevAccount is the identifier of the account of dev mode.
	DevAccount = "023e105f4ecef8ad9ca31a8372d0c353"
	// DevKey is the API key of dev mode in plain text.
	DevKey = "dev"
	// DevCaller is the name of the caller of DevKey.
	DevCaller = "dev"
)

// Callers configures the accepted callers.
type Callers struct {
	// File holds the other keys of this section. Empty: the configuration file holds them.
	File string `yaml:"file" type:"file" doc:"File with the other keys of this section, at its top level: api_keys, issuers, certificates and tenants. They must not stand here then. The file is read again when it changes; if the new content has a mistake, the callers before stay in force." sample:"/etc/storekeeper/callers.yaml"`
	// APIKeys are the accepted API keys.
	APIKeys []APIKey `yaml:"api_keys" live:"true" doc:"The accepted API keys, each stored as a digest. A caller may have several keys, so that a key can be replaced without an interruption." need:"or issuers or certificates"`
	// Issuers are the accepted issuers of tokens.
	Issuers []Issuer `yaml:"issuers" live:"true" doc:"The trusted issuers of tokens (JWT, OpenID Connect): Kubernetes, GitHub Actions, GitLab, or any other provider. A verified token is not verified again for up to a minute." need:"or api_keys or certificates"`
	// Certificates are the accepted names in client certificates.
	Certificates []Certificate `yaml:"certificates" live:"true" doc:"The accepted client certificates, by their names. They need listen.tls.client_ca_file. A certificate counts only on calls without another credential." need:"or api_keys or issuers"`
	// Tenants assign stable ids to tenants.
	Tenants []Tenant `yaml:"tenants" live:"true" doc:"Tenants whose id differs from their name. Quotas, weights and usage are kept under the id, so a tenant that is renamed keeps them: change the name here and at its callers, and leave the id. The id of a tenant that is not listed is its name."`
}

// APIKey is a key of a caller.
type APIKey struct {
	// Name is the caller. Keys of one caller have the same name.
	Name string `yaml:"name" doc:"Name of the caller who holds the key, in logs and rules: 1 to 128 of a-z, 0-9 and . _ @ / -, starting with a letter or digit. Several keys may have the same name." need:"required" example:"team-payments"`
	// SHA256 is the digest of the key, 64 lower-case hexadecimal digits,
	// unique.
	SHA256 string `yaml:"sha256" doc:"SHA-256 of the key: 64 lower-case hexadecimal digits, as printf %s KEY piped to sha256sum prints them. server apikey makes a key and this entry. Unique." need:"required" example:"e0e0cfcfb1d9f7ec1edcd6aa03a4bafd2a9b1cbb6b8ef2bbb2b7bd6c1a6b1c7d"`
	// Tenant is the team that the caller acts for. Empty: none.
	Tenant string `yaml:"tenant" doc:"Team that the caller acts for. The format of name applies." sample:"payments"`
	// Groups are additional names that rules can match.
	Groups []string `yaml:"groups" doc:"Further names that rules can match. The format of name applies to each. Without duplicates." sample:"[backend, on-call]"`
	// NotBefore is the start of the validity. 0: no start.
	NotBefore Timestamp `yaml:"not_before" doc:"Time before which the key is refused, in the form of RFC 3339." sample:"2026-01-01T00:00:00Z"`
	// Expires is the end of the validity. 0: never.
	Expires Timestamp `yaml:"expires" doc:"Time from which on the key is refused, in the form of RFC 3339 and after not_before. doctor warns 14 days before." sample:"2027-01-01T00:00:00Z"`
}

var (
	// callerName has no colon, which distinguishes it from the names of callers with tokens.
	callerName = regexp.MustCompile(`^[a-z0-9][a-z0-9._@/-]*$`)
	keyDigest  = regexp.MustCompile(`^[0-9a-f]{64}$`)
)

func callerForm() textFormat { return textFormat{callerName, 128} }

const callerRule = "must be 1 to 128 of a-z, 0-9 and . _ @ / -, and start with a letter or digit"

// CheckCallerName returns an error if a name cannot be the name of a caller.
func CheckCallerName(name string) error {
	if callerForm().matches(name) {
		return nil
	}
	return errors.New(callerRule)
}

// saysNobody reports whether the callers file says by api_keys: [] that nobody may
// call, so that the last key can be revoked. A file without that list, or with another
// list that has no value, may be half-written.
func (c *Callers) saysNobody(k section) bool {
	half := c.Issuers == nil && k.field("issuers").isSet() || c.Certificates == nil && k.field("certificates").isSet()
	return c.File != "" && c.APIKeys != nil && !half
}

func (c *Callers) nobodyAdvice() string {
	text := "is missing; callers must list at least one of api_keys, issuers and certificates, or nobody could call"
	if c.File != "" {
		text += "; write api_keys: [] to say that nobody may call"
	}
	return text
}

func (c *Callers) validate(k section) {
	if len(c.APIKeys)+len(c.Issuers)+len(c.Certificates) == 0 && !c.saysNobody(k) && !k.field("issuers").suppressed() && !k.field("certificates").suppressed() {
		k.field("api_keys").fail(c.nobodyAdvice())
	}
	validateIssuers(c.Issuers, k.field("issuers"))
	validateCertificates(c.Certificates, k.field("certificates"))
	c.validateNames(k)
	c.validateTenants(k)
	k = k.field("api_keys")
	digests := make([]string, len(c.APIKeys))
	for i := range c.APIKeys {
		c.APIKeys[i].validate(k.item(i))
		digests[i] = c.APIKeys[i].SHA256
	}
	k.unique("sha256", digests)
}

// callerEntry is a key or certificate of a caller.
type callerEntry struct {
	at           section
	name, tenant string
	groups       []string
}

// validateNames checks that all keys and certificates of a caller have the same
// tenant and groups: rights depend on name, tenant and groups.
func (c *Callers) validateNames(k section) {
	var entries []callerEntry
	for i, a := range c.APIKeys {
		entries = append(entries, callerEntry{k.field("api_keys").item(i), a.Name, a.Tenant, a.Groups})
	}
	for i, a := range c.Certificates {
		entries = append(entries, callerEntry{k.field("certificates").item(i), a.Name, a.Tenant, a.Groups})
	}
	first := map[string]callerEntry{}
	for _, e := range entries {
		before, known := first[e.name]
		switch {
		case !known:
			first[e.name] = e
		case e.name != "" && (e.tenant != before.tenant || !slices.Equal(e.groups, before.groups)):
			e.at.field("name").fail("is the name of " + before.at.key + " too, so tenant and groups must be the same there and here")
		}
	}
}

func (a *APIKey) validate(k section) {
	k.field("name").format(a.Name, callerForm(), callerRule)
	k.field("sha256").format(a.SHA256, textFormat{keyDigest, 64}, "must be the SHA-256 of the key as 64 lower-case hexadecimal digits, never the key itself")
	if a.SHA256 == devDigest() && !k.dev {
		k.field("sha256").fail("must not be the digest of the key of dev mode, which anyone knows; make a key of your own")
	}
	if a.Expires != 0 && a.Expires <= a.NotBefore {
		k.field("expires").fail("must be after not_before")
	}
	validateTeam(a.Tenant, a.Groups, k)
}

// validateTeam checks the tenant and the groups of a caller.
func validateTeam(tenant string, groups []string, k section) {
	if tenant != "" {
		k.field("tenant").format(tenant, callerForm(), callerRule)
	}
	for i, g := range groups {
		k.field("groups").item(i).format(g, callerForm(), callerRule)
	}
	k.field("groups").unique("", groups)
}

// devDigest is the digest of DevKey.
func devDigest() string {
	sum := sha256.Sum256([]byte(DevKey))
	return hex.EncodeToString(sum[:])
}
