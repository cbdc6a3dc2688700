// Package change describes a change of stores and secrets as one value, and the steps of a change on the way
// to Cloudflare.
//
// The package must not know the caller, the protocol, how records are stored, or how a listing is read. An Op
// holds no secret value, so that it can be stored. The values of a change are separate.
package change

import (
	"slices"

	"platform.internal/storekeeper/internal/upstream"
)

// Kind is the kind of a change. Its text is the name of the Cloudflare
// operation and of the RPC.
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

// Op is a change without its values. It can be encoded as JSON.
type Op struct {
	// Kind is the kind of the change.
	Kind Kind `json:"kind"`
	// Account is the identifier or the configured name of the account.
	Account string `json:"account"`
	// StoreID is the store to delete, or the store of the secrets.
	StoreID string `json:"store_id,omitempty"`
	// StoreName is the name of a new store.
	StoreName string `json:"store_name,omitempty"`
	// Force deletes the secrets of the store too.
	Force bool `json:"force,omitempty"`
	// SecretIDs are the secrets that are updated or deleted, or the source of a
	// duplicate.
	SecretIDs []string `json:"secret_ids,omitempty"`
	// Secrets are the new secrets. A duplicate has one.
	Secrets []NewSecret `json:"secrets,omitempty"`
	// Update holds the fields that an update sets. The zero value sets nothing.
	Update Update `json:"update,omitzero"`
	// Caller is the caller, and Tenant the tenant whose budget is used.
	Caller string `json:"caller,omitempty"`
	Tenant string `json:"tenant,omitempty"`
}

// NewSecret is a secret that a change creates.
type NewSecret struct {
	// Name is the name, unique in the store.
	Name string `json:"name"`
	// Scopes are the services that may use the secret.
	Scopes []string `json:"scopes,omitempty"`
	// Comment is free text. Nil means none.
	Comment *string `json:"comment,omitempty"`
}

// Update holds the fields that an update of a secret sets.
type Update struct {
	// Value says that the value is set.
	Value bool `json:"value,omitempty"`
	// Scopes are the new scopes. Nil keeps the old ones. An empty list is sent
	// as an empty list.
	Scopes []string `json:"scopes,omitzero"`
	// Comment is the change of the comment.
	Comment upstream.CommentChange `json:"comment,omitzero"`
}

// Values are the secret values of a change: one per new secret of CreateSecrets, in order; one for an update
// that sets a value; none for other changes. Each prints as "[redacted]".
type Values []upstream.Value

// valuesOf returns the number of values of a change.
func (o *Op) valuesOf() int {
	switch {
	case o.Kind == CreateSecrets:
		return len(o.Secrets)
	case o.Kind == UpdateSecret && o.Update.Value:
		return 1
	}
	return 0
}

// Names returns the names of the new secrets.
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

// Changed returns the fields that an update sets in alphabetical order, and
// force for a forced deletion of a store.
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

// Creates reports whether a change creates an object.
func (o *Op) Creates() bool { return o.StoreName != "" || len(o.Secrets) > 0 }

// Deletes reports whether a change only deletes objects.
func (o *Op) Deletes() bool {
	return o.Kind == DeleteStore || o.Kind == DeleteSecret || o.Kind == DeleteSecrets
}

// Result is the result of a change.
type Result struct {
	// Store is the created store. Nil: none.
	Store *upstream.Store
	// Secrets are the created or updated secrets, in the order of the Op.
	Secrets []upstream.Secret
	// Info is Cloudflare's paging information. Nil: none.
	Info *upstream.ResultInfo
	// Notices are Cloudflare's messages, without secrets.
	Notices []upstream.Notice
	// Ray is the cf-ray of the answer. Empty: none.
	Ray string
}

// IDs returns the identifiers of the objects in the result.
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

// Secret returns the only secret of a result, and the zero value if there is
// none.
func (r *Result) Secret() upstream.Secret {
	if len(r.Secrets) == 0 {
		return upstream.Secret{}
	}
	return r.Secrets[0]
}

// Part returns an Op with some of the new secrets of another, and their values.
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
