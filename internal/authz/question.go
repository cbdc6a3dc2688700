// Package authz judges whether a caller may do something, by rules that an
// operator wrote. What no rule allows is denied.
//
// It must not know how a caller proved who they are, nor any protocol or
// message; a secret's value has no place in a question.
package authz

import "platform.internal/storekeeper/internal/authn"

// Question is one thing that a caller wants to do, to one object.
type Question struct {
	// Principal is the caller.
	Principal authn.Principal
	// Action is what is to be done, such as "secret.create".
	Action string
	// Account is the configured name of the account.
	Account string
	// Store is the name of the store. Nil while it is not known.
	Store *string
	// Secret is the name of the secret, "" where the action is not about one.
	// Nil while it is not known.
	Secret *string
	// Scopes are those that the call gives to the secret.
	Scopes []string
	// StoreOnly says that rules about other stores than Store do not make the
	// decision open.
	StoreOnly bool
}

// Decision is the answer to a question.
type Decision struct {
	// Allowed says whether a rule allows it.
	Allowed bool
	// Rule is the id of the first rule that does.
	Rule string
	// NeedsName says, of a question that is not allowed, that a name which is not
	// known yet could change that.
	NeedsName bool
	// Policy is the digest of the file that the rules came from, as
	// "sha256:" and what sha256sum prints. Empty for rules without a file.
	Policy string
}

// needs is what a rule has to know.
type needs struct {
	store, secret bool
}

// answerable says whether the question holds what a rule has to know.
func (q Question) answerable(n needs) bool {
	return (!n.store || q.Store != nil) && (!n.secret || q.Secret != nil)
}
