package view

// Cloudflare's page sizes.
const (
	// DefaultPerPage is the size of a page where none is asked for.
	DefaultPerPage = 20
	// MostPerPage is the largest size of a page; a larger one is read as this.
	MostPerPage = 100
)

// Page says where a page stands in its list.
type Page struct {
	// Number is the number of the page, counted from 1.
	Number int
	// PerPage is the most items that a page holds.
	PerPage int
	// Count is the number of items on this page.
	Count int
	// Total is the number of items on all pages.
	Total int
	// Pages is the number of pages.
	Pages int
}

// Cut makes one page of a list. 0 means the first page, and the default size. A
// page past the end is empty: the SDKs read on until they see one.
func Cut[T any](all []T, number, perPage int) ([]T, Page) {
	if perPage == 0 {
		perPage = DefaultPerPage
	}
	p := Page{Number: max(number, 1), PerPage: min(perPage, MostPerPage), Total: len(all)}
	p.Pages = (p.Total + p.PerPage - 1) / p.PerPage
	if p.Number > p.Pages {
		return nil, p
	}
	from := (p.Number - 1) * p.PerPage
	cut := all[from:min(from+p.PerPage, p.Total)]
	p.Count = len(cut)
	return cut, p
}
