package cache

import (
	"slices"
	"sync/atomic"
	"time"

	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/upstream"
)

// collectionKind holds the accessors for one type of object.
type collectionKind[T any] struct {
	id       func(T) string
	name     func(T) string
	created  func(T) time.Time
	modified func(T) time.Time
	// same compares all fields but the status, which Cloudflare changes without a request.
	same   func(x, y T) bool
	status func(T) string
	// clone makes a copy that the caller may change.
	clone func(T) T
	// keep makes a copy for the cache.
	keep func(T) T
	// put writes objects into an event.
	put func(*logEvent, []T)
}

func storeKind() collectionKind[upstream.Store] {
	return collectionKind[upstream.Store]{
		id:       func(s upstream.Store) string { return s.ID },
		name:     func(s upstream.Store) string { return s.Name },
		created:  func(s upstream.Store) time.Time { return s.Created },
		modified: func(s upstream.Store) time.Time { return s.Modified },
		same: func(x, y upstream.Store) bool {
			return x.ID == y.ID && x.Name == y.Name && x.Created.Equal(y.Created) && x.Modified.Equal(y.Modified)
		},
		status: func(upstream.Store) string { return "" },
		clone:  func(s upstream.Store) upstream.Store { return s },
		keep:   func(s upstream.Store) upstream.Store { return s },
		put:    func(e *logEvent, stores []upstream.Store) { e.Stores = stores },
	}
}

func secretKind() collectionKind[upstream.Secret] {
	return collectionKind[upstream.Secret]{
		id:       func(s upstream.Secret) string { return s.ID },
		name:     func(s upstream.Secret) string { return s.Name },
		created:  func(s upstream.Secret) time.Time { return s.Created },
		modified: func(s upstream.Secret) time.Time { return s.Modified },
		same:     sameSecret,
		status:   func(s upstream.Secret) string { return s.Status },
		clone:    cloneSecret,
		keep: func(s upstream.Secret) upstream.Secret {
			s = cloneSecret(s)
			s.Form = &atomic.Value{}
			return s
		},
		put: func(e *logEvent, secrets []upstream.Secret) { e.Secrets = secrets },
	}
}

func sameSecret(x, y upstream.Secret) bool {
	comments := x.Comment == nil && y.Comment == nil ||
		x.Comment != nil && y.Comment != nil && *x.Comment == *y.Comment
	return comments && x.ID == y.ID && x.Name == y.Name && slices.Equal(x.Scopes, y.Scopes) &&
		x.Created.Equal(y.Created) && x.Modified.Equal(y.Modified)
}

func cloneSecret(s upstream.Secret) upstream.Secret {
	s.Scopes, s.Form = slices.Clone(s.Scopes), nil
	if s.Comment != nil {
		text := *s.Comment
		s.Comment = &text
	}
	return s
}

// These faults are returned without a call to Cloudflare. Their texts equal the texts of the faults
// that Cloudflare's errors are mapped to.

func noStore() *fault.Error {
	return fault.New(fault.NotFound, fault.ReasonStoreNotFound, "The account has no store with this identifier.")
}

func noSecret() *fault.Error {
	return fault.New(fault.NotFound, fault.ReasonSecretNotFound, "The store has no secret with this identifier.")
}

func notServed() *fault.Error {
	return fault.New(fault.Denied, fault.ReasonAccountNotAllowed,
		"The account is not one that Storekeeper serves to this caller.")
}
