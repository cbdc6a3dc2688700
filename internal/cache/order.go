package cache

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"platform.internal/storekeeper/internal/upstream"
)

// The words of Cloudflare's lists.
const (
	orderCreated = "created"
	ascending    = "asc"
	descending   = "desc"
)

// column compares two items by one field. sure says that every database would
// order them so.
type column[T any] func(x, y T) (c int, sure bool)

// order is how a list is sorted.
type order[T any] struct {
	column    column[T]
	ascending bool
	// listed is the order of Cloudflare's own listing.
	listed bool
}

// orderOf reads how to sort. It is false for words that are not known, about
// which Cloudflare has the say.
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

// byComment does not know where Cloudflare puts secrets without a comment.
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

// byStatus does not know whether the words or their meanings are ordered.
func byStatus(x, y upstream.Secret) (int, bool) {
	return cmp.Compare(x.Status, y.Status), x.Status == y.Status
}

// compareTexts compares bytes. It is sure where collations agree with that: the
// first characters that differ are a digit and a letter, two digits, or two
// letters in the order of both the alphabet and the bytes, or one text ends and
// a letter or digit is left of the other. Collations differ in case, and in
// whether and where a punctuation mark counts.
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

// plain says whether a character is an ASCII letter or digit.
func plain(r rune) bool {
	return r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z'
}

func lower(b byte) byte {
	if b >= 'A' && b <= 'Z' {
		return b + 'a' - 'A'
	}
	return b
}

// sort orders a list that is sorted as listed. It is sure where no order that
// Cloudflare may have is another one, but for items that are equal.
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

// parts says whether a list can be cut before an item: that item and the one
// before it are not equal, so that no order has them the other way round, or one
// listing has shown them in the order that is asked for.
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
