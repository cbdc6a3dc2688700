package config

import (
	"cmp"
	"net/url"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// DefaultBaseURL is the base URL of Cloudflare's API.
const DefaultBaseURL = "https://api.cloudflare.com/client/v4"

// Account is a Cloudflare account that callers can name.
type Account struct {
	// ID is Cloudflare's identifier, 32 lower-case hexadecimal digits, unique.
	ID string `yaml:"id" doc:"Cloudflare's identifier of the account: 32 lower-case hexadecimal digits. Unique." need:"required" example:"023e105f4ecef8ad9ca31a8372d0c353"`
	// Name is the name that callers may use in place of ID. It is unique and never has the format of an ID.
	Name string `yaml:"name" doc:"Name that callers may use in place of the id: 1 to 63 of a-z, 0-9, dot, underscore and hyphen, starting with a letter or digit, and not in the format of an id. Unique." need:"required" example:"main"`
	// DisplayName is the name in lists of accounts. Empty: Name.
	DisplayName string `yaml:"display_name" live:"true" doc:"Name of the account in the answers to /accounts and /memberships: 1 to 100 printable characters. Rules and callers use name." need:"name" sample:"Example Inc. production"`
	// BaseURL is the base URL of Cloudflare's API, without a slash at the end.
	// It is empty only in dev mode, for the emulator that dev mode runs.
	BaseURL string `yaml:"base_url" type:"URL" doc:"Base URL of Cloudflare's API, including its version. https, or http to a loopback host; no user, query or fragment." sample:"https://api.cloudflare.com/client/v4"`
	// Credential is Storekeeper's credential for Cloudflare.
	Credential Credential `yaml:"credential" doc:"Credential of Storekeeper for this account, in exactly one form: an API token, or an e-mail address with a global API key." need:"required"`
}

var (
	accountID   = regexp.MustCompile(`^[0-9a-f]{32}$`)
	accountName = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]*$`)
)

// setDefaults leaves the base URL empty in dev mode, where it means the
// emulator.
func (a *Account) setDefaults(dev bool) {
	if !dev {
		a.BaseURL = DefaultBaseURL
	}
}

// validateAccounts checks each account and that ids and names are unique.
func validateAccounts(accounts []Account, k section) {
	if len(accounts) == 0 {
		k.fail("is missing; it must list at least one account with id, name and credential")
	}
	ids, names := make([]string, len(accounts)), make([]string, len(accounts))
	for i := range accounts {
		accounts[i].validate(k.item(i))
		ids[i], names[i] = accounts[i].ID, accounts[i].Name
	}
	k.unique("id", ids)
	k.unique("name", names)
}

func (a *Account) validate(k section) {
	k.field("id").format(a.ID, textFormat{accountID, 32}, "must be 32 lower-case hexadecimal digits")
	k.field("name").format(a.Name, textFormat{accountName, 63}, "must be 1 to 63 of a-z, 0-9, dot, underscore and hyphen, and start with a letter or digit")
	if a.DisplayName != "" && !displayable(a.DisplayName) {
		k.field("display_name").fail("must be 1 to 100 printable characters, without a blank at either end")
	}
	if accountID.MatchString(a.Name) {
		k.field("name").fail("must not look like an account id")
	}
	// Dev mode's emulator stands for Cloudflare and needs no credential.
	if k.dev && a.BaseURL == "" && a.Credential == (Credential{}) {
		return
	}
	if rule := urlRule(a.BaseURL); rule != "" {
		k.field("base_url").fail(rule)
	}
	a.Credential.validate(k.field("credential"))
}

// displayable reports whether a text can be a display name.
func displayable(text string) bool {
	hidden := func(r rune) bool { return !unicode.IsPrint(r) }
	return utf8.RuneCountInString(text) <= 100 && strings.TrimSpace(text) == text && !strings.ContainsFunc(text, hidden)
}

// Shown returns the name of the account for people.
func (a *Account) Shown() string { return cmp.Or(a.DisplayName, a.Name) }

// complete removes the slash at the end of the base URL, so that a path can be
// appended.
func (a *Account) complete() { a.BaseURL = strings.TrimRight(a.BaseURL, "/") }

// urlRule returns the rule that a base URL violates, or "".
func urlRule(text string) string {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Hostname() == "" || u.Scheme != "https" && u.Scheme != "http":
		return "must be a URL such as " + DefaultBaseURL
	case u.Scheme == "http" && !isLoopback(u.Hostname()):
		return "must start with https://, since the credential goes there; http:// is for a loopback host only"
	case u.User != nil:
		return "must not hold a user or password; the credential has a section of its own"
	case strings.ContainsAny(text, "?#"):
		return "must not have a query or fragment"
	}
	return ""
}
