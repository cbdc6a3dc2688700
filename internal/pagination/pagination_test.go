package pagination_test

import (
	"math"
	"reflect"
	"testing"

	"platform.internal/storekeeper/internal/pagination"
)

func TestCut(t *testing.T) {
	list := make([]int, 45)
	for i := range list {
		list[i] = i
	}
	cases := []struct {
		name            string
		number, perPage int
		from, to        int
		want            pagination.Info
	}{
		{"the default", 0, 0, 0, 20, pagination.Info{Number: 1, PerPage: 20, Count: 20, Total: 45, Pages: 3}},
		{"the last page is short", 3, 20, 40, 45, pagination.Info{Number: 3, PerPage: 20, Count: 5, Total: 45, Pages: 3}},
		{"past the end", 4, 20, 0, 0, pagination.Info{Number: 4, PerPage: 20, Total: 45, Pages: 3}},
		{"far past the end", math.MaxInt32, 100, 0, 0, pagination.Info{Number: math.MaxInt32, PerPage: 100, Total: 45, Pages: 1}},
		{"a size that is too large", 1, 1000, 0, 45, pagination.Info{Number: 1, PerPage: 100, Count: 45, Total: 45, Pages: 1}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got, page := pagination.Cut(list, c.number, c.perPage)
			if page != c.want || len(got) != c.to-c.from || len(got) > 0 && !reflect.DeepEqual(got, list[c.from:c.to]) {
				t.Errorf("got %v %+v", got, page)
			}
		})
	}
	if got, page := pagination.Cut([]int{}, 1, 20); len(got) != 0 || page != (pagination.Info{Number: 1, PerPage: 20}) {
		t.Errorf("of nothing: %v %+v", got, page)
	}
}
