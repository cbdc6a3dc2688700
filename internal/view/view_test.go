package view_test

import (
	"context"
	"math"
	"reflect"
	"testing"

	"platform.internal/storekeeper/internal/view"
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
		want            view.Page
	}{
		{"the default", 0, 0, 0, 20, view.Page{Number: 1, PerPage: 20, Count: 20, Total: 45, Pages: 3}},
		{"the last page is short", 3, 20, 40, 45, view.Page{Number: 3, PerPage: 20, Count: 5, Total: 45, Pages: 3}},
		{"past the end", 4, 20, 0, 0, view.Page{Number: 4, PerPage: 20, Total: 45, Pages: 3}},
		{"far past the end", math.MaxInt32, 100, 0, 0, view.Page{Number: math.MaxInt32, PerPage: 100, Total: 45, Pages: 1}},
		{"a size that is too large", 1, 1000, 0, 45, view.Page{Number: 1, PerPage: 100, Count: 45, Total: 45, Pages: 1}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got, page := view.Cut(list, c.number, c.perPage)
			if page != c.want || len(got) != c.to-c.from || len(got) > 0 && !reflect.DeepEqual(got, list[c.from:c.to]) {
				t.Errorf("got %v %+v", got, page)
			}
		})
	}
	if got, page := view.Cut([]int{}, 1, 20); len(got) != 0 || page != (view.Page{Number: 1, PerPage: 20}) {
		t.Errorf("of nothing: %v %+v", got, page)
	}
}

func TestTheFilterTravels(t *testing.T) {
	if view.From(context.Background()) != nil {
		t.Error("there is a filter where none was put")
	}
	ctx := view.With(context.Background(), func(name string) bool { return name == "a" })
	if f := view.From(ctx); !f("a") || f("b") {
		t.Error("another filter arrived")
	}
}
