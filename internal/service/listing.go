package service

import (
	"context"

	"platform.internal/storekeeper/internal/upstream"
	"platform.internal/storekeeper/internal/view"
)

// Cloudflare's page sizes.
const (
	defaultPerPage = 20
	mostPerPage    = 100
)

// list reads a page of a list. Where the caller may see only a part, it reads
// the whole list and makes the page of that part, so that the totals match what
// can be seen.
func list[T any](ctx context.Context, p upstream.Paging, read func(upstream.Paging) (upstream.Answer[[]T], error), name func(T) string) (upstream.Answer[[]T], error) {
	shown := view.From(ctx)
	if shown == nil {
		return read(p)
	}
	var seen []T
	whole := p
	whole.PerPage = mostPerPage
	for whole.Page = 1; ; whole.Page++ {
		a, err := read(whole)
		if err != nil {
			return a, err
		}
		for _, item := range a.Result {
			if shown(name(item)) {
				seen = append(seen, item)
			}
		}
		if len(a.Result) < mostPerPage {
			a.Result, a.Info = cut(seen, p)
			return a, nil
		}
	}
}

// cut makes one page of a list. A page past the end is empty: the SDKs read on
// until they see one.
func cut[T any](all []T, p upstream.Paging) ([]T, *upstream.ResultInfo) {
	page, perPage := max(p.Page, 1), min(p.PerPage, mostPerPage)
	if perPage == 0 {
		perPage = defaultPerPage
	}
	from := len(all)
	if page-1 <= len(all)/perPage {
		from = min((page-1)*perPage, len(all))
	}
	to := min(from+perPage, len(all))
	pages := (len(all) + perPage - 1) / perPage
	return all[from:to], &upstream.ResultInfo{
		Count: to - from, Page: page, PerPage: perPage, TotalCount: len(all), TotalPages: &pages,
	}
}
