package upstream

import (
	"context"
	"errors"
	"time"

	"platform.internal/storekeeper/internal/fault"
)

const (
	// maxPages is the most pages of one list that are read.
	maxPages = 200
	// maxRepeats is how many pages of one list may bring no new item. Items that
	// are made meanwhile push others to the next page.
	maxRepeats = 3
	// maxListTime bounds the reading of one list.
	maxListTime = 30 * time.Second
)

var errListTime = errors.New("the list did not end in time")

// PageReader reads one page of a list.
type PageReader[T any] func(context.Context, Paging) (Answer[[]T], error)

// ReadPages reads a list page by page, with maxPerPage items on each, until its
// end or until visit says that it has enough. Items that came before are left
// out. A list that does not end ends in an Upstream fault: one of more than
// 200 pages, one whose pages repeat, and one that takes longer than 30 seconds.
func ReadPages[T any](ctx context.Context, p Paging, id func(T) string, read PageReader[T], visit func(Answer[[]T]) (enough bool)) error {
	limited, cancel := context.WithTimeoutCause(ctx, maxListTime, errListTime)
	defer cancel()
	seen := map[string]bool{}
	repeats := 0
	p.PerPage = maxPerPage
	for p.Page = 1; p.Page <= maxPages; p.Page++ {
		answer, err := read(limited, p)
		switch {
		case err != nil && ctx.Err() == nil && errors.Is(context.Cause(limited), errListTime):
			return endlessList().Because(errListTime)
		case err != nil:
			return err
		case answer.Info != nil && answer.Info.TotalCount > maxPages*maxPerPage:
			return endlessList()
		}
		last := len(answer.Result) < maxPerPage || answer.Info != nil && answer.Info.TotalCount == p.Page*maxPerPage
		answer.Result = unseen(answer.Result, seen, id)
		if len(answer.Result) == 0 && !last {
			repeats++
		}
		if visit(answer) || last {
			return nil
		}
		if repeats > maxRepeats {
			return endlessList()
		}
	}
	return endlessList()
}

// unseen gives the items that did not come before.
func unseen[T any](items []T, seen map[string]bool, id func(T) string) []T {
	fresh := make([]T, 0, len(items))
	for _, item := range items {
		if !seen[id(item)] {
			seen[id(item)] = true
			fresh = append(fresh, item)
		}
	}
	return fresh
}

func endlessList() *fault.Error {
	return fault.New(fault.Upstream, fault.ReasonUpstreamListEndless, "Cloudflare's list does not end.")
}
