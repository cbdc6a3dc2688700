package history

import (
	"cmp"
	"math"
	"slices"

	"github.com/anishathalye/porcupine"
)

// turns are the turns of equal open changes that were taken, the last first.
type turns struct {
	of      Input
	number  int
	earlier *turns
}

// last is the number of the last turn of the changes that equal in, 0 if none was taken.
func (t *turns) last(in Input) int {
	for ; t != nil; t = t.earlier {
		if t.of == in {
			return t.number
		}
	}
	return 0
}

// inTurn numbers the equal open changes of each part by their begin. A caller that
// repeats a change leaves many of them. Whichever of them is made, the effect is the
// same, and one that began earlier could have been made in place of a later one: so
// they are made in their order. Without an order, the time of the check grows
// exponentially with their number.
func inTurn(parts [][]porcupine.Operation) [][]porcupine.Operation {
	for _, part := range parts {
		equal := map[Input][]int{}
		for i, o := range part {
			if o.Return == math.MaxInt64 {
				in := o.Input.(Input)
				equal[in] = append(equal[in], i)
			}
		}
		for in, list := range equal {
			if len(list) == 1 {
				continue
			}
			slices.SortStableFunc(list, func(a, b int) int { return cmp.Compare(part[a].Call, part[b].Call) })
			for at, i := range list {
				in.turn = at + 1
				part[i].Input = in
			}
		}
	}
	return parts
}

// take is step, for a change that waits for its turn.
func (s secret) take(in Input, out Output) (bool, secret) {
	turn := in.turn
	in.turn = 0
	if turn == 0 {
		return s.step(in, out)
	}
	if s.taken.last(in) != turn-1 {
		return false, s
	}
	ok, after := s.step(in, out)
	after.taken = &turns{of: in, number: turn, earlier: s.taken}
	return ok, after
}

// equal compares what callers can see. The changes that were made say which turns
// were taken, and the check compares them itself.
func (s secret) equal(other secret) bool {
	return s.there == other.there && s.id == other.id && s.write == other.write
}
