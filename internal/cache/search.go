package cache

import (
	"slices"
	"strings"
	"unicode/utf8"

	"platform.internal/storekeeper/internal/upstream"
)

// match is the result of a filter for one item.
type match int

const (
	no match = iota
	// perhaps means that the result depends on an unknown rule of Cloudflare.
	perhaps
	yes
)

// chooser makes the filter for a search and scopes. Known: Cloudflare searches the name and the
// comment. Unknown: whether the search is case-sensitive, whether "_" matches any character, and
// whether a secret must have any or all of several scopes. Cloudflare may refuse a scope that no
// secret has.
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

// searchable reports whether a search text has no character with a possible special meaning.
func searchable(search string) bool {
	return strings.Trim(search, " ") == search && !strings.ContainsFunc(search, func(r rune) bool {
		return r < ' ' || r >= utf8.RuneSelf || strings.ContainsRune(`%*?\"`, r)
	})
}

// held reports whether any secret has the scope.
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

// inText searches for a text. Non-ASCII text gives perhaps, because case folding is ambiguous.
func inText(text, search string) match {
	switch {
	case strings.Contains(text, search):
		return yes
	case strings.ContainsFunc(text, func(r rune) bool { return r >= utf8.RuneSelf }), loosely(text, search):
		return perhaps
	}
	return no
}

// loosely searches for an ASCII text without regard to case, with "_" matching any character.
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
