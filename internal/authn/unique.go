package authn

import (
	"fmt"
	"strings"
)

// checkUnique refuses a configuration in which two sources could yield the same principal: two issuers with
// the same name or URL, or a key or certificate with a name in the format of token principals.
func (c *Config) checkUnique() error {
	names, urls := map[string]bool{}, map[string]string{}
	for _, i := range c.Issuers {
		if names[i.Name] {
			return fmt.Errorf("two issuers are named %q, so both could mint the same principal", i.Name)
		}
		url := strings.TrimRight(i.URL, "/")
		if other, taken := urls[url]; taken {
			return fmt.Errorf("issuers %q and %q have one URL; make them one, with the subjects of both", other, i.Name)
		}
		names[i.Name], urls[url] = true, i.Name
	}
	for _, k := range c.APIKeys {
		if err := checkNotTokenName(k.Principal.Name, "an API key"); err != nil {
			return err
		}
	}
	for _, crt := range c.Certificates {
		if err := checkNotTokenName(crt.Name, "a certificate"); err != nil {
			return err
		}
	}
	return nil
}

// checkNotTokenName refuses a name that the principal of a token could have.
func checkNotTokenName(name, source string) error {
	if name == "" || strings.Contains(name, ":") {
		return fmt.Errorf("caller %q of %s: a name must not be empty or hold a colon, which the names of token callers have", name, source)
	}
	return nil
}
