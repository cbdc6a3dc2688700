package emulator

import (
	"cmp"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"
)

// DefaultAccountID is the account that exists when [Config] names none.
const DefaultAccountID = "023e105f4ecef8ad9ca31a8372d0c353"

// The defaults.
const (
	defaultStoreLimit    = 1
	defaultSecretLimit   = 100
	defaultActivateAfter = 500 * time.Millisecond
	defaultRequests      = 1200
	defaultWindow        = 5 * time.Minute
	defaultBlock         = 5 * time.Minute
)

// Config configures an emulator. The zero value has one account that accepts every credential.
type Config struct {
	// Accounts are the accounts that exist. Empty: one account,
	// DefaultAccountID.
	Accounts []Account
	// Tokens are the accepted API tokens. If Tokens and Keys are both empty,
	// every well-formed credential is accepted.
	Tokens []string
	// Keys are the accepted e-mail addresses with their global API keys. A key
	// may use every account.
	Keys []Key
	// ActivateAfter is the time for which a new secret is pending. 0: half a second. Negative: secrets are
	// active at once.
	ActivateAfter time.Duration
	// Clock returns the time for times of creation and change, the age of
	// secrets and the windows of the rate limit. Nil: time.Now. Delays of
	// faults use the real time.
	Clock func() time.Time
	// Random returns a number from 0 to below 1 for faults with a probability.
	// Nil: a seeded random source.
	Random func() float64
	// RateLimit limits the calls of a credential. Nil: Cloudflare's limit of 1200 calls in 5 minutes.
	RateLimit *RateLimit
	// RequestLogLimit is the number of newest requests to log. 0: none. A logged request holds credentials
	// and values.
	RequestLogLimit int
	// ControlOff removes the control API under /__emulator.
	ControlOff bool
}

// Account is a Cloudflare account.
type Account struct {
	// ID is 32 lower-case hexadecimal digits. An account with another
	// identifier cannot be reached.
	ID string
	// Name is the name of the account. Empty: the first digits of ID.
	Name string
	// StoreLimit is the maximum number of stores. 0: 1, as in Cloudflare's open
	// beta.
	StoreLimit int
	// SecretLimit is the maximum number of secrets over all stores. 0: 100, as
	// in Cloudflare's open beta.
	SecretLimit int
	// Tokens are the tokens that may use the account. Empty: every accepted
	// token.
	Tokens []string
}

// Key is a credential in Cloudflare's older scheme.
type Key struct {
	// Email is the address of the user.
	Email string
	// Key is the user's global API key.
	Key string
}

// RateLimit limits the calls of a credential. A call above the limit is
// answered with 429, and so is every call until Block has passed.
type RateLimit struct {
	// Requests is the number of calls in a window. 0: no limit.
	Requests int
	// Window is the length of a window, from its first call. 0: 5 minutes.
	Window time.Duration
	// Block is the duration of a block of a credential. 0: 5 minutes.
	Block time.Duration
}

// Validate returns every mistake that makes a part of the configuration unreachable. New still accepts such a
// configuration.
func (c Config) Validate() error {
	var mistakes []error
	seen := map[string]bool{}
	for i, a := range c.Accounts {
		if !isIdentifier(a.ID) {
			mistakes = append(mistakes, fmt.Errorf("accounts[%d]: id %q must be 32 lower-case hexadecimal digits", i, a.ID))
		}
		if seen[a.ID] {
			mistakes = append(mistakes, fmt.Errorf("accounts[%d]: id %q is listed twice", i, a.ID))
		}
		seen[a.ID] = true
		if a.StoreLimit < 0 || a.SecretLimit < 0 {
			mistakes = append(mistakes, fmt.Errorf("accounts[%d]: limits must be at least 0", i))
		}
	}
	for i, k := range c.Keys {
		if k.Email == "" || k.Key == "" {
			mistakes = append(mistakes, fmt.Errorf("keys[%d]: email and key must not be empty", i))
		}
	}
	if c.RequestLogLimit < 0 {
		mistakes = append(mistakes, errors.New("journal limit must be at least 0"))
	}
	if b := c.RateLimit; b != nil && (b.Requests < 0 || b.Window < 0 || b.Block < 0) {
		mistakes = append(mistakes, errors.New("budget must be at least 0"))
	}
	return errors.Join(mistakes...)
}

// withDefaults returns a copy that shares no slice with the original.
func (c Config) withDefaults() Config {
	c.Accounts = slices.Clone(c.Accounts)
	if len(c.Accounts) == 0 {
		c.Accounts = []Account{{ID: DefaultAccountID}}
	}
	for i := range c.Accounts {
		c.Accounts[i] = c.Accounts[i].withDefaults()
	}
	c.Tokens, c.Keys = slices.Clone(c.Tokens), slices.Clone(c.Keys)
	c.ActivateAfter = cmp.Or(c.ActivateAfter, defaultActivateAfter)
	if c.Clock == nil {
		c.Clock = time.Now
	}
	if c.Random == nil {
		c.Random = rand.Float64
	}
	if c.RateLimit == nil {
		c.RateLimit = &RateLimit{Requests: defaultRequests}
	}
	c.RateLimit = &RateLimit{
		Requests: c.RateLimit.Requests,
		Window:   cmp.Or(c.RateLimit.Window, defaultWindow),
		Block:    cmp.Or(c.RateLimit.Block, defaultBlock),
	}
	return c
}

func (a Account) withDefaults() Account {
	a.Name = cmp.Or(a.Name, "account "+a.ID[:min(len(a.ID), 8)])
	a.StoreLimit = cmp.Or(a.StoreLimit, defaultStoreLimit)
	a.SecretLimit = cmp.Or(a.SecretLimit, defaultSecretLimit)
	a.Tokens = slices.Clone(a.Tokens)
	return a
}
