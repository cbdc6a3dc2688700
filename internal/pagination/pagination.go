// Package pagination cuts lists into pages of Cloudflare's sizes.
//
// The package does not know the items of a list.
package pagination

// Cloudflare's page sizes.
const (
	// DefaultPerPage is the number of items on a page if the caller gives none.
	DefaultPerPage = 20
	// MostPerPage is the maximum number of items on a page. A larger number is reduced to
	// MostPerPage.
	MostPerPage = 100
)

// Info describes one page of a list.
type Info struct {
	// Number is the number of the page, counted from 1.
	Number int
	// PerPage is the largest number of items on a page.
	PerPage int
	// Count is the number of items on this page.
	Count int
	// Total is the number of items on all pages.
	Total int
	// Pages is the number of pages.
	Pages int
}

// Cut returns page number of a list, with at most perPage items. A number of 0 means the first
// page. A perPage of 0 means DefaultPerPage. A page past the end is empty, because Cloudflare's
// SDKs read until an empty page.
func Cut[T any](all []T, number, perPage int) ([]T, Info) {
	if perPage == 0 {
		perPage = DefaultPerPage
	}
	p := Info{Number: max(number, 1), PerPage: min(perPage, MostPerPage), Total: len(all)}
	p.Pages = (p.Total + p.PerPage - 1) / p.PerPage
	if p.Number > p.Pages {
		return nil, p
	}
	from := (p.Number - 1) * p.PerPage
	cut := all[from:min(from+p.PerPage, p.Total)]
	p.Count = len(cut)
	return cut, p
}
