package cache

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"time"

	"platform.internal/storekeeper/internal/scope"
)

// announce publishes the objects of a listing that are new to this replica, before any reader sees
// them. A first listing has no previous state to compare with, so announce publishes a digest
// instead, and the other replicas compare the digest with their own entries.
func (s *collection[T]) announce(ctx context.Context, l listing[T]) {
	if s.of.listings.config.Log == nil {
		return
	}
	e := s.news(l)
	e.Payer = scope.Tenant(ctx)
	if !e.empty() {
		s.of.publish(ctx, e, func() {})
	}
}

func (s *collection[T]) news(l listing[T]) logEvent {
	s.of.mu.Lock()
	defer s.of.mu.Unlock()
	e := logEvent{Store: s.store, Seen: true}
	if s.whole == nil {
		e.Doubt, e.Digest = true, s.kind.digest(l.items)
		return e
	}
	var put []T
	listed := map[string]bool{}
	for _, item := range l.items {
		id := s.kind.id(item)
		listed[id] = true
		f, known := s.entries[id]
		if s.gone[id].tick <= l.tick && !s.gone[id].ours && (!known || s.kind.modified(item).After(s.kind.modified(f.item))) {
			put = append(put, item)
		}
	}
	s.kind.put(&e, put)
	for id, f := range s.entries {
		if !listed[id] && f.learned < l.tick {
			e.Missing = append(e.Missing, id)
		}
	}
	return e
}

func (s *collection[T]) digest() string {
	items := make([]T, 0, len(s.entries))
	for _, f := range s.entries {
		items = append(items, f.item)
	}
	return s.kind.digest(items)
}

// digest is equal for equal states of the same objects, in any order.
func (k collectionKind[T]) digest(items []T) string {
	lines := make([]string, len(items))
	for i, item := range items {
		lines[i] = k.id(item) + " " + k.modified(item).UTC().Format(time.RFC3339Nano)
	}
	slices.Sort(lines)
	sum := sha256.Sum256([]byte(strings.Join(lines, "\n")))
	return hex.EncodeToString(sum[:16])
}
