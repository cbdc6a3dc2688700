package emulator

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// The maximum lengths: characters for names, bytes for others.
const (
	maxName    = 256
	maxValue   = 65536
	maxComment = 65536
)

// The first part of the machine words about names.
const (
	secretNoun = "secret_name"
	storeNoun  = "store_name"
)

// secretScopes lists the scopes, sorted.
func secretScopes() []string {
	return []string{"access", "ai_gateway", "containers", "dex", "websearch", "workers"}
}

// text reads a string. An absent value and null are "". ok is false for any
// other type, which is noted.
func text(v any, at fieldPath, found *problems) (s string, ok bool) {
	if v == nil {
		return "", true
	}
	s, ok = v.(string)
	if !ok {
		found.add(badJSON, at, "must be a string")
	}
	return s, ok
}

// checkName reads the name of a store or a secret, as noun says.
func checkName(v any, at fieldPath, noun string, found *problems) string {
	name, ok := text(v, at, found)
	switch {
	case !ok:
	case name == "":
		found.add(noun+"_empty", at, "must not be empty")
	case utf8.RuneCountInString(name) > maxName:
		found.add(noun+"_too_long", at, fmt.Sprintf("must be at most %d characters", maxName))
	case noun == secretNoun && strings.ContainsFunc(name, notInName):
		found.add(noun+"_invalid", at, "must match ^[A-Za-z0-9_-]*$")
	}
	return name
}

func notInName(r rune) bool {
	letter := r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z'
	digit := r >= '0' && r <= '9'
	return !letter && !digit && r != '_' && r != '-'
}

// checkValue reads the value of a secret. Mistakes name only the path, because even an invalid value may be a
// secret.
func checkValue(v any, at fieldPath, found *problems) string {
	value, ok := text(v, at, found)
	switch {
	case !ok:
	case value == "":
		found.add("secret_value_empty", at, "must not be empty")
	case len(value) > maxValue:
		found.add("secret_value_too_long", at, fmt.Sprintf("must be at most %d bytes", maxValue))
	}
	return value
}

// checkScopes returns the scopes sorted and each once, as Cloudflare does.
func checkScopes(v any, at fieldPath, found *problems) []string {
	if v == nil {
		v = []any{}
	}
	items, ok := v.([]any)
	switch {
	case !ok:
		found.add(badJSON, at, "must be an array")
	case len(items) == 0:
		found.add("secret_scopes_empty", at, "must have at least 1 item")
	}
	scopes := make([]string, 0, len(secretScopes()))
	for i, item := range items {
		scope, known := checkScope(item, at.item(i), found)
		if known && !slices.Contains(scopes, scope) {
			scopes = append(scopes, scope)
		}
	}
	slices.Sort(scopes)
	return scopes
}

func checkScope(v any, at fieldPath, found *problems) (scope string, ok bool) {
	scope, ok = v.(string)
	if !ok {
		found.add(badJSON, at, "must be a string")
		return "", false
	}
	if !slices.Contains(secretScopes(), scope) {
		found.add("secret_scope_invalid", at, "must be one of "+strings.Join(secretScopes(), ", "))
		return "", false
	}
	return scope, true
}

// checkComment returns nil for an absent comment and for null.
func checkComment(v any, at fieldPath, found *problems) *string {
	comment, ok := text(v, at, found)
	if v == nil || !ok {
		return nil
	}
	if len(comment) > maxComment {
		found.add("secret_comment_too_long", at, fmt.Sprintf("must be at most %d bytes", maxComment))
	}
	return &comment
}
