package upstream

import (
	"context"
	"net/http"

	"platform.internal/storekeeper/internal/fault"
)

// NewSecret is a secret to be created.
type NewSecret struct {
	// Name is the name, unique in the store.
	Name string
	// Value is the value.
	Value Value
	// Scopes are the services that may use the secret.
	Scopes []string
	// Comment is free text. Nil means none.
	Comment *string
}

// CreateSecretsParams are the parameters of CreateSecrets.
type CreateSecretsParams struct {
	// Account is the identifier or name of the account.
	Account string
	// StoreID is the identifier of the store.
	StoreID string
	// Secrets are the new secrets, at least one. Cloudflare does not document whether a refusal of
	// one secret prevents the creation of the others.
	Secrets []NewSecret
}

// DeleteSecretsParams are the parameters of DeleteSecrets.
type DeleteSecretsParams struct {
	// Account is the identifier or name of the account.
	Account string
	// StoreID is the identifier of the store.
	StoreID string
	// IDs are the identifiers of the secrets, at least one.
	IDs []string
}

// CreateSecrets creates secrets and returns them in the order of the request. Faults: NotFound,
// NameTaken, LimitReached, BadInput (also for an empty list).
func (c *Client) CreateSecrets(ctx context.Context, p CreateSecretsParams) (Answer[[]Secret], error) {
	at, err := c.secrets(p.Account, p.StoreID)
	if err != nil {
		return Answer[[]Secret]{}, err
	}
	if len(p.Secrets) == 0 {
		return Answer[[]Secret]{}, emptyBody("secrets", "", "must have at least 1 item")
	}
	o := operation{name: opCreateSecrets, method: http.MethodPost, place: at}
	wire := make([]createItem, len(p.Secrets))
	o.names, o.values = make([]string, 0, len(p.Secrets)), make([]string, 0, len(p.Secrets))
	for i, s := range p.Secrets {
		wire[i] = createItem{Name: s.Name, Value: string(s.Value), Scopes: s.Scopes, Comment: s.Comment}
		o.names = append(o.names, s.Name)
		o.values = append(o.values, string(s.Value))
	}
	if o.body, err = encode(&wire); err != nil {
		return Answer[[]Secret]{}, err
	}
	return call(ctx, c, &o, made(p.StoreID, o.names))
}

// DeleteSecrets deletes several secrets. It rejects an empty list, because Cloudflare might
// interpret the empty list as all secrets. Faults: NotFound, BadInput for an empty list.
func (c *Client) DeleteSecrets(ctx context.Context, p DeleteSecretsParams) (Answer[None], error) {
	at, err := c.secrets(p.Account, p.StoreID)
	if err != nil {
		return Answer[None]{}, err
	}
	if len(p.IDs) == 0 {
		return Answer[None]{}, emptyBody("ids", "/ids", "must have at least 1 item")
	}
	for _, id := range p.IDs {
		if !isIdentifier(id) {
			return Answer[None]{}, noSecret()
		}
	}
	body, err := encode(&deleteBody{IDs: p.IDs})
	if err != nil {
		return Answer[None]{}, err
	}
	o := operation{name: opDeleteSecrets, method: http.MethodDelete, place: at, body: body}
	return none(call(ctx, c, &o, removed(p.IDs...)))
}

// createItem is an item of the body of CreateSecrets.
type createItem struct {
	Name    string   `json:"name"`
	Value   string   `json:"value"`
	Scopes  []string `json:"scopes"`
	Comment *string  `json:"comment,omitzero"`
}

// deleteBody is the body of DeleteSecrets.
type deleteBody struct {
	IDs []string `json:"ids"`
}

// emptyBody returns the fault of a request without items or changes.
func emptyBody(path, pointer, text string) *fault.Error {
	return fault.Invalid(fault.Field{Path: path, Pointer: pointer, Reason: fault.ReasonInvalidJSONBody, Text: text})
}
