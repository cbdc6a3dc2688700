package guarantees_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"platform.internal/storekeeper/test/guarantees/calls"
	"platform.internal/storekeeper/test/guarantees/fleet"
)

// takeover is the time within which a replica finishes a change of an ended
// replica.
const takeover = 60 * time.Second

// orphaned is the write of the callers whose replica is killed.
var orphaned = calls.Write{Value: "wanted", Comment: "c", Scopes: "workers"}

func TestOneKeyAtBothReplicasIsOneChange(t *testing.T) {
	t.Parallel()
	w := build(t, plan{replicas: 2, callers: 1})
	var posts atomic.Int64
	w.cf.Watch(func(r *http.Request, _ int) {
		if r.Method == http.MethodPost {
			posts.Add(1)
		}
	})
	for i := range 5 {
		name, key := fmt.Sprintf("n%d", i), calls.Mark{Key: fmt.Sprintf("key-%d", i)}
		held := w.cf.Catch(http.MethodPost, "/secrets", false)
		posts.Store(0)
		answers := make([]calls.Answer, 2)
		var both sync.WaitGroup
		for at, r := range w.replicas {
			both.Go(func() {
				answers[at] = w.rest("c0", r).Create(t.Context(), key, name, calls.Write{Value: "v", Comment: "c", Scopes: "workers"})
			})
		}
		<-held.Arrived
		// The second call arrives while the first is in progress; its effect
		// must not matter.
		time.Sleep(100 * time.Millisecond)
		held.Release()
		both.Wait()
		a, b := must(t, "at one", answers[0]), must(t, "at the other", answers[1])
		if a.Body != b.Body || a.Replayed == b.Replayed {
			t.Errorf("replayed %v and %v:\n%s\n%s", a.Replayed, b.Replayed, a.Body, b.Body)
		}
		again := must(t, "again", w.rest("c0", w.replicas[i%2]).Create(t.Context(), key, name, calls.Write{Value: "v", Comment: "c", Scopes: "workers"}))
		if again.Body != a.Body || !again.Replayed {
			t.Errorf("later: replayed %v\n%s\nwant\n%s", again.Replayed, again.Body, a.Body)
		}
		other := w.rest("c0", w.replicas[(i+1)%2]).Create(t.Context(), key, name, calls.Write{Value: "w", Comment: "c", Scopes: "workers"})
		if other.Verdict != calls.Wrong || !strings.Contains(other.Said, "idempotency_key_reused") {
			t.Errorf("another value under the same key: %s", other.Said)
		}
		if got := posts.Load(); got != 1 || len(w.at(name)) != 1 {
			t.Errorf("Cloudflare got %d requests and has %d secrets, want 1 and 1", got, len(w.at(name)))
		}
	}
}

// orphan is a create that a replica is killed in the middle of.
type orphan struct {
	name string
	mark calls.Mark
	// executed says that Cloudflare has made the secret by then.
	executed bool
}

func TestARetryAtTheOtherReplicaFinishesWhatADeadOneBegan(t *testing.T) {
	t.Parallel()
	orphans := []orphan{
		{"named_and_on_its_way", calls.Mark{Key: "k1"}, false},
		{"named_and_made", calls.Mark{Key: "k2"}, true},
		{"of_an_SDK_and_on_its_way", calls.Mark{}, false},
		{"of_an_SDK_and_made", calls.Mark{}, true},
	}
	w := build(t, plan{replicas: 2, callers: len(orphans)})
	var all []*fleet.Catch
	first := make(chan calls.Answer)
	for i, o := range orphans {
		held := w.cf.Catch(http.MethodPost, "/secrets", o.executed)
		go func() { first <- w.rest(callerName(i), w.replicas[0]).Create(t.Context(), o.mark, o.name, orphaned) }()
		<-held.Arrived
		all = append(all, held)
	}
	w.replicas[0].Kill()
	for i := range orphans {
		if a := <-first; a.Verdict != calls.Lost {
			t.Fatalf("the replica was killed and answered %s", a.Said)
		}
		// The held request arrives after the end of the replica.
		all[i].Release()
	}
	for i, o := range orphans {
		// One after the other, and all at once after the first: as parallel
		// tests, they could start after the time in which an SDK's repeat is
		// recognised.
		t.Run(o.name, func(t *testing.T) {
			answer, took := retried(t, w.rest(callerName(i), w.replicas[1]), o)
			t.Logf("done after %.1f s", took.Seconds())
			at := w.at(o.name)
			if len(at) != 1 || len(answer.Secrets) != 1 || at[0] != answer.Secrets[0] {
				t.Fatalf("Cloudflare has %+v, the caller was told of %+v", at, answer.Secrets)
			}
			if value, _ := w.cf.Value(fleet.Account, w.place.Store, o.name); value != orphaned.Value {
				t.Errorf("the value is %q", value)
			}
		})
	}
}

// retried repeats a create until success.
func retried(t *testing.T, client calls.Client, o orphan) (calls.Answer, time.Duration) {
	t.Helper()
	began := time.Now()
	for {
		o.mark.Retry++
		ctx, cancel := context.WithTimeout(t.Context(), takeover)
		a := client.Create(ctx, o.mark, o.name, orphaned)
		cancel()
		switch {
		case a.Verdict == calls.Done:
			return a, time.Since(began)
		case !a.Verdict.Again() || time.Since(began) > takeover:
			t.Fatalf("after %.1f s: %s", time.Since(began).Seconds(), a.Said)
		}
		time.Sleep(200 * time.Millisecond)
	}
}

func TestWhatOneReplicaChangedTheOtherShowsAtOnce(t *testing.T) {
	t.Parallel()
	w := build(t, plan{replicas: 2, callers: 1})
	end := time.Now().Add(length(t, 6*time.Second))
	rounds := 0
	for ; time.Now().Before(end); rounds++ {
		here, there := w.replicas[rounds%2], w.replicas[(rounds+1)%2]
		writer, readers := w.rest("c0", here), []calls.Client{w.rest("c0", there), w.grpc("c0", there)}
		if rounds%3 == 0 {
			writer = w.grpc("c0", here)
		}
		name := fmt.Sprintf("n%d_", rounds)
		made := must(t, "create", writer.Create(t.Context(), calls.Mark{}, name, calls.Write{Value: "v", Comment: "1", Scopes: "workers"})).Secrets[0]
		w.shows(readers, made.ID, name, &made)
		changed := must(t, "update", writer.Update(t.Context(), calls.Mark{}, made.ID, calls.Write{Comment: "2"})).Secrets[0]
		if changed.Comment != "2" {
			t.Fatalf("changed to %+v", changed)
		}
		w.shows(readers, made.ID, name, &changed)
		must(t, "delete", writer.Delete(t.Context(), calls.Mark{}, made.ID))
		w.shows(readers, made.ID, name, nil)
	}
	t.Logf("%d secrets were made, changed and deleted", rounds)
}

// shows fails the test unless all readers see the wanted secret, or no secret
// if want is nil.
func (w *world) shows(readers []calls.Client, id, name string, want *calls.Secret) {
	w.t.Helper()
	for _, r := range readers {
		got, list := r.Get(w.t.Context(), calls.Mark{}, id), r.List(w.t.Context(), calls.Mark{}, name)
		if want == nil {
			if got.Verdict != calls.Missing || list.Verdict != calls.Done || len(list.Secrets) != 0 {
				w.t.Fatalf("%T shows a deleted secret: %s %+v, %s %+v", r, got.Said, got.Secrets, list.Said, list.Secrets)
			}
			continue
		}
		if len(must(w.t, "get", got).Secrets) != 1 || got.Secrets[0] != *want {
			w.t.Fatalf("%T gets %+v, want %+v", r, got.Secrets, *want)
		}
		if len(must(w.t, "list", list).Secrets) != 1 || list.Secrets[0] != *want {
			w.t.Fatalf("%T lists %+v, want %+v", r, list.Secrets, *want)
		}
	}
}
