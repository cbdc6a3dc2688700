package upstream

import (
	"context"
	"errors"
	"time"

	"platform.internal/storekeeper/internal/fault"
)

const (
	// maxPages is the maximum number of pages read per list.
	maxPages = 200
	// maxRepeats is the maximum number of pages per list without a new item. Items that are created
	// during the reading push other items to the next page.
	maxRepeats = 3
	// maxListTime is the time limit for reading one list.
	maxListTime = 30 * time.Second
)

var errListTime = errors.New("the list did not end in time")

// PageReader reads one page of a list.
type PageReader[T any] func(context.Context, Paging) (Answer[[]T], error)

// ReadPages reads a list page by page, with 100 items per page, until the end of the list or until
// visit returns enough. Repeated items are dropped. ReadPages returns an Upstream fault if the list
// has more than 200 pages, its pages repeat, or the reading takes longer than 30 seconds.
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

// unseen returns the items that no earlier page had.
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
