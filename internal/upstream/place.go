package upstream

import "platform.internal/storekeeper/internal/fault"

// place is an account and a path under its base URL. Every identifier in the
// path was checked, so that nothing a caller sends can change the route.
type place struct {
	account *account
	path    string
}

// at is the root of an account in the API.
func (c *Client) at(account string) (place, error) {
	a, err := c.accounts.find(account)
	if err != nil {
		return place{}, err
	}
	return place{account: a, path: "/accounts/" + a.id}, nil
}

// stores is the list of stores of an account.
func (c *Client) stores(account string) (place, error) {
	p, err := c.at(account)
	return p.under("/secrets_store/stores"), err
}

// store is one store.
func (c *Client) store(account, id string) (place, error) {
	p, err := c.stores(account)
	if err != nil {
		return place{}, err
	}
	if !isIdentifier(id) {
		return place{}, noStore()
	}
	return p.under("/" + id), nil
}

// secrets is the list of secrets of a store.
func (c *Client) secrets(account, store string) (place, error) {
	p, err := c.store(account, store)
	return p.under("/secrets"), err
}

// secret is one secret.
func (c *Client) secret(account, store, id string) (place, error) {
	p, err := c.secrets(account, store)
	if err != nil {
		return place{}, err
	}
	if !isIdentifier(id) {
		return place{}, noSecret()
	}
	return p.under("/" + id), nil
}

func (p place) under(tail string) place {
	p.path += tail
	return p
}

// noStore and noSecret are the faults that Cloudflare's own words become.
func noStore() *fault.Error { return verdicts["store_not_found"].fault("store_not_found") }

func noSecret() *fault.Error { return verdicts["secret_not_found"].fault("secret_not_found") }
