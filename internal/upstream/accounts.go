package upstream

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"

	"platform.internal/storekeeper/internal/fault"
)

// isIdentifier reports whether a text has the form of a Cloudflare identifier: 32 lower-case
// hexadecimal digits.
func isIdentifier(text string) bool {
	return len(text) == 32 && !strings.ContainsFunc(text, func(r rune) bool { return (r < '0' || r > '9') && (r < 'a' || r > 'f') })
}

// Account is a Cloudflare account with its URL and credential.
type Account struct {
	// ID is Cloudflare's identifier: 32 lower-case hexadecimal digits.
	ID string
	// Name is an alias that callers may use in place of the identifier.
	Name string
	// BaseURL is the root of the API, such as "https://api.cloudflare.com/client/v4": http or
	// https, with a host, and without user, query and fragment. The configuration decides whether
	// plain http is allowed.
	BaseURL string
	// Credential names the files of the credential. It is empty only if Token is set.
	Credential CredentialFiles
	// Token is an API token given directly, for local development and tests.
	Token Token
}

// AccountInfo is the public part of an account.
type AccountInfo struct {
	// ID is Cloudflare's identifier.
	ID string
	// Name is the name from the configuration.
	Name string
}

// accountState is a validated Account.
type accountState struct {
	id   string
	base *url.URL
	// rootPath and storesPath are the paths of the account and of its stores, with the path of base.
	rootPath, storesPath string

	secret *credentialSource
	health health
	// ahead is the offset of Cloudflare's clock from ours, in nanoseconds.
	ahead atomic.Int64
}

// directory finds accounts by identifier or name.
type directory struct {
	byKey map[string]*accountState
	infos []AccountInfo
}

func newDirectory(c Config) (directory, error) {
	d := directory{byKey: make(map[string]*accountState, 2*len(c.Accounts))}
	var mistakes []error
	for _, given := range c.Accounts {
		if err := d.add(given, c); err != nil {
			mistakes = append(mistakes, fmt.Errorf("account %q: %w", given.Name, err))
		}
	}
	if len(c.Accounts) == 0 {
		mistakes = append(mistakes, errors.New("at least one account is needed"))
	}
	slices.SortFunc(d.infos, func(a, b AccountInfo) int { return strings.Compare(a.Name, b.Name) })
	return d, errors.Join(mistakes...)
}

func (d *directory) add(given Account, c Config) error {
	if err := d.free(given); err != nil {
		return err
	}
	base, err := parseBase(given.BaseURL)
	if err != nil {
		return err
	}
	secret, err := newCredentialSource(given, c)
	if err != nil {
		return err
	}
	root := base.Path + "/accounts/" + given.ID
	a := &accountState{
		id: given.ID, base: base, rootPath: root, storesPath: root + "/secrets_store/stores",
		secret: secret, health: newHealth(c.Trip),
	}
	d.byKey[given.ID], d.byKey[given.Name] = a, a
	d.infos = append(d.infos, AccountInfo{ID: given.ID, Name: given.Name})
	return nil
}

// free checks that the identifier and the name are well formed and not in use. A name in the form
// of an identifier is rejected as ambiguous.
func (d *directory) free(given Account) error {
	switch {
	case !isIdentifier(given.ID):
		return errors.New("id must be 32 lower-case hexadecimal digits")
	case given.Name == "":
		return errors.New("name must not be empty")
	case isIdentifier(given.Name):
		return errors.New("name must not look like an identifier")
	case d.byKey[given.ID] != nil:
		return errors.New("id is used by another account")
	case d.byKey[given.Name] != nil:
		return errors.New("name is used by another account")
	}
	return nil
}

// close ends the watch of each credential file.
func (d *directory) close() {
	for _, info := range d.infos {
		d.byKey[info.ID].secret.close()
	}
}

// parseBase parses a base URL. The error omits the text, which may hold a password.
func parseBase(text string) (*url.URL, error) {
	base, err := url.Parse(text)
	switch {
	case err != nil:
		return nil, errors.New("base_url is not a URL")
	case base.Scheme != "http" && base.Scheme != "https":
		return nil, errors.New("base_url must start with https:// or http://")
	case base.Hostname() == "":
		return nil, errors.New("base_url must have a host")
	case base.User != nil || base.RawQuery != "" || base.ForceQuery || base.Fragment != "":
		return nil, errors.New("base_url must not have a user, query or fragment")
	}
	return &url.URL{Scheme: base.Scheme, Host: base.Host, Path: strings.TrimRight(base.Path, "/")}, nil
}

// find returns the account with an identifier or name. The fault names no account, so that callers
// cannot learn which accounts exist.
func (d *directory) find(key string) (*accountState, error) {
	if a := d.byKey[key]; a != nil {
		return a, nil
	}
	return nil, fault.New(fault.Denied, fault.ReasonAccountNotAllowed,
		"The account is not one that Storekeeper serves to this caller.")
}
