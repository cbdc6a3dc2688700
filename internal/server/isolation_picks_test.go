package server_test

import (
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	"platform.internal/storekeeper/internal/server/servertest"
)

// hex is an identifier of nothing.
func (c *caller) hex() string { return fmt.Sprintf("%016x%016x", c.r.Uint64(), c.r.Uint64()) }

func (c *caller) malformed() string {
	return choose(c.r, []string{"", "x", "../stores", strings.ToUpper(c.hex()), c.hex() + "0"})
}

// spot is a store as named in a request. modelStore is nil if there is no such store.
type spot struct {
	account, store string
	served         bool
	modelStore     *modelStore
}

func idOf(account string) string {
	return map[string]string{main: mainID, other: otherID}[account]
}

// anyStore picks a store, mostly an existing store and often a store with rights.
func (c *caller) anyStore() spot {
	standing := slices.DeleteFunc(slices.Clone(c.modelStores), func(s *modelStore) bool { return s.gone })
	s := choose(c.r, standing)
	for range 6 {
		if c.some(c.Principal, "secret.get", s.account, s.name) || c.chance(30) {
			break
		}
		s = choose(c.r, standing)
	}
	if c.chance(4) {
		s = choose(c.r, c.modelStores)
	}
	at := spot{account: s.account, store: s.id, served: true, modelStore: s}
	switch n := c.r.IntN(100); {
	case n < 2:
		at.account, at.served, at.modelStore = choose(c.r, []string{servertest.UnservedID, c.hex(), "nobody"}), false, nil
		return at
	case n < 5:
		at.account, at.modelStore = map[string]string{main: other, other: main}[s.account], nil
	case n < 7:
		at.store, at.modelStore = c.hex(), nil
	case n < 8:
		at.store, at.modelStore = c.malformed(), nil
	case s.gone:
		at.modelStore = nil
	}
	if c.chance(30) {
		at.account = idOf(at.account)
	}
	return at
}

// inside lists the secrets of a store.
func (c *caller) inside(s *modelStore) []*item {
	var list []*item
	for _, it := range c.items {
		if it.in == s && !it.gone {
			list = append(list, it)
		}
	}
	return list
}

// anySecret picks a secret of a store, often with rights, often without. The item is nil if the
// store has no secret with the identifier.
func (c *caller) anySecret(at spot) (string, *item) {
	n := c.r.IntN(100)
	if at.modelStore != nil && n < 85 {
		all := c.inside(at.modelStore)
		own := slices.DeleteFunc(slices.Clone(all), func(it *item) bool { return !c.may(c.Principal, "secret.get", it.place()) })
		if n < 50 && len(own) > 0 {
			all = own
		}
		if len(all) > 0 {
			it := choose(c.r, all)
			return it.id, it
		}
	}
	switch {
	case n < 97 && len(c.items) > 0:
		it := choose(c.r, c.items)
		if it.gone || it.in != at.modelStore {
			return it.id, nil
		}
		return it.id, it
	case n < 99:
		return c.hex(), nil
	}
	return c.malformed(), nil
}

// newName mostly returns a name with a prefix of the caller, and often a name in use.
func (c *caller) newName() string {
	prefix := choose(c.r, append([]string{"ROOT_"}, prefixes...))
	for _, g := range c.all {
		if g.caller.Name == c.Name && g.prefix != "" && c.chance(40) {
			prefix = g.prefix
		}
	}
	return prefix + choose(c.r, []string{"A", "B", "C", "D", "E", "EU_A", "EU_B", "KEY"}) + choose(c.r, []string{"", "1", "2"})
}

func (c *caller) newScopes() []string {
	return choose(c.r, [][]string{{"workers"}, {"workers"}, {"dex", "workers"}, {"access"}})
}

func (c *caller) newComment() *string {
	switch c.r.IntN(3) {
	case 0:
		return nil
	case 1:
		return proto.String("")
	}
	return proto.String("see " + c.fresh("note") + ", please")
}
