package cfjson

import (
	identityv1 "platform.internal/storekeeper/gen/storekeeper/identity/v1"

	secretsstorev1 "platform.internal/storekeeper/gen/secretsstore/v1"
)

func appendStore(b []byte, s *secretsstorev1.Store) []byte {
	b = append(b, '{')
	b = appendNamed(b, "id", s.GetId())
	b = appendNamed(b, "name", s.GetName())
	b = appendTime(b, "created", s.GetCreated())
	b = appendTime(b, "modified", s.GetModified())
	if s.GetAccountId() != "" {
		b = appendNamed(b, "account_id", s.GetAccountId())
	}
	return append(b, '}')
}

// appendSecret appends all keys in one function for speed: a list has up to 100 secrets.
func appendSecret(b []byte, s *secretsstorev1.Secret) []byte {
	b = appendText(append(b, `{"id":`...), s.GetId())
	b = appendText(append(b, `,"store_id":`...), s.GetStoreId())
	b = appendText(append(b, `,"name":`...), s.GetName())
	// null instead of "": Terraform reads "" as a change if no comment was set.
	b = append(b, `,"comment":`...)
	if s.Comment == nil {
		b = append(b, "null"...)
	} else {
		b = appendText(b, s.GetComment())
	}
	b = appendList(append(b, `,"scopes":`...), s.GetScopes(), appendText)
	b = appendTime(b, "created", s.GetCreated())
	b = appendTime(b, "modified", s.GetModified())
	b = appendText(append(b, `,"status":`...), s.GetStatus())
	return append(b, '}')
}

func appendQuota(b []byte, q *secretsstorev1.Quota) []byte {
	b = append(b, `{"secrets":{`...)
	b = appendNumber(b, "quota", q.GetSecrets().GetQuota())
	b = appendNumber(b, "usage", q.GetSecrets().GetUsage())
	return append(b, "}}"...)
}

func appendNotice(b []byte, n *secretsstorev1.Notice) []byte {
	b = append(b, '{')
	if n.Code != nil {
		b = appendNumber(b, "code", n.GetCode())
	}
	b = appendNamed(b, "message", n.GetMessage())
	if n.GetDocumentationUrl() != "" {
		b = appendNamed(b, "documentation_url", n.GetDocumentationUrl())
	}
	if n.GetSource() != nil {
		b = append(appendKey(b, "source"), '{')
		b = appendNamed(b, "pointer", n.GetSource().GetPointer())
		b = append(b, '}')
	}
	return append(b, '}')
}

func appendInfo(b []byte, i *secretsstorev1.ResultInfo) []byte {
	b = append(b, '{')
	b = appendNumber(b, "count", i.GetCount())
	b = appendNumber(b, "page", i.GetPage())
	b = appendNumber(b, "per_page", i.GetPerPage())
	b = appendNumber(b, "total_count", i.GetTotalCount())
	if i.TotalPages != nil {
		b = appendNumber(b, "total_pages", i.GetTotalPages())
	}
	return append(b, '}')
}

func appendToken(b []byte, t *identityv1.Token) []byte {
	b = append(b, '{')
	b = appendNamed(b, "id", t.GetId())
	b = appendNamed(b, "status", t.GetStatus())
	if t.GetNotBefore() != nil {
		b = appendTime(b, "not_before", t.GetNotBefore())
	}
	if t.GetExpiresOn() != nil {
		b = appendTime(b, "expires_on", t.GetExpiresOn())
	}
	return append(b, '}')
}

func appendUser(b []byte, u *identityv1.User) []byte {
	b = append(b, '{')
	b = appendNamed(b, "id", u.GetId())
	b = appendNamed(b, "email", u.GetEmail())
	b = appendNamed(b, "username", u.GetUsername())
	return append(b, '}')
}

func appendAccount(b []byte, a *identityv1.Account) []byte {
	b = append(b, '{')
	b = appendNamed(b, "id", a.GetId())
	b = appendNamed(b, "name", a.GetName())
	b = appendNamed(b, "type", a.GetType())
	return append(b, '}')
}

func appendMembership(b []byte, m *identityv1.Membership) []byte {
	b = append(b, '{')
	b = appendNamed(b, "id", m.GetId())
	b = appendNamed(b, "status", m.GetStatus())
	b = appendAccount(appendKey(b, "account"), m.GetAccount())
	b = appendList(appendKey(b, "roles"), m.GetRoles(), appendText)
	return append(b, '}')
}
