package service

import (
	"context"

	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/upstream"
	"platform.internal/storekeeper/internal/view"
)

// mostPages is where reading a list is given up: more is no list that
// Cloudflare has, but an answer that heeds no page.
const mostPages = 1000

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
	whole.PerPage = view.MostPerPage
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
		if whole.Page == mostPages {
			return a, fault.New(fault.Upstream, "UPSTREAM_LIST_ENDLESS", "Cloudflare's list does not end.")
		}
		if len(a.Result) < view.MostPerPage {
			a.Result, a.Info = cut(seen, p)
			return a, nil
		}
	}
}

// cut makes one page of a list.
func cut[T any](all []T, p upstream.Paging) ([]T, *upstream.ResultInfo) {
	items, page := view.Cut(all, p.Page, p.PerPage)
	return items, &upstream.ResultInfo{
		Count: page.Count, Page: page.Number, PerPage: page.PerPage, TotalCount: page.Total, TotalPages: &page.Pages,
	}
}
