package config

import "regexp"

// Credential names the files of the credential of an account, in exactly one of two forms. File names are
// absolute after Load.
type Credential struct {
	// APITokenFile is a file that holds an API token.
	APITokenFile string `yaml:"api_token_file" type:"file" doc:"File with an API token that has the permission to edit Secrets Store. A relative name starts at the folder of the configuration file. The file must be readable for Storekeeper, not empty, and not accessible for other users of the machine." need:"or email and api_key_file" example:"/run/secrets/cloudflare-api-token"`
	// Email is the address of the user of the key in APIKeyFile.
	Email string `yaml:"email" doc:"E-mail address of the Cloudflare user whose global API key is used." need:"with api_key_file" sample:"platform@example.com"`
	// APIKeyFile is a file that holds a global API key.
	APIKeyFile string `yaml:"api_key_file" type:"file" doc:"File with the global API key of that user. The rules for api_token_file apply. A token is safer: a global key may do everything that its user may do." need:"with email" sample:"/run/secrets/cloudflare-api-key"`
}

// emailForm accepts every text that is valid in a header, because Cloudflare checks the address. It is
// compiled on demand, because few configurations have an address.
func emailForm() textFormat {
	return textFormat{regexp.MustCompile(`^[!-?A-~]{1,64}@[!-?A-~]{1,189}$`), 254}
}

func (c *Credential) validate(k section) {
	token, email, key := c.APITokenFile != "", c.Email != "", c.APIKeyFile != ""
	switch {
	case !token && !email && !key:
		k.fail("is missing; it must have api_token_file, or email and api_key_file")
	case token && (email || key):
		k.fail("must have one form only: api_token_file, or email and api_key_file")
	case !token && !email:
		k.field("email").fail("is missing; it must go with api_key_file")
	case !token && !key:
		k.field("api_key_file").fail("is missing; it must go with email")
	}
	if email {
		k.field("email").format(c.Email, emailForm(), "must be an e-mail address in ASCII")
	}
}
