package inflight_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/inflight"
)

func limits() inflight.Limits {
	return inflight.Limits{Short: 400, Long: 4000, ShortBody: 100, Wait: time.Millisecond, Grace: time.Second, Rate: 1}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func full(err error) bool {
	f, is := errors.AsType[*fault.Error](err)
	return is && f.Kind == fault.Unavailable && f.RetryAfter > 0
}

func TestBodiesOfOneCallerLeaveRoomForOthers(t *testing.T) {
	b := inflight.New(limits())
	hog := b.Open("hog")
	must(t, hog.Grow(t.Context(), 100+3000))
	if err := hog.Grow(t.Context(), 1); !full(err) {
		t.Errorf("the hog has more than three quarters: %v", err)
	}
	polite := b.Open("polite")
	must(t, polite.Grow(t.Context(), 100+1000))
	if err := polite.Grow(t.Context(), 1); !full(err) {
		t.Errorf("there is more than all: %v", err)
	}
}

func TestLongBodiesLeaveRoomForShortOnes(t *testing.T) {
	b := inflight.New(limits())
	for _, caller := range []string{"a", "b"} {
		must(t, b.Open(caller).Grow(t.Context(), 100+2000))
	}
	for range 2 {
		must(t, b.Open("c").Grow(t.Context(), 100))
	}
}

func TestABodyWithoutRoomWaitsAndIsRefused(t *testing.T) {
	l := limits()
	l.Wait = time.Minute
	b := inflight.New(l)
	first := b.Open("a")
	must(t, first.Grow(t.Context(), 3100))
	waits := make(chan error)
	go func() { waits <- b.Open("a").Grow(context.Background(), 200) }()
	first.Release()
	must(t, <-waits)

	ctx, leave := context.WithCancel(t.Context())
	leave()
	if err := b.Open("a").Grow(ctx, 5000); !errors.Is(err, context.Canceled) {
		t.Errorf("who left waits for room: %v", err)
	}
	if err := inflight.New(limits()).Open("a").Grow(t.Context(), 5000); !full(err) {
		t.Errorf("got %v", err)
	}
}

func TestWhatIsGivenBackIsThereAgain(t *testing.T) {
	b := inflight.New(limits())
	for range 100 {
		body := b.Open("a")
		must(t, body.Grow(t.Context(), 50))
		must(t, body.Grow(t.Context(), 1000))
		body.Shrink(950)
		must(t, body.Grow(t.Context(), 3000))
		body.Release()
		if err := b.Open("b").Grow(t.Context(), 5000); !full(err) {
			t.Fatal(err)
		}
	}
}

func TestAChangeKeepsTheBytesOfItsCall(t *testing.T) {
	b := inflight.New(limits())
	call := b.Open("a")
	must(t, call.Grow(t.Context(), 3100))
	kept := inflight.Retain(inflight.With(t.Context(), call))
	call.Release()
	if err := b.Open("a").Grow(t.Context(), 200); !full(err) {
		t.Errorf("the bytes are free while the change runs: %v", err)
	}
	kept.Release()
	must(t, b.Open("a").Grow(t.Context(), 200))
	inflight.Retain(t.Context()).Release()
}

func TestCallersAtOnceStayWithinTheLimits(t *testing.T) {
	l := limits()
	l.Wait = time.Minute
	b := inflight.New(l)
	var all sync.WaitGroup
	for i := range 32 {
		all.Go(func() {
			for range 50 {
				body := b.Open(fmt.Sprint("caller-", i%5))
				if err := body.Grow(context.Background(), int64(10+i*20)); err != nil {
					t.Error(err)
				}
				body.Release()
			}
		})
	}
	all.Wait()
	body := b.Open("last")
	must(t, body.Grow(t.Context(), 3100))
}
