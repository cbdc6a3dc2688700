package config

import (
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Issuer is a trusted issuer of tokens.
type Issuer struct {
	// Name is the first part of the names of the callers. It is unique.
	Name string `yaml:"name" doc:"Name of the issuer: 1 to 63 of a-z, 0-9 and hyphen. The name of each of its callers is this name, a colon and the subject of the token, so two issuers cannot name the same caller. Unique." need:"required" example:"github"`
	// Issuer is the claim iss of the tokens, unique.
	Issuer string `yaml:"issuer" type:"URL" doc:"The claim iss of its tokens, letter for letter. https, or http to a loopback host. Unique." need:"required" example:"https://token.actions.githubusercontent.com"`
	// Audiences are the accepted values of the claim aud, at least one.
	Audiences []string `yaml:"audiences" doc:"The accepted values of the claim aud. At least one, used for Storekeeper alone: a token for another service must not be accepted here." need:"required" example:"[storekeeper.example.com]"`
	// Algorithms are the accepted signature algorithms. Empty: all.
	Algorithms []string `yaml:"algorithms" doc:"The accepted signature algorithms: RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512 and EdDSA." need:"all of them" sample:"[RS256]"`
	// JWKSURL is the URL of the keys. Empty: discovery.
	JWKSURL string `yaml:"jwks_url" type:"URL" doc:"URL of its keys, for an issuer without discovery. https, or http to a loopback host." need:"by discovery" sample:"https://token.actions.githubusercontent.com/.well-known/jwks"`
	// JWKSFile holds the keys. Empty: the keys are fetched.
	JWKSFile string `yaml:"jwks_file" type:"file" doc:"File with its keys as a JSON Web Key Set, for an issuer that Storekeeper cannot reach. It is read again when it changes." sample:"/etc/storekeeper/issuer-keys.json"`
	// CAFile holds the CA certificates that verify the issuer's certificate.
	// Empty: those of the system.
	CAFile string `yaml:"ca_file" type:"file" doc:"File with the CA certificates, in PEM, that sign the certificate of a private issuer. It is read at each fetch." need:"those of the system" sample:"/run/secrets/kubernetes/ca.crt"`
	// TokenFile holds a bearer token that is sent to the issuer. Empty: none.
	TokenFile string `yaml:"token_file" type:"file" doc:"File with a bearer token for an issuer that requires one for discovery and keys, as the Kubernetes API server does. It is sent to the scheme, host and port of issuer only, and is read at each fetch. If discovery names another place for the keys, the same path at issuer is tried first." sample:"/run/secrets/kubernetes/token"`
	// RefreshInterval is the interval of fetches, from 1 minute to 24 hours.
	RefreshInterval time.Duration `yaml:"refresh_interval" doc:"Interval of fetches of the keys, from 1m to 24h. A key that the issuer withdraws is refused after this time at the latest." sample:"15m"`
	// RefreshMinInterval is the minimum time between two fetches, from 1 second
	// to 10 minutes.
	RefreshMinInterval time.Duration `yaml:"refresh_min_interval" doc:"Minimum time between two fetches, from 1s to 10m. A token with an unknown key causes a fetch, so this limits how often unauthenticated clients can cause one." sample:"10s"`
	// KeysMaxAge is how long keys are used while the issuer is down, up to 168
	// hours.
	KeysMaxAge time.Duration `yaml:"keys_max_age" doc:"How long after the last successful fetch the keys are used while the issuer is down, from refresh_interval to 168h." sample:"24h"`
	// Subjects are the accepted subjects, at least one.
	Subjects []Subject `yaml:"subjects" doc:"The accepted subjects, at least one. A token that matches none is refused. The first that matches counts." need:"required"`
}

var issuerName = regexp.MustCompile(`^[a-z0-9-]+$`)

const issuerRule = "must be a URL such as https://token.actions.githubusercontent.com"

// algorithms lists the accepted values of Algorithms. All are asymmetric.
func algorithms() []string {
	return []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}
}

func (i *Issuer) setDefaults(bool) {
	i.RefreshInterval = 15 * time.Minute
	i.RefreshMinInterval = 10 * time.Second
	i.KeysMaxAge = 24 * time.Hour
}

// validateIssuers checks each issuer and that names and URLs are unique.
func validateIssuers(issuers []Issuer, k section) {
	issuerNames, urls := make([]string, len(issuers)), make([]string, len(issuers))
	for i := range issuers {
		issuers[i].validate(k.item(i))
		issuerNames[i], urls[i] = issuers[i].Name, strings.TrimRight(issuers[i].Issuer, "/")
	}
	k.uniqueSince("two issuers of one name could make the same caller", "name", issuerNames)
	k.uniqueSince("make them one issuer, with the audiences and subjects of both", "issuer", urls)
}

func (i *Issuer) validate(k section) {
	k.field("name").format(i.Name, textFormat{issuerName, 63}, "must be 1 to 63 of a-z, 0-9 and hyphen")
	if rule := secureRule(i.Issuer); i.Issuer == "" {
		k.field("issuer").fail("is missing; it " + issuerRule)
	} else if rule != "" {
		k.field("issuer").fail(rule)
	}
	i.validateAudiences(k.field("audiences"))
	for n, name := range i.Algorithms {
		if !slices.Contains(algorithms(), name) {
			k.field("algorithms").item(n).fail("must be one of " + strings.Join(algorithms(), ", ") + "; with any other, who can check a token could make one")
		}
	}
	k.field("algorithms").unique("", i.Algorithms)
	i.validateKeys(k)
	validateSubjects(i.Subjects, k.field("subjects"))
}

var audienceLetters = regexp.MustCompile(`^[!-)+-~]+$`)

func (i *Issuer) validateAudiences(k section) {
	if len(i.Audiences) == 0 {
		k.fail("is missing; it must list at least one audience, or a token that was made for another service would be good here")
	}
	for n, audience := range i.Audiences {
		k.item(n).format(audience, textFormat{audienceLetters, 256}, "must be 1 to 256 characters of ASCII without blanks and without *, which would stand for itself")
	}
	k.unique("", i.Audiences)
}

// validateKeys checks the source of the keys and the intervals.
func (i *Issuer) validateKeys(k section) {
	if rule := secureRule(i.JWKSURL); i.JWKSURL != "" && rule != "" {
		k.field("jwks_url").fail(rule)
	}
	if i.JWKSFile != "" && i.JWKSURL != "" {
		k.field("jwks_file").fail("must not stand beside jwks_url; keys come from one place")
	}
	if i.JWKSFile != "" && i.CAFile != "" {
		k.field("ca_file").fail("must not stand beside jwks_file, since nothing is fetched then")
	}
	i.validateToken(k.field("token_file"))
	if i.RefreshInterval < time.Minute || i.RefreshInterval > 24*time.Hour {
		k.field("refresh_interval").fail("must be from 1m to 24h")
	}
	if i.RefreshMinInterval < time.Second || i.RefreshMinInterval > 10*time.Minute {
		k.field("refresh_min_interval").fail("must be from 1s to 10m")
	}
	if i.KeysMaxAge < i.RefreshInterval || i.KeysMaxAge > 168*time.Hour {
		k.field("keys_max_age").fail("must be from refresh_interval to 168h")
	}
}

// validateToken checks that TokenFile would be used.
func (i *Issuer) validateToken(k section) {
	switch {
	case i.TokenFile == "":
	case i.JWKSFile != "":
		k.fail("must not stand beside jwks_file, since nothing is fetched then")
	case i.JWKSURL != "" && secureRule(i.JWKSURL) == "" && secureRule(i.Issuer) == "" && origin(i.JWKSURL) != origin(i.Issuer):
		k.fail("must not stand beside a jwks_url of another scheme, host or port than issuer; the token is sent to those of issuer only")
	}
}

// origin returns scheme, host and port of a URL that secureRule accepts.
func origin(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return ""
	}
	port := u.Port()
	if port == "" {
		port = map[string]string{"https": "443", "http": "80"}[u.Scheme]
	}
	return u.Scheme + "://" + strings.ToLower(u.Hostname()) + ":" + port
}

// secureRule returns the rule that a URL of an issuer violates, or "".
func secureRule(text string) string {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Hostname() == "" || u.Scheme != "https" && u.Scheme != "http":
		return issuerRule
	case u.Scheme == "http" && !isLoopback(u.Hostname()):
		return "must start with https://, or others could say which keys are good; http:// is for a loopback host only"
	case u.User != nil || strings.Contains(text, "#"):
		return "must not have a user, password or fragment"
	}
	return ""
}
