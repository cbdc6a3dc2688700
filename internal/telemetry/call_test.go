package telemetry_test

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"platform.internal/storekeeper/internal/telemetry"
)

func TestCallTravelsInTheContext(t *testing.T) {
	call := newCall("r1")
	ctx := withCall(t.Context(), call)
	telemetry.CallFrom(ctx).SetCaller("team-a")
	if got := call.Facts(); got.RequestID != "r1" || got.Caller != "team-a" {
		t.Errorf("got %+v", got)
	}
}

func TestContextWithoutACallGivesOneThatNobodyReads(t *testing.T) {
	first := telemetry.CallFrom(t.Context())
	first.SetCaller("team-a")
	if got := telemetry.CallFrom(t.Context()).Facts().Caller; got != "" {
		t.Errorf("the name %q went from one call to another", got)
	}
	if telemetry.CallFrom(withCall(t.Context(), nil)) == nil {
		t.Error("got nil")
	}
}

func TestLayersAddToOneCallAtOnce(t *testing.T) {
	call := newCall("r1")
	var all sync.WaitGroup
	for i := range 50 {
		all.Go(func() {
			call.AddUpstream(time.Millisecond, fmt.Sprintf("ray-%d", i))
			call.SetMethod("rest", "/a")
			call.SetPeer("127.0.0.1")
			call.SetTrace("t", true)
			_ = call.Facts()
		})
	}
	all.Wait()
	got := call.Facts()
	if got.UpstreamCalls != 50 || got.UpstreamTime != 50*time.Millisecond || len(got.Rays) != 8 {
		t.Errorf("got %+v", got)
	}
}

func TestLastRaysAreKept(t *testing.T) {
	call := newCall("r1")
	for i := range 10 {
		call.AddUpstream(0, fmt.Sprintf("8f%d-FRA", i))
	}
	want := []string{"8f2-FRA", "8f3-FRA", "8f4-FRA", "8f5-FRA", "8f6-FRA", "8f7-FRA", "8f8-FRA", "8f9-FRA"}
	if got := call.Facts().Rays; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestWhatCannotBeARayIsCountedButNotKept(t *testing.T) {
	call := newCall("r1")
	for _, ray := range []string{"", "a b", "a\nb", strings.Repeat("a", 65), "<script>"} {
		call.AddUpstream(0, ray)
	}
	if got := call.Facts(); got.UpstreamCalls != 5 || len(got.Rays) != 0 {
		t.Errorf("got %+v", got)
	}
}

func TestFactsDoNotChangeAfterwards(t *testing.T) {
	call := newCall("r1")
	for range 8 {
		call.AddUpstream(0, "a")
	}
	before := call.Facts()
	call.AddUpstream(0, "b")
	before.Rays[1] = "changed"
	if slices.Contains(before.Rays, "b") || slices.Contains(call.Facts().Rays, "changed") {
		t.Errorf("%v and %v share memory", before.Rays, call.Facts().Rays)
	}
}

func TestTextOfTheCallerIsBounded(t *testing.T) {
	long := strings.Repeat("x", 10_000)
	call := newCall(long)
	call.SetMethod(long, long)
	call.SetCaller(long)
	call.SetPeer(long)
	call.SetTrace(long, false)
	f := call.Facts()
	for _, text := range []string{f.RequestID, f.Protocol, f.Method, f.Caller, f.Peer, f.TraceID} {
		if len(text) != 256 {
			t.Errorf("kept %d bytes, want 256", len(text))
		}
	}
}

func TestRequestIDsAre32HexDigitsAndDiffer(t *testing.T) {
	form := regexp.MustCompile(`^[0-9a-f]{32}$`)
	seen := map[string]bool{}
	for range 1000 {
		id := telemetry.NewRequestID()
		if !form.MatchString(id) || seen[id] {
			t.Fatalf("%q is not a new identifier", id)
		}
		seen[id] = true
	}
}

func newCall(requestID string) *telemetry.Call {
	c := &telemetry.Call{}
	c.SetRequestID(requestID)
	return c
}

func withCall(ctx context.Context, c *telemetry.Call) context.Context {
	return context.WithValue(ctx, telemetry.CallKey{}, c)
}
