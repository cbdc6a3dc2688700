package server_test

import (
	"context"
	"errors"
	"maps"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"platform.internal/storekeeper/internal/audit"
	"platform.internal/storekeeper/internal/authn"
	"platform.internal/storekeeper/internal/server/servertest"
)

// sink is a place for records that can be made to fail or to hang.
type sink struct {
	mu    sync.Mutex
	fail  error
	hang  bool
	wrote []audit.Record
}

func (s *sink) Append(ctx context.Context, records ...audit.Record) error {
	s.mu.Lock()
	fail, hang := s.fail, s.hang
	if fail == nil && !hang {
		s.wrote = append(s.wrote, records...)
	}
	s.mu.Unlock()
	if hang {
		<-ctx.Done()
		return ctx.Err()
	}
	return fail
}

// commit makes the records of a change durable, for as long as a disk may take.
func (s *sink) commit(ctx context.Context, lines []audit.Record) error {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Millisecond)
	defer cancel()
	return s.Append(ctx, lines...)
}

// Healthy returns nil until a write fails, as with a disk that fills up.
func (s *sink) Healthy() error { return nil }

func (s *sink) Close() error { return nil }

func (s *sink) set(fail error, hang bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fail, s.hang = fail, hang
}

func (s *sink) written() []audit.Record {
	s.mu.Lock()
	defer s.mu.Unlock()
	wrote := s.wrote
	s.wrote = nil
	return wrote
}

// TestWithoutATrailThereIsNoChange has the real log over a sink that is ill.
func TestWithoutATrailThereIsNoChange(t *testing.T) {
	full := errors.New("no space left on device")
	for name, ill := range map[string]func(*sink){
		"a sink that fails": func(s *sink) { s.set(full, false) },
		"a sink that hangs": func(s *sink) { s.set(nil, true) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &sink{}
			log, err := audit.NewLog(audit.LogConfig{Sink: s, MaxWait: 20 * time.Millisecond})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = log.Close() })
			w := start(t, servertest.Config{Denials: log, Lines: s.commit, Callers: []authn.Principal{root}})
			before := w.Cloudflare.State(t)
			conn := w.Listen(t)
			ill(s)
			for door, client := range map[string]servertest.Client{"rest": w.As(root), "grpc": servertest.Over(conn, root.Name)} {
				for _, r := range w.rpcs() {
					err := r.call(within(t), client)
					switch {
					case r.changes && (status.Code(err) != codes.Unavailable || reason(err) != "STATE_UNAVAILABLE"):
						t.Errorf("%s %s: got %v", door, r.name, err)
					case !r.changes && err != nil:
						t.Errorf("%s %s: a read was refused: %v", door, r.name, err)
					}
				}
			}
			if changed := w.Cloudflare.Changed(); len(changed) > 0 || !maps.Equal(before, w.Cloudflare.State(t)) {
				t.Errorf("without a record %v was sent", changed)
			}
			if err := w.update(w.searchA)(within(t), w.As(payments)); status.Code(err) != codes.PermissionDenied {
				t.Errorf("a denial without a record: %v", err)
			}
			s.set(nil, false)
			s.written()
			if err := w.update(w.payA)(within(t), w.As(root)); err != nil {
				t.Errorf("a sink that is well again: %v", err)
			}
			eventually(t, func() bool { return log.Backlog() == 0 })
			if wrote := s.written(); len(wrote) != 2 || wrote[0].Kind != audit.KindIntent || wrote[1].Outcome != audit.Succeeded {
				t.Errorf("then it has %+v", wrote)
			}
		})
	}
}

// TestAnAnswerIsGivenWithItsOutcome breaks the disk between the intent and the outcome of a change.
// The caller gets the answer once the outcome is durable.
func TestAnAnswerIsGivenWithItsOutcome(t *testing.T) {
	s := &sink{}
	w := start(t, servertest.Config{Lines: func(ctx context.Context, lines []audit.Record) error {
		err := s.commit(ctx, lines)
		if lines[0].Kind == audit.KindIntent {
			s.set(errors.New("no space left on device"), false)
			time.AfterFunc(200*time.Millisecond, func() { s.set(nil, false) })
		}
		return err
	}})
	if err := w.update(w.payA)(within(t), w.As(root)); err != nil {
		t.Fatalf("the change was made, and the caller hears %v", err)
	}
	wrote := s.written()
	if len(wrote) != 2 || wrote[0].ID != wrote[1].ID || wrote[1].Outcome != audit.Succeeded {
		t.Errorf("got %+v", wrote)
	}
}

// deaf is a trail that keeps no denial.
type deaf struct{ *servertest.Trail }

func (deaf) Denial(context.Context, audit.Record) error { return errors.New("no space left on device") }

func TestADenialThatCannotBeRecordedIsLogged(t *testing.T) {
	core, lines := observer.New(zap.ErrorLevel)
	w := start(t, servertest.Config{Denials: deaf{&servertest.Trail{}}, Log: zap.New(core)})
	if err := w.get(w.searchA)(within(t), w.As(payments)); status.Code(err) != codes.PermissionDenied {
		t.Errorf("got %v", err)
	}
	if got := lines.FilterMessageSnippet("denial is not in the audit trail").All(); len(got) != 1 || got[0].ContextMap()["request_id"] == "" {
		t.Errorf("the log has %v", lines.All())
	}
}
