package authz

import (
	"errors"
	"fmt"
	"strings"

	"platform.internal/storekeeper/internal/authn"
)

// Test is an expected decision.
type Test struct {
	// Name describes the expectation for people.
	Name string `yaml:"name"`
	// As is the caller.
	As Caller `yaml:"as"`
	// Do is the action.
	Do string `yaml:"do"`
	// On is the object.
	On TestObject `yaml:"on"`
	// Allow is the id of the rule that must allow the action. Empty: the action
	// must be denied.
	Allow string `yaml:"allow"`
	// Deny must be true if Allow is empty, so that a forgotten Allow is not
	// read as a denial.
	Deny bool `yaml:"deny"`
}

// Caller is the caller of a Test.
type Caller struct {
	// Name is the caller's name.
	Name string `yaml:"name"`
	// Tenant is the caller's team.
	Tenant string `yaml:"tenant"`
	// Groups are the caller's groups.
	Groups []string `yaml:"groups"`
	// Claims are the claims of the caller's token.
	Claims map[string]any `yaml:"claims"`
	// Kind is the kind of credential: api_key, jwt or mtls.
	Kind string `yaml:"kind"`
}

// TestObject is the object of a Test.
type TestObject struct {
	// Account is the account's configured name.
	Account string `yaml:"account"`
	// Store is the store's name.
	Store string `yaml:"store"`
	// Secret is the secret's name.
	Secret string `yaml:"secret"`
	// Scopes are the scopes that the secret gets.
	Scopes []string `yaml:"scopes"`
}

// Run runs tests. The error lists every test that fails.
func (e *Engine) Run(tests []Test) error {
	var failed []error
	for i, t := range tests {
		if err := e.run(t); err != nil {
			failed = append(failed, itemError{"tests", i, fmt.Errorf("tests[%d] %q: %w", i, t.Name, err)})
		}
	}
	return errors.Join(failed...)
}

func (e *Engine) run(t Test) error {
	switch {
	case t.Allow != "" && t.Deny || t.Allow == "" && !t.Deny:
		return errors.New("must have either allow, with the id of a rule, or deny: true")
	case actionOf(t.Do) == 0:
		return fmt.Errorf("do: there is no action %q; there are %s", t.Do, strings.Join(Actions(), ", "))
	}
	d := e.Decide(Question{
		Principal: authn.Principal{Name: t.As.Name, Tenant: t.As.Tenant, Groups: t.As.Groups, Claims: authn.NewClaims(t.As.Claims), Kind: authn.CredentialKind(t.As.Kind)},
		Action:    t.Do, Account: t.On.Account, Store: &t.On.Store, Secret: &t.On.Secret, Scopes: t.On.Scopes,
	})
	switch {
	case d.Rule == t.Allow:
		return nil
	case d.Allowed:
		return fmt.Errorf("is allowed by rule %q", d.Rule)
	default:
		return errors.New("is denied")
	}
}
