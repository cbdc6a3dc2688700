package config

import (
	"regexp"
	"strconv"
	"strings"
)

var plainName = regexp.MustCompile(`^[A-Za-z0-9_.\[\]-]+$`)

// unknown reports an unknown key and suggests the most similar known key.
func (r *mistakeReport) unknown(p keyPosition, key, name string, known []string) {
	if to := movedKey(join(key, name)); to != "" {
		r.add(p, join(key, name), "is "+to)
		return
	}
	text := "unknown key; the keys here are "
	if meant := nearest(name, known); meant != "" {
		text = "unknown key, did you mean " + meant + "? The keys here are "
		r.suggested[join(key, meant)] = true
	}
	r.add(p, join(key, quoteName(name)), text+strings.Join(known, ", "))
}

// nearest returns the word that name abbreviates, or the word with the smallest edit distance. It returns ""
// if no word is similar enough.
func nearest(name string, words []string) string {
	// The comparison takes time proportional to the length of the name.
	if len(name) > 64 {
		return ""
	}
	name = strings.ReplaceAll(strings.ToLower(name), "-", "_")
	best, least := "", 1+max(2, len(name)/3)
	for _, w := range words {
		if len(name) > 2 && strings.HasPrefix(w, name) {
			return w
		}
		// A distance of the whole length would make any word similar.
		if d := distance(name, w); d < least && d < len(w) {
			best, least = w, d
		}
	}
	return best
}

// distance returns the number of letters to add, remove or change to turn a
// into b.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

// quoteName makes an external name safe for one line of text.
func quoteName(name string) string {
	if len(name) <= 64 && plainName.MatchString(name) {
		return name
	}
	return strconv.QuoteToASCII(name[:min(len(name), 64)])
}

// movedKey returns the replacement of a key of an earlier version, "" if there is none.
func movedKey(key string) string {
	switch key {
	case "idempotency.store":
		return "now store.kind, which is file or postgres: Valkey and Redis are not supported any more, so several replicas need PostgreSQL"
	case "idempotency.file":
		return "now store.folder, which is a folder"
	case "idempotency.key_file":
		return "now store.key_file"
	case "idempotency.valkey":
		return "now store.postgres: Valkey and Redis are not supported any more, so several replicas need PostgreSQL"
	case "budget.replicas":
		return "not needed: replicas share the budget through the store, however many there are"
	default:
		return ""
	}
}
