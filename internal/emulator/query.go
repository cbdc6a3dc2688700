package emulator

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// The sizes of a page.
const (
	defaultPageSize = 20
	maxPageSize     = 100
)

// listQuery is the query of a list.
type listQuery struct {
	page      page
	order     string
	ascending bool
	search    string
	scopes    []string
}

// readListQuery reads the query of a list that can be ordered by the given
// columns. Unknown keys are ignored, as Cloudflare does.
func readListQuery(q url.Values, columns []string, found *problems) listQuery {
	wanted := listQuery{page: readPage(q, found)}
	wanted.order = choose(q, "order", columns, found)
	wanted.ascending = choose(q, "direction", []string{"asc", "desc"}, found) == "asc"
	wanted.search = q.Get("search")
	wanted.scopes = splitScopes(q["scopes"])
	return wanted
}

func readPage(q url.Values, found *problems) page {
	number := wholeNumber(q, "page", found)
	size := wholeNumber(q, "per_page", found)
	if size <= 0 {
		size = defaultPageSize
	}
	return page{number: max(number, 1), size: min(size, maxPageSize)}
}

// wholeNumber returns 0 for a key that is absent or invalid.
func wholeNumber(q url.Values, key string, found *problems) int {
	if !q.Has(key) {
		return 0
	}
	n, err := strconv.ParseInt(q.Get(key), 10, 32)
	switch {
	case err != nil:
		found.add(key+"_invalid", fieldPath{path: key}, "must be a whole number")
		return 0
	case n < 0:
		found.add(key+"_invalid", fieldPath{path: key}, "must be at least 0")
		return 0
	}
	return int(n)
}

// choose returns "" for a key that is absent, empty or invalid.
func choose(q url.Values, key string, allowed []string, found *problems) string {
	chosen := q.Get(key)
	if chosen != "" && !slices.Contains(allowed, chosen) {
		found.add(key+"_invalid", fieldPath{path: key}, "must be one of "+strings.Join(allowed, ", "))
		return ""
	}
	return chosen
}

// flag reads a boolean. Absent is false.
func flag(q url.Values, key string, found *problems) bool {
	switch {
	case !q.Has(key) || q.Get(key) == "false":
		return false
	case q.Get(key) == "true":
		return true
	}
	found.add(key+"_invalid", fieldPath{path: key}, "must be true or false")
	return false
}

// splitScopes accepts both forms: a key per scope, and a single key with commas.
func splitScopes(given []string) []string {
	var scopes []string
	for _, g := range given {
		for scope := range strings.SplitSeq(g, ",") {
			if scope != "" {
				scopes = append(scopes, scope)
			}
		}
	}
	return scopes
}

// page is a page of a list.
type page struct {
	number int // from 1
	size   int // from 1 to maxPageSize
}

// itemRange is a range of a list, from the first item to before the last.
type itemRange struct{ from, to int }

// cut returns the range of the page in a list of n items. Past the end the range is empty.
func (p page) cut(n int) itemRange {
	if p.number-1 > n/p.size {
		return itemRange{n, n}
	}
	from := min((p.number-1)*p.size, n)
	return itemRange{from, min(from+p.size, n)}
}
