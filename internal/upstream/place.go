package upstream

import "platform.internal/storekeeper/internal/fault"

// listPlace is an account and a path in its API. Every identifier in the path is validated,
// so that callers cannot change the route.
type listPlace struct {
	account *accountState
	path    string
}

// at returns the root of an account in the API.
func (c *Client) at(account string) (listPlace, error) {
	a, err := c.accounts.find(account)
	if err != nil {
		return listPlace{}, err
	}
	return a.root(), nil
}

// root returns the root of the account in the API.
func (a *accountState) root() listPlace { return listPlace{account: a, path: a.rootPath} }

// stores returns the list of stores of an account.
func (c *Client) stores(account string) (listPlace, error) {
	a, err := c.accounts.find(account)
	if err != nil {
		return listPlace{}, err
	}
	return listPlace{account: a, path: a.storesPath}, nil
}

// store returns the place of a store.
func (c *Client) store(account, id string) (listPlace, error) {
	p, err := c.stores(account)
	if err != nil {
		return listPlace{}, err
	}
	if !isIdentifier(id) {
		return listPlace{}, noStore()
	}
	return p.under(id), nil
}

// secrets returns the list of secrets of a store.
func (c *Client) secrets(account, store string) (listPlace, error) {
	p, err := c.store(account, store)
	return p.under("secrets"), err
}

// secret returns the place of a secret.
func (c *Client) secret(account, store, id string) (listPlace, error) {
	p, err := c.secrets(account, store)
	if err != nil {
		return listPlace{}, err
	}
	if !isIdentifier(id) {
		return listPlace{}, noSecret()
	}
	return p.under(id), nil
}

// under returns the place of a name below p.
func (p listPlace) under(name string) listPlace {
	p.path = p.path + "/" + name
	return p
}

// noStore and noSecret return the faults to which Cloudflare's own errors are mapped.
func noStore() *fault.Error { return verdicts["store_not_found"].fault("store_not_found") }

func noSecret() *fault.Error { return verdicts["secret_not_found"].fault("secret_not_found") }
