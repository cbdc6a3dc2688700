// Package change describes a change of stores and secrets as one value, and
// the steps that a change goes through on its way to Cloudflare.
//
// It must not know who is calling, over which protocol, how records are kept,
// or how a listing comes about. An Op holds no secret value, so that it can be
// written down; the values of a change stand beside it.
package change

import (
	"slices"

	"platform.internal/storekeeper/internal/upstream"
)

// Kind says what a change does. The text is the name of the call to Cloudflare,
// and of the RPC.
type Kind string

// The kinds of changes.
const (
	CreateStore     Kind = "CreateStore"
	DeleteStore     Kind = "DeleteStore"
	CreateSecrets   Kind = "CreateSecrets"
	UpdateSecret    Kind = "UpdateSecret"
	DeleteSecret    Kind = "DeleteSecret"
	DeleteSecrets   Kind = "DeleteSecrets"
	DuplicateSecret Kind = "DuplicateSecret"
)

// Op is a change without its values. It can be written as JSON and read again.
type Op struct {
	// Kind says what the change does.
	Kind Kind `json:"kind"`
	// Account is the identifier or the configured name of the account.
	Account string `json:"account"`
	// StoreID is the store that is deleted, or in which secrets change.
	StoreID string `json:"store_id,omitempty"`
	// StoreName is the name of a new store.
	StoreName string `json:"store_name,omitempty"`
	// Force deletes the secrets of the store with it.
	Force bool `json:"force,omitempty"`
	// SecretIDs are the secrets that change or go, or the one that is copied.
	SecretIDs []string `json:"secret_ids,omitempty"`
	// Secrets are the new secrets, one for a copy.
	Secrets []NewSecret `json:"secrets,omitempty"`
	// Update is what an update sets. Its zero value sets nothing.
	Update Update `json:"update,omitzero"`
	// Caller asked for the change, and Tenant pays for it.
	Caller string `json:"caller,omitempty"`
	Tenant string `json:"tenant,omitempty"`
}

// NewSecret is a secret that a change makes.
type NewSecret struct {
	// Name is the name, unique in the store.
	Name string `json:"name"`
	// Scopes are the services that may use the secret.
	Scopes []string `json:"scopes,omitempty"`
	// Comment is free text. Nil means none.
	Comment *string `json:"comment,omitempty"`
}

// Update is what an update of a secret sets.
type Update struct {
	// Value says that there is a new value.
	Value bool `json:"value,omitempty"`
	// Scopes are the new scopes. Nil keeps the old ones; an empty list is sent as
	// one.
	Scopes []string `json:"scopes,omitzero"`
	// Comment is the change of the comment.
	Comment upstream.CommentChange `json:"comment,omitzero"`
}

// Values are the values of a change: one for each new secret of CreateSecrets,
// in that order, one for an update that sets a value, none for all others. Each
// prints as "[redacted]", whatever prints it.
type Values []upstream.Value

// valuesOf is how many values a change has.
func (o *Op) valuesOf() int {
	switch {
	case o.Kind == CreateSecrets:
		return len(o.Secrets)
	case o.Kind == UpdateSecret && o.Update.Value:
		return 1
	}
	return 0
}

// Names are the names of the new secrets.
func (o *Op) Names() []string {
	if len(o.Secrets) == 0 {
		return nil
	}
	names := make([]string, len(o.Secrets))
	for i, s := range o.Secrets {
		names[i] = s.Name
	}
	return names
}

// Changed names the fields that an update sets, in the order of the alphabet,
// and force for a deletion that takes all that a store holds with it.
func (o *Op) Changed() []string {
	var fields []string
	if o.Update.Comment.Change {
		fields = append(fields, "comment")
	}
	if o.Force {
		fields = append(fields, "force")
	}
	if o.Update.Scopes != nil {
		fields = append(fields, "scopes")
	}
	if o.Update.Value {
		fields = append(fields, "value")
	}
	return fields
}

// Creates says whether a change makes something under a new name.
func (o *Op) Creates() bool { return o.StoreName != "" || len(o.Secrets) > 0 }

// Result is what became of a change that was made.
type Result struct {
	// Store is the store that was made. Nil where none was.
	Store *upstream.Store
	// Secrets are the secrets that were made or changed, in the order of the Op.
	Secrets []upstream.Secret
	// Info is what Cloudflare said about the list. Nil where it gave none.
	Info *upstream.ResultInfo
	// Notices are what Cloudflare said beside the result, free of secrets.
	Notices []upstream.Notice
	// Ray is Cloudflare's identifier for the answer. Empty where it gave none.
	Ray string
}

// IDs are the identifiers of the objects in the result.
func (r *Result) IDs() []string {
	if r.Store != nil {
		return []string{r.Store.ID}
	}
	ids := make([]string, len(r.Secrets))
	for i, s := range r.Secrets {
		ids[i] = s.ID
	}
	return ids
}

// Secret is the only secret of a result. Where there is none it is empty.
func (r *Result) Secret() upstream.Secret {
	if len(r.Secrets) == 0 {
		return upstream.Secret{}
	}
	return r.Secrets[0]
}

// Part gives an Op with some of the new secrets of another, and their values.
func Part(o *Op, values Values, places []int) (Op, Values) {
	part := *o
	part.Secrets = make([]NewSecret, len(places))
	held := make(Values, 0, len(places))
	for i, place := range places {
		part.Secrets[i] = o.Secrets[place]
		if place < len(values) {
			held = append(held, values[place])
		}
	}
	return part, slices.Clip(held)
}
