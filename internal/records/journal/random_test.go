package journal_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"platform.internal/storekeeper/internal/records/journal"
)

// owner uses a journal at random, as its owner would, and knows what must be in
// it.
type owner struct {
	*disk

	rand    *rand.Rand
	journal *journal.Journal
	// applied is the mark of what is kept elsewhere. frozen and active are
	// what is in the two files, frozen only while mark is not applied.
	applied, mark  uint64
	frozen, active []string
	// doubt is what failed last and may be there, and doubted its number.
	doubt   []string
	doubted uint64
	count   int
}

func (o *owner) step(t *testing.T) {
	switch o.rand.IntN(20) {
	case 0, 1:
		if o.frozen == nil && len(o.active) > 0 {
			o.frozen, o.active, o.mark = o.active, nil, o.journal.Turn()
		}
	case 2, 3:
		if o.frozen != nil {
			o.applied, o.frozen = o.mark, nil
			if o.doubted <= o.mark {
				o.doubt = nil
			}
		}
	case 4:
		o.ill = !o.ill
	case 5:
		o.full, o.room = !o.full, o.rand.IntN(3000)
	case 6:
		o.crash(t)
	default:
		o.count++
		text := fmt.Sprint(o.count, " ", strings.Repeat("x", o.rand.IntN(300)))
		if err := write(o.journal, text); err != nil {
			o.doubt, o.doubted = append(o.doubt, text), o.journal.Mark()
			return
		}
		o.active, o.doubt = append(o.active, text), nil
	}
}

// crash opens the journal again and takes over what it holds.
func (o *owner) crash(t *testing.T) {
	j, found, err := o.reopen(o.applied)
	want := slices.Concat(o.frozen, o.active)
	if err == nil && len(found) == len(want)+1 && slices.Contains(o.doubt, found[len(want)]) {
		want = found
	}
	if err != nil || !slices.Equal(found, want) {
		t.Fatalf("got %d pieces and %v, want %d, and perhaps one of %d: %.100q, %.100q", len(found), err, len(want), len(o.doubt), found, want)
	}
	o.journal, o.applied = j, j.Mark()
	o.frozen, o.active, o.doubt = nil, nil, nil
}

func TestAnyUseOutlivesACrash(t *testing.T) {
	t.Parallel()
	for seed := range uint64(300) {
		o := &owner{disk: new(disk), rand: rand.New(rand.NewPCG(seed, 7))}
		o.journal = o.begin(t)
		for range 300 {
			o.step(t)
			if t.Failed() {
				t.Fatalf("with seed %d", seed)
			}
		}
		o.crash(t)
	}
}

func FuzzOpen(f *testing.F) {
	whole := new(disk)
	j, _, err := whole.reopen(0)
	if err != nil {
		f.Fatal(err)
	}
	if err := write(j, "one", "two"); err != nil {
		f.Fatal(err)
	}
	j.Turn()
	if err := write(j, "three"); err != nil {
		f.Fatal(err)
	}
	f.Add(whole.files[a].text, whole.files[b].text, uint64(0))
	f.Add(whole.files[b].text, whole.files[a].text[:40], uint64(1))
	f.Add([]byte("\xf5SKJ"), []byte(nil), uint64(9))
	f.Fuzz(func(t *testing.T, first, second []byte, applied uint64) {
		d := new(disk)
		d.files[a].text, d.files[b].text = slices.Clone(first), slices.Clone(second)
		j, found, err := d.reopen(applied)
		if err != nil {
			return
		}
		size := 0
		for _, text := range found {
			size += len(text) + 32
		}
		if size > len(first)+len(second) {
			t.Errorf("%d bytes were found in %d", size, len(first)+len(second))
		}
		if applied < 1<<63 && j.Mark() < 1<<63 {
			goesOn(t, d, j)
		}
	})
}
