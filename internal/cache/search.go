package cache

import (
	"slices"
	"strings"
	"unicode/utf8"

	"platform.internal/storekeeper/internal/upstream"
)

// match says whether an item belongs to a list.
type match int

const (
	no match = iota
	// perhaps is what depends on a rule of Cloudflare's that nobody knows.
	perhaps
	yes
)

// chooser makes the filter of a search and scopes.
//
// Of the search it is known that it looks for a text in the name and the
// comment. Whether case counts is not, nor whether "_" stands for any character.
// Of several scopes it is not known whether a secret must have any or all. A
// scope that no secret has may be one that Cloudflare refuses.
func chooser(search string, scopes []string) choose[upstream.Secret] {
	if search == "" && len(scopes) == 0 {
		return everything[upstream.Secret]
	}
	return func(all []*entry[upstream.Secret]) (surely, possibly []*entry[upstream.Secret]) {
		if !searchable(search) || slices.ContainsFunc(scopes, func(s string) bool { return !held(all, s) }) {
			return nil, all
		}
		for _, f := range all {
			m := min(bySearch(f.item, search), byScopes(f.item, scopes))
			if m == yes {
				surely = append(surely, f)
			}
			if m != no {
				possibly = append(possibly, f)
			}
		}
		return surely, possibly
	}
}

// searchable says whether a text has no character that may have a meaning of
// its own.
func searchable(search string) bool {
	return strings.Trim(search, " ") == search && !strings.ContainsFunc(search, func(r rune) bool {
		return r < ' ' || r >= utf8.RuneSelf || strings.ContainsRune(`%*?\"`, r)
	})
}

// held says whether some secret has a scope.
func held(all []*entry[upstream.Secret], scope string) bool {
	return slices.ContainsFunc(all, func(f *entry[upstream.Secret]) bool { return slices.Contains(f.item.Scopes, scope) })
}

func bySearch(s upstream.Secret, search string) match {
	m := inText(s.Name, search)
	if s.Comment != nil {
		m = max(m, inText(*s.Comment, search))
	}
	return m
}

// inText looks for a text. What is not of ASCII may be folded in many ways.
func inText(text, search string) match {
	switch {
	case strings.Contains(text, search):
		return yes
	case strings.ContainsFunc(text, func(r rune) bool { return r >= utf8.RuneSelf }), loosely(text, search):
		return perhaps
	}
	return no
}

// loosely looks for a text of ASCII in any case, with "_" for any character.
func loosely(text, search string) bool {
	for from := 0; from+len(search) <= len(text); from++ {
		at := 0
		for at < len(search) && (search[at] == '_' || lower(search[at]) == lower(text[from+at])) {
			at++
		}
		if at == len(search) {
			return true
		}
	}
	return false
}

func byScopes(s upstream.Secret, scopes []string) match {
	has := 0
	for _, scope := range scopes {
		if slices.Contains(s.Scopes, scope) {
			has++
		}
	}
	switch has {
	case len(scopes):
		return yes
	case 0:
		return no
	}
	return perhaps
}
