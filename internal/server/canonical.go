package server

import (
	"slices"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	secretsstorev1 "platform.internal/storekeeper/gen/secretsstore/v1"
)

// canonical gives a request the form that all requests with the same meaning
// have, so that a repeat is known in any of its forms: the account by its
// configured name, scopes and identifiers in order and each once, and of an
// update only what it changes. Not a part of it is the request's own name, which
// may come as metadata the next time, and the name of a secret that an update
// repeats, unless it is another than names has for the secret. The request that
// is carried out stays as it came.
func canonical(request proto.Message, account string, names map[string]string) proto.Message {
	out := proto.Clone(request)
	setText(out, "request_id", "")
	if account != "" {
		setText(out, "account_id", account)
	}
	switch r := out.(type) {
	case *secretsstorev1.CreateSecretsRequest:
		for _, s := range r.GetSecrets() {
			s.Scopes = distinct(s.GetScopes())
		}
	case *secretsstorev1.DuplicateSecretRequest:
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

// canonicalUpdate gives an update the mask that says what it changes, and takes
// away what it does not change. Over REST there is a mask always, and over gRPC
// it may be left out.
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

// nameDiffers says whether an update names the secret in another way than names
// does, which has the names of secrets by identifier.
func nameDiffers(request proto.Message, names map[string]string) bool {
	u, ok := request.(*secretsstorev1.UpdateSecretRequest)
	if !ok || u.Name == nil {
		return false
	}
	name, known := names[u.GetSecretId()]
	return known && name != u.GetName()
}

// distinct gives the texts in order, each once. It changes no list of a request.
func distinct(texts []string) []string {
	return slices.Compact(slices.Sorted(slices.Values(texts)))
}

// setText gives a field of a message a text, where there is such a field.
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
