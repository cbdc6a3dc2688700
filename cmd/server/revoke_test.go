package main

import (
	"cmp"
	"context"
	"io"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	reflectionv1 "google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/grpc/status"

	secretsstorev1 "platform.internal/storekeeper/gen/secretsstore/v1"
)

// hammer calls over both protocols with a key until stopped, and counts successes
// and failures.
type hammer struct {
	good, refused, failed atomic.Int64
	// last is when the last call that succeeded began, in nanoseconds since 1970.
	last  atomic.Int64
	end   chan struct{}
	once  sync.Once
	calls sync.WaitGroup
}

func (p *program) hammer(key string) *hammer {
	h := &hammer{end: make(chan struct{})}
	h.loop(func() codes.Code {
		got, err := p.try(context.Background(), "GET", "stores", http.NoBody, "Authorization: Bearer "+key)
		switch {
		case err == nil && got.status == http.StatusOK:
			return codes.OK
		case err == nil && got.status == http.StatusUnauthorized:
			return codes.Unauthenticated
		}
		p.t.Errorf("REST: %v %d %s", err, got.status, got.body)
		return codes.Unknown
	})
	h.loop(func() codes.Code {
		got := p.invoke(with(key), "ListStores", &secretsstorev1.ListStoresRequest{AccountId: "main"})
		if got.code != codes.OK && got.code != codes.Unauthenticated {
			p.t.Errorf("gRPC: %v", got.err)
		}
		return got.code
	})
	// A test that fails before must not leave goroutines that fail it again after
	// its end: that ends the tests of the whole package.
	p.t.Cleanup(h.stop)
	return h
}

func (h *hammer) loop(call func() codes.Code) {
	h.calls.Go(func() {
		for {
			select {
			case <-h.end:
				return
			default:
			}
			began := time.Now().UnixNano()
			switch call() {
			case codes.OK:
				h.good.Add(1)
				h.last.Store(max(h.last.Load(), began))
			case codes.Unauthenticated:
				h.refused.Add(1)
			default:
				h.failed.Add(1)
			}
		}
	})
}

func (h *hammer) stop() {
	h.once.Do(func() { close(h.end) })
	h.calls.Wait()
}

func TestARevokedKeyIsRefusedOnOpenConnectionsAndNoOtherCallFails(t *testing.T) {
	t.Parallel()
	stays := "api_keys:\n" + keyEntry(callerName, callerKey, "")
	p := start(t, setup{callersFile: stays + keyEntry("team-search", otherKey, ""), sets: []string{manyCalls, anyPace}})
	stream, err := reflectionv1.NewServerReflectionClient(p.conn).ServerReflectionInfo(with(otherKey))
	must(t, err)
	ask := func() error {
		must(t, stream.Send(&reflectionv1.ServerReflectionRequest{MessageRequest: &reflectionv1.ServerReflectionRequest_ListServices{}}))
		_, err := stream.Recv()
		return err
	}
	must(t, ask())
	late := p.slowCreate(otherKey)
	stolen, other := p.hammer(otherKey), p.hammer(callerKey)
	p.await("both keys are in use", func() bool { return stolen.good.Load() > 100 && other.good.Load() > 100 })
	if n := stolen.refused.Load() + other.refused.Load(); n != 0 {
		t.Errorf("%d calls were refused before", n)
	}
	p.replace("callers.yaml", stays)
	p.await("the key is refused", func() bool { return stolen.refused.Load() > 100 })
	stolen.stop()
	stolen = p.hammer(otherKey)
	p.await("and stays so", func() bool { return stolen.refused.Load() > 100 && other.good.Load() > 500 })
	stolen.stop()
	other.stop()
	if stolen.good.Load() != 0 || other.refused.Load() != 0 || stolen.failed.Load()+other.failed.Load() != 0 {
		t.Errorf("afterwards %d calls with the key were accepted, and %d with another refused", stolen.good.Load(), other.refused.Load())
	}
	if code := status.Code(ask()); code != codes.Unauthenticated {
		t.Errorf("on an open stream: %v", code)
	}
	if got := late(); got.status != http.StatusUnauthorized || strings.Contains(p.cloudflare("GET", "/stores", ""), "late") {
		t.Errorf("a body that arrives later: %d %s", got.status, got.body)
	}
	if lines := p.trailLines(); !strings.Contains(lines, `"kind":"reload"`) || !strings.Contains(lines, `"action":"callers","before":"sha256:`) {
		t.Errorf("the trail is %s", lines)
	}
	p.replace("callers.yaml", "api_keys: []\n")
	p.await("the last key is refused", func() bool { return p.do("GET", "stores", "").status == http.StatusUnauthorized })
}

// slowCreate begins to create a store, and returns a function that ends it.
func (p *program) slowCreate(key string) func() reply {
	p.t.Helper()
	body, writer := io.Pipe()
	done := make(chan reply, 1)
	go func() {
		got, err := p.try(context.Background(), "POST", "stores", body, "Authorization: Bearer "+key)
		if err != nil {
			p.t.Errorf("a slow call: %v", err)
		}
		done <- got
	}()
	finish := sync.OnceValue(func() reply {
		// An answer may come before the body has ended.
		_, _ = writer.Write([]byte(`"late"}`))
		_ = writer.Close()
		return <-done
	})
	p.t.Cleanup(func() { finish() })
	_, err := writer.Write([]byte(`{"name":`))
	must(p.t, err)
	return finish
}

// TestRevocationsManyTimes revokes and restores a key under load, and prints how long
// after the change of the file the last call was accepted. STOREKEEPER_REVOCATIONS is
// the number of revocations; without the variable the test is skipped.
func TestRevocationsManyTimes(t *testing.T) {
	times, err := strconv.Atoi(cmp.Or(os.Getenv("STOREKEEPER_REVOCATIONS"), "0"))
	if err != nil || times == 0 {
		t.Skip("STOREKEEPER_REVOCATIONS is not set; make test-revocation sets it")
	}
	stays := "api_keys:\n" + keyEntry(callerName, callerKey, "")
	both := stays + keyEntry("team-search", otherKey, "")
	p := start(t, setup{callersFile: both, sets: []string{manyCalls, anyPace}})
	other := p.hammer(callerKey)
	var took []time.Duration
	for range times {
		stolen := p.hammer(otherKey)
		p.await("the key is in use", func() bool { return stolen.good.Load() > 100 })
		changed := time.Now()
		p.replace("callers.yaml", stays)
		p.await("the key is refused", func() bool { return stolen.refused.Load() > 100 })
		stolen.stop()
		took = append(took, time.Unix(0, stolen.last.Load()).Sub(changed))
		p.replace("callers.yaml", both)
		p.await("the key is good again", func() bool {
			return p.do("GET", "stores", "", "Authorization: Bearer "+otherKey).status == http.StatusOK
		})
	}
	other.stop()
	if other.refused.Load()+other.failed.Load() != 0 {
		t.Errorf("%d calls of another caller were refused, %d failed", other.refused.Load(), other.failed.Load())
	}
	slices.Sort(took)
	t.Logf("%d revocations: the last call was accepted after %v (median) and %v (most); of another caller's %d calls 0 failed",
		times, took[len(took)/2].Round(time.Millisecond), took[len(took)-1].Round(time.Millisecond), other.good.Load())
}
