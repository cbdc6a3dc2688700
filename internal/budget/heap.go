package budget

import "container/heap"

// indexedHeap is a heap whose members store their indexes, so that members can be moved and removed.
type indexedHeap[T any] struct {
	items []T
	less  func(a, b T) bool
	// place points to the index of a member plus 1. 0 means that the member is not in the heap.
	place func(T) *int
}

func (t *indexedHeap[T]) top() T { return t.items[0] }

// put adds a member or restores its position after a change.
func (t *indexedHeap[T]) put(x T) {
	if at := *t.place(x); at > 0 {
		heap.Fix(t, at-1)
		return
	}
	heap.Push(t, x)
}

// drop removes a member if present.
func (t *indexedHeap[T]) drop(x T) {
	if at := *t.place(x); at > 0 {
		heap.Remove(t, at-1)
	}
}

// Len implements heap.Interface.
func (t *indexedHeap[T]) Len() int { return len(t.items) }

// Less is for container/heap.
func (t *indexedHeap[T]) Less(i, j int) bool { return t.less(t.items[i], t.items[j]) }

// Swap is for container/heap.
func (t *indexedHeap[T]) Swap(i, j int) {
	t.items[i], t.items[j] = t.items[j], t.items[i]
	*t.place(t.items[i]), *t.place(t.items[j]) = i+1, j+1
}

// Push is for container/heap.
func (t *indexedHeap[T]) Push(x any) {
	if item, ok := x.(T); ok {
		t.items = append(t.items, item)
		*t.place(item) = len(t.items)
	}
}

// Pop is for container/heap.
func (t *indexedHeap[T]) Pop() any {
	last := len(t.items) - 1
	item := t.items[last]
	var none T
	t.items[last] = none
	t.items = t.items[:last]
	*t.place(item) = 0
	return item
}
