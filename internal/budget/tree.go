package budget

import "container/heap"

// tree is a heap whose members know their places, so that they can move and
// leave.
type tree[T any] struct {
	items []T
	less  func(a, b T) bool
	// place is where a member keeps its place plus one; 0 is outside.
	place func(T) *int
}

func (t *tree[T]) top() T { return t.items[0] }

// put adds a member or moves it to where it belongs now.
func (t *tree[T]) put(x T) {
	if at := *t.place(x); at > 0 {
		heap.Fix(t, at-1)
		return
	}
	heap.Push(t, x)
}

// drop takes a member out, if it is in.
func (t *tree[T]) drop(x T) {
	if at := *t.place(x); at > 0 {
		heap.Remove(t, at-1)
	}
}

// Len is for container/heap.
func (t *tree[T]) Len() int { return len(t.items) }

// Less is for container/heap.
func (t *tree[T]) Less(i, j int) bool { return t.less(t.items[i], t.items[j]) }

// Swap is for container/heap.
func (t *tree[T]) Swap(i, j int) {
	t.items[i], t.items[j] = t.items[j], t.items[i]
	*t.place(t.items[i]), *t.place(t.items[j]) = i+1, j+1
}

// Push is for container/heap.
func (t *tree[T]) Push(x any) {
	if item, ok := x.(T); ok {
		t.items = append(t.items, item)
		*t.place(item) = len(t.items)
	}
}

// Pop is for container/heap.
func (t *tree[T]) Pop() any {
	last := len(t.items) - 1
	item := t.items[last]
	var none T
	t.items[last] = none
	t.items = t.items[:last]
	*t.place(item) = 0
	return item
}
