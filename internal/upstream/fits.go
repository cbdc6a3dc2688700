package upstream

import (
	"encoding/json"
	"slices"
	"strings"
)

// fits reports whether an answer matches its request.
type fits[T any] func(Answer[T]) bool

func (s Store) complete() bool {
	return isIdentifier(s.ID) && s.Name != "" && !s.Created.IsZero() && !s.Modified.IsZero()
}

func (s Secret) complete() bool {
	return isIdentifier(s.ID) && isIdentifier(s.StoreID) && s.Name != "" && s.Status != "" &&
		!s.Created.IsZero() && !s.Modified.IsZero() && !slices.Contains(s.Scopes, "")
}

// hasOneOf reports whether a secret has any of the requested scopes. Cloudflare does not document
// whether all are required. The oldest version of the API omitted the scopes.
func (s Secret) hasOneOf(scopes []string) bool {
	if len(scopes) == 0 || s.Scopes == nil {
		return true
	}
	// Cloudflare treats a scope with a comma as a list of scopes.
	asked := strings.Split(strings.Join(scopes, ","), ",")
	return slices.ContainsFunc(s.Scopes, func(has string) bool {
		return slices.ContainsFunc(asked, func(scope string) bool { return strings.EqualFold(scope, has) })
	})
}

// in reports whether a store belongs to an account. Older versions of the API omitted the account.
func (s Store) in(a *accountState) bool {
	return s.complete() && (s.AccountID == "" || s.AccountID == a.id)
}

// theStore accepts one store.
func theStore(a *accountState, is func(Store) bool) fits[Store] {
	return func(given Answer[Store]) bool { return given.Result.in(a) && is(given.Result) }
}

// theSecret accepts one secret of a store.
func theSecret(storeID string, is func(Secret) bool) fits[Secret] {
	return func(given Answer[Secret]) bool {
		s := given.Result
		return s.complete() && s.StoreID == storeID && is(s)
	}
}

// made accepts new secrets of a store in the order of names.
func made(storeID string, names []string) fits[[]Secret] {
	return func(given Answer[[]Secret]) bool {
		if len(given.Result) != len(names) || !distinct(given.Result, secretID) {
			return false
		}
		for i, s := range given.Result {
			if !s.complete() || s.StoreID != storeID || s.Name != names[i] {
				return false
			}
		}
		return true
	}
}

// pageOf accepts a page of a list. filtered reports that the request has a filter, so that the
// totals may be totals of the unfiltered list.
func pageOf[T any](asked Paging, filtered bool, id func(T) string, fit func(T) bool) fits[[]T] {
	return func(given Answer[[]T]) bool {
		for _, item := range given.Result {
			if !fit(item) {
				return false
			}
		}
		return len(given.Result) <= asked.most() && distinct(given.Result, id) &&
			(given.Info == nil || given.Info.describes(len(given.Result), asked, filtered))
	}
}

// most returns the maximum number of items on the requested page.
func (p Paging) most() int {
	if p.PerPage <= 0 {
		return maxPerPage
	}
	return min(p.PerPage, maxPerPage)
}

// describes reports whether the numbers are consistent with a page of n items. According to
// Cloudflare's contract, count is the number of all results. The live API sends the number of items
// on the page. Both are accepted.
func (r ResultInfo) describes(n int, asked Paging, filtered bool) bool {
	before := (r.Page - 1) * r.PerPage
	switch {
	case r.Page != max(asked.Page, 1), r.PerPage < max(n, 1), r.PerPage > maxPerPage, r.TotalCount < 0,
		asked.PerPage > 0 && r.PerPage != asked.most(),
		r.Count != n && r.Count != r.TotalCount,
		n > 0 && r.TotalCount < before+n:
		return false
	case !filtered && n < r.PerPage && r.TotalCount > before+n:
		// A page that is not full must be the last page.
		return false
	}
	return r.TotalPages == nil || *r.TotalPages == (r.TotalCount+r.PerPage-1)/r.PerPage ||
		r.TotalCount == 0 && *r.TotalPages == 1
}

// distinct reports whether all identifiers differ.
func distinct[T any](list []T, id func(T) string) bool {
	seen := make(map[string]bool, len(list))
	for _, item := range list {
		if seen[id(item)] {
			return false
		}
		seen[id(item)] = true
	}
	return true
}

func storeIDOf(s Store) string { return s.ID }

func secretID(s Secret) string { return s.ID }

// deletion is the result of a delete: null. Older versions of the API returned the deleted objects.
type deletion struct{ ids []string }

func (d *deletion) UnmarshalJSON(text []byte) error {
	type object struct {
		ID string `json:"id"`
	}
	switch text[0] {
	case 'n':
		return nil
	case '[':
		var list []object
		err := json.Unmarshal(text, &list)
		d.ids = []string{}
		for _, o := range list {
			d.ids = append(d.ids, o.ID)
		}
		return err
	}
	var one object
	err := json.Unmarshal(text, &one)
	d.ids = []string{one.ID}
	return err
}

// removed accepts the deletion of objects.
func removed(ids ...string) fits[deletion] {
	return func(given Answer[deletion]) bool {
		named := given.Result.ids
		return named == nil || sameSet(named, ids)
	}
}

func sameSet(a, b []string) bool {
	a, b = slices.Clone(a), slices.Clone(b)
	slices.Sort(a)
	slices.Sort(b)
	return slices.Equal(slices.Compact(a), slices.Compact(b))
}

// none drops the result of a deletion.
func none(a Answer[deletion], err error) (Answer[None], error) {
	return Answer[None]{Info: a.Info, Notices: a.Notices, Ray: a.Ray}, err
}
