package upstream

import (
	"context"
	"net/http"
	"sync/atomic"
	"time"
)

// Secret is a secret as described by Cloudflare, without the value.
type Secret struct {
	// ID is Cloudflare's identifier.
	ID string `json:"id"`
	// StoreID is the identifier of the store that holds the secret.
	StoreID string `json:"store_id"`
	// Name is the name, unique in the store.
	Name string `json:"name"`
	// Comment is free text. Nil if there is no comment.
	Comment *string `json:"comment"`
	// Scopes are the services that may use the secret, as sent by Cloudflare.
	Scopes []string `json:"scopes"`
	// Created is the time of the creation.
	Created time.Time `json:"created"`
	// Modified is the time of the last change.
	Modified time.Time `json:"modified"`
	// Status is Cloudflare's state of the secret, such as "active".
	Status string `json:"status"`
	// Form, if not nil, holds what a reader derives from the secret, for all readers: the cache gives one to
	// each state of a secret. A copy that is changed must not keep it.
	Form *atomic.Value `json:"-"`
}

// SecretParams identify a secret.
type SecretParams struct {
	// Account is the identifier or name of the account.
	Account string
	// StoreID is the identifier of the store.
	StoreID string
	// SecretID is the identifier of the secret.
	SecretID string
}

// ListSecretsParams are the parameters of ListSecrets.
type ListSecretsParams struct {
	// Account is the identifier or name of the account.
	Account string
	// StoreID is the identifier of the store.
	StoreID string
	Paging
	// Search is a text contained in the name or the comment. Empty means any.
	Search string
	// Scopes are the scopes to filter by. Empty means any.
	Scopes []string
}

// ListSecrets returns a page of the secrets of a store. Faults: NotFound.
func (c *Client) ListSecrets(ctx context.Context, p ListSecretsParams) (Answer[[]Secret], error) {
	at, err := c.secrets(p.Account, p.StoreID)
	if err != nil {
		return Answer[[]Secret]{}, err
	}
	var q query
	q.page(p.Paging)
	q.text("search", p.Search)
	q.list("scopes", p.Scopes)
	o := operation{name: opListSecrets, method: http.MethodGet, place: at, query: q.String()}
	fit := func(s Secret) bool { return s.complete() && s.StoreID == p.StoreID && s.hasOneOf(p.Scopes) }
	return call(ctx, c, &o, pageOf(p.Paging, p.Search != "" || len(p.Scopes) > 0, secretID, fit))
}

// GetSecret returns one secret. Faults: NotFound.
func (c *Client) GetSecret(ctx context.Context, p SecretParams) (Answer[Secret], error) {
	at, err := c.secret(p.Account, p.StoreID, p.SecretID)
	if err != nil {
		return Answer[Secret]{}, err
	}
	o := operation{name: opGetSecret, method: http.MethodGet, place: at}
	return call(ctx, c, &o, theSecret(p.StoreID, func(s Secret) bool { return s.ID == p.SecretID }))
}

// DeleteSecret deletes one secret. Faults: NotFound.
func (c *Client) DeleteSecret(ctx context.Context, p SecretParams) (Answer[None], error) {
	at, err := c.secret(p.Account, p.StoreID, p.SecretID)
	if err != nil {
		return Answer[None]{}, err
	}
	o := operation{name: opDeleteSecret, method: http.MethodDelete, place: at}
	return none(call(ctx, c, &o, removed(p.SecretID)))
}
