package upstream

import (
	"context"
	"net/http"
	"time"
)

// Store is a store as described by Cloudflare.
type Store struct {
	// ID is Cloudflare's identifier.
	ID string `json:"id"`
	// Name is the name, unique in the account.
	Name string `json:"name"`
	// Created is the time of the creation.
	Created time.Time `json:"created"`
	// Modified is the time of the last change.
	Modified time.Time `json:"modified"`
	// AccountID is the account. Empty if Cloudflare omits it.
	AccountID string `json:"account_id"`
}

// Paging selects and sorts a part of a list. Zero fields are not sent, so that Cloudflare's
// defaults apply.
type Paging struct {
	// Page is the number of the page, counted from 1.
	Page int
	// PerPage is the number of items per page. More than 100 is sent as 100.
	PerPage int
	// Order is the field to sort by.
	Order string
	// Direction is "asc" or "desc".
	Direction string
}

// CreateStoreParams are the parameters of CreateStore.
type CreateStoreParams struct {
	// Account is the identifier or name of the account.
	Account string
	// Name is the name of the new store.
	Name string
}

// ListStoresParams are the parameters of ListStores.
type ListStoresParams struct {
	// Account is the identifier or name of the account.
	Account string
	Paging
}

// StoreParams identify a store.
type StoreParams struct {
	// Account is the identifier or name of the account.
	Account string
	// StoreID is the identifier of the store.
	StoreID string
}

// DeleteStoreParams are the parameters of DeleteStore.
type DeleteStoreParams struct {
	// Account is the identifier or name of the account.
	Account string
	// StoreID is the identifier of the store.
	StoreID string
	// Force also deletes the secrets of the store.
	Force bool
}

// CreateStore creates a store. Faults: NameTaken, LimitReached, BadInput.
func (c *Client) CreateStore(ctx context.Context, p CreateStoreParams) (Answer[Store], error) {
	at, err := c.stores(p.Account)
	if err != nil {
		return Answer[Store]{}, err
	}
	body, err := encode(&storeBody{Name: p.Name})
	if err != nil {
		return Answer[Store]{}, err
	}
	o := operation{name: opCreateStore, method: http.MethodPost, place: at, body: body, names: []string{p.Name}}
	return call(ctx, c, &o, theStore(at.account, func(s Store) bool { return s.Name == p.Name }))
}

// ListStores returns a page of the stores of an account.
func (c *Client) ListStores(ctx context.Context, p ListStoresParams) (Answer[[]Store], error) {
	at, err := c.stores(p.Account)
	if err != nil {
		return Answer[[]Store]{}, err
	}
	var q query
	q.page(p.Paging)
	o := operation{name: opListStores, method: http.MethodGet, place: at, query: q.String()}
	return call(ctx, c, &o, pageOf(p.Paging, false, storeIDOf, func(s Store) bool { return s.in(at.account) }))
}

// GetStore returns one store. Faults: NotFound.
func (c *Client) GetStore(ctx context.Context, p StoreParams) (Answer[Store], error) {
	at, err := c.store(p.Account, p.StoreID)
	if err != nil {
		return Answer[Store]{}, err
	}
	o := operation{name: opGetStore, method: http.MethodGet, place: at}
	return call(ctx, c, &o, theStore(at.account, func(s Store) bool { return s.ID == p.StoreID }))
}

// DeleteStore deletes a store. Faults: NotFound, NotEmpty if the store has secrets and Force is not
// set.
func (c *Client) DeleteStore(ctx context.Context, p DeleteStoreParams) (Answer[None], error) {
	at, err := c.store(p.Account, p.StoreID)
	if err != nil {
		return Answer[None]{}, err
	}
	o := operation{name: opDeleteStore, method: http.MethodDelete, place: at}
	if p.Force {
		o.query = "force=true"
	}
	return none(call(ctx, c, &o, removed(p.StoreID)))
}

// storeBody is the body of CreateStore.
type storeBody struct {
	Name string `json:"name"`
}
