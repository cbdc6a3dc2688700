package upstream

import (
	"context"
	"net/http"
	"time"
)

// Store is a store as Cloudflare describes it.
type Store struct {
	// ID is Cloudflare's identifier.
	ID string `json:"id"`
	// Name is the name, unique in the account.
	Name string `json:"name"`
	// Created is when it was made.
	Created time.Time `json:"created"`
	// Modified is when it was last changed.
	Modified time.Time `json:"modified"`
	// AccountID is the account. Empty where Cloudflare did not say.
	AccountID string `json:"account_id"`
}

// Paging says which part of a list to give, and how sorted. What is left zero
// is not sent, so that Cloudflare's defaults hold.
type Paging struct {
	// Page is the number of the page, counted from 1.
	Page int
	// PerPage is the number of items on a page. More than 100 is sent as 100.
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

// StoreParams name one store.
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
	// Force deletes the secrets of the store with it.
	Force bool
}

// CreateStore makes a store. Faults: NameTaken, LimitReached, BadInput.
func (c *Client) CreateStore(ctx context.Context, p CreateStoreParams) (Answer[Store], error) {
	at, err := c.stores(p.Account)
	if err != nil {
		return Answer[Store]{}, err
	}
	body, err := encode(storeBody{Name: p.Name}, len(p.Name)+frame)
	if err != nil {
		return Answer[Store]{}, err
	}
	o := operation{name: opCreateStore, method: http.MethodPost, place: at, body: body, names: []string{p.Name}}
	return call(ctx, c, o, theStore(at.account, func(s Store) bool { return s.Name == p.Name }))
}

// ListStores gives a page of the stores of an account.
func (c *Client) ListStores(ctx context.Context, p ListStoresParams) (Answer[[]Store], error) {
	at, err := c.stores(p.Account)
	if err != nil {
		return Answer[[]Store]{}, err
	}
	var q query
	q.page(p.Paging)
	o := operation{name: opListStores, method: http.MethodGet, place: at, query: q.String()}
	return call(ctx, c, o, pageOf(p.Paging, false, storeIDOf, func(s Store) bool { return s.in(at.account) }))
}

// GetStore gives one store. Faults: NotFound.
func (c *Client) GetStore(ctx context.Context, p StoreParams) (Answer[Store], error) {
	at, err := c.store(p.Account, p.StoreID)
	if err != nil {
		return Answer[Store]{}, err
	}
	o := operation{name: opGetStore, method: http.MethodGet, place: at}
	return call(ctx, c, o, theStore(at.account, func(s Store) bool { return s.ID == p.StoreID }))
}

// DeleteStore deletes a store. Faults: NotFound, NotEmpty where it holds
// secrets and Force is not set.
func (c *Client) DeleteStore(ctx context.Context, p DeleteStoreParams) (Answer[None], error) {
	at, err := c.store(p.Account, p.StoreID)
	if err != nil {
		return Answer[None]{}, err
	}
	o := operation{name: opDeleteStore, method: http.MethodDelete, place: at}
	if p.Force {
		o.query = "force=true"
	}
	return none(call(ctx, c, o, removed(p.StoreID)))
}

// storeBody is the body of CreateStore.
type storeBody struct {
	Name string `json:"name"`
}
