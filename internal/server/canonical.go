package server

import (
	"slices"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	secretsstorev1 "platform.internal/storekeeper/gen/secretsstore/v1"
	storekeeperv1 "platform.internal/storekeeper/gen/storekeeper/v1"
)

// canonical returns the normal form of a request, so that a repeat is recognised: requests with the
// same meaning have the same normal form. The account is its configured name, scopes and
// identifiers are sorted and unique, and an update holds only the fields that change. The
// idempotency key is removed, because a repeat may send the key as metadata. The name of a secret
// in an update is removed if it equals the name in names. The request itself is not changed.
func canonical(request proto.Message, account string, names map[string]string) proto.Message {
	out := proto.Clone(request)
	setText(out, "request_id", "")
	if account != "" {
		setAccount(out, account)
	}
	switch r := out.(type) {
	case *secretsstorev1.CreateSecretsRequest:
		for _, s := range r.GetSecrets() {
			s.Scopes = distinct(s.GetScopes())
		}
	case *secretsstorev1.DuplicateSecretRequest:
		r.Scopes = distinct(r.GetScopes())
	case *storekeeperv1.PutSecretRequest:
		r.Scopes = distinct(r.GetScopes())
	case *secretsstorev1.DeleteSecretsRequest:
		r.Ids = distinct(r.GetIds())
	case *secretsstorev1.UpdateSecretRequest:
		canonicalUpdate(r)
		if !nameDiffers(request, names) {
			r.Name = nil
		}
	}
	return out
}

// canonicalUpdate sets the field mask of an update and clears fields outside the mask. Over REST
// the mask is always set. Over gRPC the caller may omit the mask.
func canonicalUpdate(u *secretsstorev1.UpdateSecretRequest) {
	paths := u.GetUpdateMask().GetPaths()
	if len(paths) == 0 {
		for path, given := range map[string]bool{"value": u.Value != nil, "comment": u.Comment != nil, "scopes": len(u.GetScopes()) > 0} {
			if given {
				paths = append(paths, path)
			}
		}
	}
	u.UpdateMask = &fieldmaskpb.FieldMask{Paths: distinct(paths)}
	if !slices.Contains(paths, "value") {
		u.Value = nil
	}
	if !slices.Contains(paths, "comment") {
		u.Comment = nil
	}
	if !slices.Contains(paths, "scopes") {
		u.Scopes = nil
	}
	u.Scopes = distinct(u.GetScopes())
}

// nameDiffers reports whether an update names a secret differently from names,
// which holds names of secrets by identifier.
func nameDiffers(request proto.Message, names map[string]string) bool {
	u, ok := request.(*secretsstorev1.UpdateSecretRequest)
	if !ok || u.Name == nil {
		return false
	}
	name, known := names[u.GetSecretId()]
	return known && name != u.GetName()
}

// distinct returns the strings sorted and without duplicates. It does not change its argument.
func distinct(texts []string) []string {
	return slices.Compact(slices.Sorted(slices.Values(texts)))
}

// setAccount sets the account of a request. Most changes create something, and need no reflection.
func setAccount(m proto.Message, account string) {
	switch r := m.(type) {
	case *secretsstorev1.CreateStoreRequest:
		r.AccountId = account
	case *secretsstorev1.CreateSecretsRequest:
		r.AccountId = account
	default:
		setText(m, "account_id", account)
		setText(m, "account", account)
	}
}

// setText sets a string field of a message, if the message has that field.
func setText(m proto.Message, field protoreflect.Name, text string) {
	r := m.ProtoReflect()
	fd := r.Descriptor().Fields().ByName(field)
	switch {
	case fd == nil:
	case text == "":
		r.Clear(fd)
	default:
		r.Set(fd, protoreflect.ValueOfString(text))
	}
}
