package cache

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"platform.internal/storekeeper/internal/upstream"
)

// The sort keys and directions of Cloudflare's lists.
const (
	orderCreated = "created"
	ascending    = "asc"
	descending   = "desc"
)

// column compares two items by one field. sure reports that every database would order the two in
// the same way.
type column[T any] func(x, y T) (c int, sure bool)

// order is the sort order of a list.
type order[T any] struct {
	column    column[T]
	ascending bool
	// listed is true for the order of Cloudflare's default listing.
	listed bool
}

// orderOf parses the sort order. It returns false for unknown words, which are forwarded to
// Cloudflare.
func orderOf[T any](p upstream.Paging, columns func(string) column[T]) (order[T], bool) {
	by := cmp.Or(p.Order, orderCreated)
	o := order[T]{column: columns(by), ascending: p.Direction == ascending}
	o.listed = by == orderCreated && !o.ascending
	known := p.Direction == "" || p.Direction == ascending || p.Direction == descending
	return o, o.column != nil && known
}

func storeColumn(name string) column[upstream.Store] {
	switch name {
	case "name":
		return byText(func(s upstream.Store) string { return s.Name })
	case orderCreated:
		return byTime(func(s upstream.Store) time.Time { return s.Created })
	case "modified":
		return byTime(func(s upstream.Store) time.Time { return s.Modified })
	}
	return nil
}

func secretColumn(name string) column[upstream.Secret] {
	switch name {
	case "name":
		return byText(func(s upstream.Secret) string { return s.Name })
	case "comment":
		return byComment
	case orderCreated:
		return byTime(func(s upstream.Secret) time.Time { return s.Created })
	case "modified":
		return byTime(func(s upstream.Secret) time.Time { return s.Modified })
	case "status":
		return byStatus
	}
	return nil
}

func byTime[T any](at func(T) time.Time) column[T] {
	return func(x, y T) (int, bool) { return at(x).Compare(at(y)), true }
}

func byText[T any](text func(T) string) column[T] {
	return func(x, y T) (int, bool) { return compareTexts(text(x), text(y)) }
}

// byComment is not sure where Cloudflare sorts secrets without a comment.
func byComment(x, y upstream.Secret) (int, bool) {
	switch {
	case x.Comment == nil && y.Comment == nil:
		return 0, true
	case x.Comment == nil:
		return -1, false
	case y.Comment == nil:
		return 1, false
	}
	return compareTexts(*x.Comment, *y.Comment)
}

// byStatus is not sure whether Cloudflare sorts by the words or by their meaning.
func byStatus(x, y upstream.Secret) (int, bool) {
	return cmp.Compare(x.Status, y.Status), x.Status == y.Status
}

// compareTexts compares by bytes. The result is sure if all collations agree: the first characters
// that differ are a digit and a letter, two digits, or two letters in the same order by alphabet
// and by byte; or one text is a prefix and the rest of the other contains a letter or digit.
// Collations differ in case, and in whether and where punctuation counts.
func compareTexts(x, y string) (c int, sure bool) {
	c = strings.Compare(x, y)
	at := 0
	for at < min(len(x), len(y)) && x[at] == y[at] {
		at++
	}
	restX, restY := x[at:], y[at:]
	switch {
	case c == 0:
		return 0, true
	case restX == "" || restY == "":
		return c, strings.ContainsFunc(restX+restY, plain)
	case !plain(rune(restX[0])) || !plain(rune(restY[0])):
		return c, false
	}
	return c, cmp.Compare(lower(restX[0]), lower(restY[0])) == c
}

// plain reports whether a character is an ASCII letter or digit.
func plain(r rune) bool {
	return r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z'
}

func lower(b byte) byte {
	if b >= 'A' && b <= 'Z' {
		return b + 'a' - 'A'
	}
	return b
}

// sort sorts a list that is in the order of Cloudflare's listing. sure is true if every possible
// order of Cloudflare is the same, except for equal items.
func (o order[T]) sort(all []*entry[T]) (sorted []*entry[T], sure bool) {
	if o.listed {
		return all, true
	}
	sorted = slices.Clone(all)
	slices.SortStableFunc(sorted, func(x, y *entry[T]) int {
		c, _ := o.column(x.item, y.item)
		if o.ascending {
			return c
		}
		return -c
	})
	for i := 1; i < len(sorted); i++ {
		if _, sure := o.column(sorted[i-1].item, sorted[i].item); !sure {
			return sorted, false
		}
	}
	return sorted, true
}

// parts reports whether the list can be cut before an item: the item and its predecessor differ in
// the sort key, or one listing showed both in the requested order.
func (o order[T]) parts(sorted []*entry[T], at int) bool {
	if at <= 0 || at >= len(sorted) {
		return true
	}
	x, y := sorted[at-1], sorted[at]
	if c, _ := o.column(x.item, y.item); c != 0 {
		return true
	}
	return o.listed && x.listed != 0 && x.listed == y.listed
}
