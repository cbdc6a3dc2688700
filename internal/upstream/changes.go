package upstream

import (
	"context"
	"net/http"
)

// CommentChange describes the change of a comment. The zero value keeps the comment.
type CommentChange struct {
	// Change reports that the comment changes.
	Change bool `json:"change,omitempty"`
	// Text is the new comment, possibly empty. Nil removes the comment.
	Text *string `json:"text,omitempty"`
}

// UpdateSecretParams are the parameters of UpdateSecret. Zero fields keep the present state.
type UpdateSecretParams struct {
	// Account is the identifier or name of the account.
	Account string
	// StoreID is the identifier of the store.
	StoreID string
	// SecretID is the identifier of the secret.
	SecretID string
	// Value is the new value. Nil keeps the value.
	Value *Value
	// Scopes are the new scopes. Nil keeps the scopes. An empty list is sent as an empty list.
	Scopes []string
	// Comment is the change of the comment.
	Comment CommentChange
}

// UpdateSecret changes a secret. Faults: NotFound, BadInput (also if no field changes).
func (c *Client) UpdateSecret(ctx context.Context, p UpdateSecretParams) (Answer[Secret], error) {
	at, err := c.secret(p.Account, p.StoreID, p.SecretID)
	if err != nil {
		return Answer[Secret]{}, err
	}
	if p.Value == nil && p.Scopes == nil && !p.Comment.Change {
		return Answer[Secret]{}, emptyBody("", "", "must set at least one of value, scopes, comment")
	}
	o := operation{name: opUpdateSecret, method: http.MethodPatch, place: at}
	wire := updateBody{Scopes: p.Scopes}
	if p.Value != nil {
		value := string(*p.Value)
		wire.Value, o.values = &value, []string{value}
	}
	if p.Comment.Change {
		wire.Comment = &p.Comment.Text
	}
	if o.body, err = encode(&wire); err != nil {
		return Answer[Secret]{}, err
	}
	return call(ctx, c, &o, theSecret(p.StoreID, func(s Secret) bool { return s.ID == p.SecretID }))
}

// DuplicateSecretParams are the parameters of DuplicateSecret.
type DuplicateSecretParams struct {
	// Account is the identifier or name of the account.
	Account string
	// StoreID is the identifier of the store.
	StoreID string
	// SecretID is the identifier of the secret to copy.
	SecretID string
	// Name is the name of the copy.
	Name string
	// Scopes are the services that may use the copy.
	Scopes []string
	// Comment is free text about the copy. Nil means none.
	Comment *string
}

// DuplicateSecret copies a secret, including the value, under another name. Faults: NotFound,
// NameTaken, LimitReached, BadInput.
func (c *Client) DuplicateSecret(ctx context.Context, p DuplicateSecretParams) (Answer[Secret], error) {
	at, err := c.secret(p.Account, p.StoreID, p.SecretID)
	if err != nil {
		return Answer[Secret]{}, err
	}
	body, err := encode(&duplicateBody{Name: p.Name, Scopes: p.Scopes, Comment: p.Comment})
	if err != nil {
		return Answer[Secret]{}, err
	}
	o := operation{
		name:   opDuplicateSecret,
		method: http.MethodPost,
		place:  at.under("duplicate"),
		body:   body,
		names:  []string{p.Name},
	}
	return call(ctx, c, &o, theSecret(p.StoreID, func(s Secret) bool { return s.Name == p.Name && s.ID != p.SecretID }))
}

// updateBody is the body of UpdateSecret. A Comment that points to nil is encoded as null.
type updateBody struct {
	Value   *string  `json:"value,omitzero"`
	Scopes  []string `json:"scopes,omitzero"`
	Comment **string `json:"comment,omitzero"`
}

// duplicateBody is the body of DuplicateSecret.
type duplicateBody struct {
	Name    string   `json:"name"`
	Scopes  []string `json:"scopes"`
	Comment *string  `json:"comment,omitzero"`
}
