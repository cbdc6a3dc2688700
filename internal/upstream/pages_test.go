package upstream_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/upstream"
)

// fullPage is a page of 100 items, the first of which has a number.
func fullPage(first int) upstream.Answer[[]int] {
	var a upstream.Answer[[]int]
	for i := range 100 {
		a.Result = append(a.Result, first+i)
	}
	return a
}

func readAll(ctx context.Context, read upstream.PageReader[int]) (items []int, err error) {
	err = upstream.ReadPages(ctx, upstream.Paging{}, func(n int) string { return fmt.Sprint(n) }, read, func(a upstream.Answer[[]int]) bool {
		items = append(items, a.Result...)
		return false
	})
	return items, err
}

func TestReadingAListEnds(t *testing.T) {
	slowly := func(wait time.Duration) upstream.PageReader[int] {
		return func(ctx context.Context, p upstream.Paging) (upstream.Answer[[]int], error) {
			select {
			case <-ctx.Done():
				return upstream.Answer[[]int]{}, ctx.Err()
			case <-time.After(wait):
				return fullPage(p.Page * 100), nil
			}
		}
	}
	for name, read := range map[string]upstream.PageReader[int]{
		"of more pages than any list has": slowly(0),
		"that takes too long":             slowly(time.Second),
		"whose one page takes too long":   slowly(time.Hour),
		"that repeats a page": func(context.Context, upstream.Paging) (upstream.Answer[[]int], error) {
			return fullPage(0), nil
		},
		"that claims to be huge": func(context.Context, upstream.Paging) (upstream.Answer[[]int], error) {
			a := fullPage(0)
			a.Info = &upstream.ResultInfo{Count: 100, Page: 1, PerPage: 100, TotalCount: 1e9}
			return a, nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				_, err := readAll(t.Context(), read)
				if f := fault.From(err); f.Kind != fault.Upstream || f.Reason != "UPSTREAM_LIST_ENDLESS" {
					t.Errorf("got %v", err)
				}
				if took := time.Since(began); took > 30*time.Second {
					t.Errorf("it took %s", took)
				}
			})
		})
	}
}

func TestTheEndOfTheCallersTimeIsNoEndlessList(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := readAll(ctx, func(ctx context.Context, _ upstream.Paging) (upstream.Answer[[]int], error) {
			<-ctx.Done()
			return upstream.Answer[[]int]{}, ctx.Err()
		})
		if f := fault.From(err); f.Kind != fault.Deadline {
			t.Errorf("got %v", err)
		}
	})
}

// Items that are made while the list is read push others to the next page.
func TestAListThatGrowsIsReadToItsEnd(t *testing.T) {
	items, err := readAll(t.Context(), func(_ context.Context, p upstream.Paging) (upstream.Answer[[]int], error) {
		if p.Page == 4 {
			a := fullPage(200)
			a.Result = a.Result[:50]
			return a, nil
		}
		return fullPage(100 * max(p.Page-2, 0)), nil
	})
	if err != nil || len(items) != 250 {
		t.Errorf("%d items, %v", len(items), err)
	}
}
