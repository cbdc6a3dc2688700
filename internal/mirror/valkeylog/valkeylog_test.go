package valkeylog_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/valkey-io/valkey-go"
	"go.uber.org/goleak"

	"platform.internal/storekeeper/internal/mirror"
	"platform.internal/storekeeper/internal/mirror/valkeylog"
	"platform.internal/storekeeper/internal/records/valkeytest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func connect(t *testing.T, address string) valkey.Client {
	t.Helper()
	client, err := valkey.NewClient(valkey.ClientOption{InitAddress: []string{address}, DisableCache: true, ForceSingleClient: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

func key(name string) string { return "test:" + name }

// reader follows a topic.
type reader struct {
	t   *testing.T
	log *valkeylog.Log
	at  mirror.Position
}

func (r *reader) append(events ...string) {
	r.t.Helper()
	for _, e := range events {
		if err := r.log.Append(r.t.Context(), "topic", []byte(e)); err != nil {
			r.t.Fatal(err)
		}
	}
}

// wants reads on. No event at all means that some may be missing.
func (r *reader) wants(complete bool, events ...string) {
	r.t.Helper()
	got, now, all, err := r.log.Since(r.t.Context(), "topic", r.at)
	if err != nil {
		r.t.Fatal(err)
	}
	r.at = now
	var texts []string
	for _, e := range got {
		texts = append(texts, string(e))
	}
	if all != complete || !slices.Equal(texts, events) {
		r.t.Errorf("got %q, complete %t; want %q, complete %t", texts, all, events, complete)
	}
}

func TestLog(t *testing.T) {
	server := valkeytest.Start(t)
	client := connect(t, server.Address())
	log := valkeylog.New(client, key)
	do := func(command ...string) {
		t.Helper()
		if err := client.Do(t.Context(), client.B().Arbitrary(command...).Build()).Error(); err != nil {
			t.Fatal(err)
		}
	}
	begin := func(t *testing.T) (one, two *reader) {
		do("FLUSHALL")
		one, two = &reader{t: t, log: log}, &reader{t: t, log: valkeylog.New(client, key)}
		one.wants(false)
		one.wants(true)
		two.wants(false)
		return one, two
	}
	t.Run("every event comes once to each, in order", func(t *testing.T) {
		one, two := begin(t)
		one.append("a")
		two.append("b\x00\xff", "")
		one.wants(true, "a", "b\x00\xff", "")
		one.wants(true)
		two.wants(true, "a", "b\x00\xff", "")
		one.append("c")
		two.wants(true, "c")
	})
	t.Run("one who has read nothing may have missed some", func(t *testing.T) {
		one, _ := begin(t)
		one.append("a")
		late := &reader{t: t, log: log}
		late.wants(false)
		one.append("b")
		late.wants(true, "b")
	})
	t.Run("one that was away for too many", func(t *testing.T) {
		one, two := begin(t)
		for range 1000 {
			one.append("x")
		}
		two.wants(true, slices.Repeat([]string{"x"}, 1000)...)
		one.append("y")
		one.wants(false)
		two.wants(true, "y")
	})
	t.Run("events that ran out", func(t *testing.T) {
		one, two := begin(t)
		one.append("a")
		two.wants(true, "a")
		do("DEL", key("{mirror.topic}.events"))
		two.wants(true)
		one.append("b")
		two.wants(true, "b")
		one.wants(false)
	})
	t.Run("a log that was lost", func(t *testing.T) {
		one, two := begin(t)
		one.append("a")
		do("FLUSHALL")
		two.append("b")
		one.wants(false)
		two.wants(false)
		two.append("c")
		one.wants(true, "c")
	})
	t.Run("a log that lost its end and grew again", func(t *testing.T) {
		one, two := begin(t)
		one.append("a")
		one.wants(true, "a")
		do("COPY", key("{mirror.topic}.head"), "head")
		do("COPY", key("{mirror.topic}.events"), "events")
		one.append("b")
		one.wants(true, "b")
		do("COPY", "head", key("{mirror.topic}.head"), "REPLACE")
		do("COPY", "events", key("{mirror.topic}.events"), "REPLACE")
		two.append("c")
		one.wants(false)
		do("COPY", "head", key("{mirror.topic}.head"), "REPLACE")
		do("COPY", "events", key("{mirror.topic}.events"), "REPLACE")
		one.wants(false)
	})
	t.Run("topics apart", func(t *testing.T) {
		one, _ := begin(t)
		if err := log.Append(t.Context(), "other", []byte("x")); err != nil {
			t.Fatal(err)
		}
		one.wants(true)
	})
	t.Run("nothing is kept for ever", func(t *testing.T) {
		one, _ := begin(t)
		one.append("a")
		keys, err := client.Do(t.Context(), client.B().Keys().Pattern("*").Build()).AsStrSlice()
		if err != nil || len(keys) != 2 {
			t.Fatalf("got %q, %v", keys, err)
		}
		for _, k := range keys {
			if life, err := client.Do(t.Context(), client.B().Ttl().Key(k).Build()).AsInt64(); err != nil || life <= 0 {
				t.Errorf("%s lives %d s, %v", k, life, err)
			}
		}
	})
}

func TestAServerThatIsKilled(t *testing.T) {
	server := valkeytest.Start(t)
	log := valkeylog.New(connect(t, server.Address()), key)
	one := &reader{t: t, log: log}
	one.wants(false)
	one.append("a")
	server.Kill()
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if _, _, _, err := log.Since(ctx, "topic", one.at); err == nil {
		t.Error("a server that is gone answers")
	}
	if err := log.Append(ctx, "topic", []byte("x")); err == nil {
		t.Error("a server that is gone takes an event")
	}
	server.Restart()
	deadline := time.Now().Add(10 * time.Second)
	for time.Now().Before(deadline) {
		if _, _, _, err := log.Since(t.Context(), "topic", one.at); err == nil {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	one.wants(true, "a")
}

func TestManyAppendAtOnce(t *testing.T) {
	server := valkeytest.Start(t)
	log := valkeylog.New(connect(t, server.Address()), key)
	one := &reader{t: t, log: log}
	one.wants(false)
	done := make(chan error)
	const writers, each = 8, 20
	for i := range writers {
		go func() {
			for n := range each {
				if err := log.Append(t.Context(), "topic", fmt.Append(nil, i, n)); err != nil {
					done <- err
					return
				}
			}
			done <- nil
		}()
	}
	for range writers {
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
	events, _, complete, err := log.Since(t.Context(), "topic", one.at)
	if err != nil || !complete || len(events) != writers*each {
		t.Errorf("got %d, complete %t, %v", len(events), complete, err)
	}
}
