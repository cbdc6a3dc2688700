// Package authz decides whether a caller may make a call, by rules that an
// operator writes in CEL. A call that no rule allows is denied.
//
// The package must not know how a caller was authenticated, nor any protocol or
// message. A question never holds the value of a secret.
package authz

import "platform.internal/storekeeper/internal/authn"

// Question asks whether a caller may do one action on one object.
type Question struct {
	// Principal is the caller.
	Principal authn.Principal
	// Action is the action, such as "secret.create".
	Action string
	// Account is the configured name of the account.
	Account string
	// Store is the name of the store. Nil: not known yet.
	Store *string
	// Secret is the name of the secret, "" for an action that is not about a
	// secret. Nil: not known yet.
	Secret *string
	// Scopes are the scopes that the call gives to the secret.
	Scopes []string
	// StoreOnly says that rules about other stores than Store do not set
	// Decision.NeedsName.
	StoreOnly bool
}

// Decision is the answer to a question.
type Decision struct {
	// Allowed says whether a rule allows the action.
	Allowed bool
	// Rule is the id of the first rule that allows the action.
	Rule string
	// NeedsName says that the action is not allowed so far and that a name
	// which is not known yet could change that.
	NeedsName bool
	// Policy is the digest of the policy file, "sha256:" and hexadecimal digits
	// as sha256sum prints them. Empty for rules without a file.
	Policy string
}

// needs are the names that a rule needs.
type needs struct {
	store, secret bool
	// claims says that the rule reads claims of a token.
	claims bool
}

// answerable reports whether the question has the names that a rule needs.
func (q Question) answerable(n needs) bool {
	return (!n.store || q.Store != nil) && (!n.secret || q.Secret != nil)
}
