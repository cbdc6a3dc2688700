package authz

// AccessReview is something that a caller would do. Objects are given by name or by
// identifier.
type AccessReview struct {
	// Action is the action.
	Action string
	// Account is the identifier or the configured name of the account.
	Account string
	// Store and Secret are names or identifiers. Empty: not known.
	Store, Secret string
	// Scopes are the scopes that the call would give to the secret.
	Scopes []string
}

// Question returns the question of a check whose objects are given by name.
func (c AccessReview) Question() Question {
	q := Question{Action: c.Action, Account: c.Account, Scopes: c.Scopes}
	if c.Store != "" {
		q.Store = &c.Store
	}
	if c.Secret != "" {
		q.Secret = &c.Secret
	}
	// The fields that an action never concerns are known.
	unknownsOf(&q)
	return q
}
