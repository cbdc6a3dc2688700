package main

import (
	"maps"
	"slices"
	"strings"
)

// room returns the folder of a package directly under internal/ or cmd/.
func room(name string) string {
	parts := strings.SplitN(name, "/", 3)
	return strings.Join(parts[:min(2, len(parts))], "/")
}

// cycles lists the groups of rooms that import each other, directly or through
// others. Go itself refuses cycles of packages; two packages of one room can
// still make a cycle with another room.
func cycles(packages []*checked) []string {
	imports := map[string]map[string]bool{}
	for _, p := range packages {
		from := room(p.name)
		if imports[from] == nil {
			imports[from] = map[string]bool{}
		}
		for _, imported := range p.imports {
			if to := room(imported); to != from {
				imports[from][to] = true
			}
		}
	}
	found, done := []string{}, map[string]bool{}
	for _, from := range slices.Sorted(maps.Keys(imports)) {
		if done[from] {
			continue
		}
		group := []string{from}
		for to := range reached(imports, from) {
			if to != from && reached(imports, to)[from] {
				group = append(group, to)
			}
		}
		if len(group) > 1 {
			slices.Sort(group)
			found = append(found, strings.Join(group, " "))
		}
		for _, member := range group {
			done[member] = true
		}
	}
	return found
}

// reached is everything that a room imports, directly or through others.
func reached(imports map[string]map[string]bool, from string) map[string]bool {
	found := map[string]bool{}
	next := []string{from}
	for len(next) > 0 {
		at := next[len(next)-1]
		next = next[:len(next)-1]
		for to := range imports[at] {
			if !found[to] {
				found[to] = true
				next = append(next, to)
			}
		}
	}
	return found
}
