package service

import (
	"context"

	"platform.internal/storekeeper/internal/pagination"
	"platform.internal/storekeeper/internal/scope"
	"platform.internal/storekeeper/internal/upstream"
)

// list reads a page of a list. If the caller may see only a part of the list, list reads the whole
// list and pages the visible part, so that the totals match the visible part.
func list[T any](ctx context.Context, p upstream.Paging, read upstream.PageReader[T], n labels[T]) (upstream.Answer[[]T], error) {
	shown := scope.Visible(ctx)
	if shown == nil {
		return read(ctx, p)
	}
	var seen []T
	var last upstream.Answer[[]T]
	err := upstream.ReadPages(ctx, p, n.id, read, func(a upstream.Answer[[]T]) bool {
		for _, item := range a.Result {
			if shown(n.name(item)) {
				seen = append(seen, item)
			}
		}
		last = a
		return false
	})
	if err != nil {
		return upstream.Answer[[]T]{}, err
	}
	// Cloudflare's messages may name objects that are hidden from the caller.
	last.Notices = nil
	last.Result, last.Info = cut(seen, p)
	return last, nil
}

// labels returns the identifier and the name of an item.
type labels[T any] struct{ id, name func(T) string }

// cut returns one page of a list.
func cut[T any](all []T, p upstream.Paging) ([]T, *upstream.ResultInfo) {
	items, page := pagination.Cut(all, p.Page, p.PerPage)
	return items, &upstream.ResultInfo{
		Count: page.Count, Page: page.Number, PerPage: page.PerPage, TotalCount: page.Total, TotalPages: &page.Pages,
	}
}
