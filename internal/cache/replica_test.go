package cache_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"testing"
	"time"

	"platform.internal/storekeeper/internal/cache"
	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/scope"
	"platform.internal/storekeeper/internal/upstream"
)

// memory is a log in the process.
type memory struct {
	mu     sync.Mutex
	epoch  int
	events [][]byte
	away   bool
}

var errAway = errors.New("away")

func (m *memory) Append(_ context.Context, _ string, event []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.away {
		return errAway
	}
	m.events = append(m.events, event)
	return nil
}

func (m *memory) Since(_ context.Context, _ string, after cache.LogPosition) ([][]byte, cache.LogPosition, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.away {
		return nil, after, false, errAway
	}
	now := cache.LogPosition(fmt.Sprintf("%d %d", m.epoch, len(m.events)))
	var epoch, number int
	if _, err := fmt.Sscan(string(after), &epoch, &number); err != nil || epoch != m.epoch {
		return nil, now, false, nil
	}
	return m.events[number:], now, true, nil
}

func (m *memory) lose() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.epoch++
	m.events = nil
}

func (m *memory) set(away bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.away = away
}

func withLog(log cache.ChangeLog) func(*cache.Config) {
	return func(c *cache.Config) { c.Log = log }
}

func TestAReplicaSeesWhatAnotherWrote(t *testing.T) {
	for _, c := range changes {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			store := w.store("s")
			log := &memory{}
			one, _ := w.cache(withLog(log))
			two, _ := w.cache(withLog(log))
			made := secrets(t, one, store, "A", "B", "C")
			for range 2 {
				names(t, one, store)
				names(t, two, store)
			}
			must(t, c.do(t.Context(), one, store, made))
			w.costs(listSecrets, 0, func() {
				if got := shown(t, two, store); got != c.want {
					t.Errorf("the other shows %s, want %s", got, c.want)
				}
				if got := shown(t, one, store); got != c.want {
					t.Errorf("the writer shows %s, want %s", got, c.want)
				}
			})
		})
	}
}

// TestWhatAReplicaHasShownStays lets one replica discover a change that was made without the cache.
func TestWhatAReplicaHasShownStays(t *testing.T) {
	reads := map[string]func(t *testing.T, by *client, store, id string){
		"in a listing": func(t *testing.T, by *client, store, _ string) {
			_, err := by.ListSecrets(scope.WithFresh(t.Context()), all(store))
			must(t, err)
		},
		"in one secret": func(t *testing.T, by *client, store, id string) {
			if _, err := by.GetSecret(scope.WithFresh(t.Context()), secret(store, id)); kindOf(err) != fault.NotFound {
				t.Errorf("got %v", err)
			}
		},
		"in a list that was handed on": func(t *testing.T, by *client, store, _ string) {
			p := all(store)
			p.PerPage, p.Order = 1, "status"
			_, err := by.ListSecrets(t.Context(), p)
			must(t, err)
		},
	}
	for name, read := range reads {
		for _, first := range []bool{false, true} {
			t.Run(name+", first listing "+strconv.FormatBool(first), func(t *testing.T) {
				w := newWorld(t)
				store := w.store("s")
				log := &memory{}
				one, _ := w.cache(withLog(log))
				two, _ := w.cache(withLog(log))
				made := secrets(t, w.direct, store, "A", "B")
				names(t, one, store)
				if !first {
					names(t, two, store)
				}
				_, err := w.direct.DeleteSecret(t.Context(), secret(store, made[0].ID))
				must(t, err)
				read(t, two, store, made[0].ID)
				if got := names(t, one, store); got != "[B]" {
					t.Errorf("the other shows %s", got)
				}
			})
		}
	}
}

func TestFirstListingsThatAgreeCostNothing(t *testing.T) {
	w := newWorld(t)
	store := w.store("s")
	secrets(t, w.direct, store, "A", "B")
	log := &memory{}
	one, _ := w.cache(withLog(log))
	two, _ := w.cache(withLog(log))
	w.costs(listSecrets, 2, func() {
		for range 3 {
			names(t, one, store)
			names(t, two, store)
		}
	})
}

// TestWhatIsAcknowledgedShowsEverywhere: the other replica does not notice that the log was
// unavailable to the first replica.
func TestWhatIsAcknowledgedShowsEverywhere(t *testing.T) {
	w := newWorld(t)
	store := w.store("s")
	log := &memory{}
	one, announcing := w.cache(withLog(log))
	two, _ := w.cache(withLog(log))
	names(t, one, store)
	names(t, two, store)
	log.set(true)
	secrets(t, one, store, "A")
	log.set(false)
	announcing.Announce(t.Context())
	if got := names(t, two, store); got != "[A]" {
		t.Errorf("the other replica shows %s", got)
	}
	w.costs(listSecrets, 0, func() {
		announcing.Announce(t.Context())
		names(t, two, store)
	})
}

// TestWhoCouldNotBeToldLooksAnew: the replica's own changes during the outage of the log may be
// missing in the log.
func TestWhoCouldNotBeToldLooksAnew(t *testing.T) {
	w := newWorld(t)
	store := w.store("s")
	log := &memory{}
	one, _ := w.cache(withLog(log))
	two, _ := w.cache(withLog(log))
	names(t, one, store)
	names(t, two, store)
	log.set(true)
	names(t, two, store)
	secrets(t, one, store, "A")
	log.set(false)
	w.clock.move(2 * time.Second)
	if got := names(t, two, store); got != "[A]" {
		t.Errorf("the other replica shows %s", got)
	}
}

func TestALogOfAnotherForm(t *testing.T) {
	w := newWorld(t)
	store := w.store("s")
	log := &memory{}
	client, _ := w.cache(withLog(log))
	names(t, client, store)
	secrets(t, w.direct, store, "A")
	must(t, log.Append(t.Context(), "", []byte("{")))
	if got := names(t, client, store); got != "[A]" {
		t.Errorf("got %s", got)
	}
}

func TestALargeEventSaysOnlyThatThereIsSomething(t *testing.T) {
	w := newWorld(t)
	store := w.store("s")
	log := &memory{}
	one, _ := w.cache(withLog(log))
	two, _ := w.cache(withLog(log))
	names(t, two, store)
	text := fmt.Sprintf("%60000d", 1)
	wanted := []upstream.NewSecret{}
	for _, name := range []string{"A", "B"} {
		wanted = append(wanted, upstream.NewSecret{Name: name, Value: "v", Scopes: []string{"dex"}, Comment: &text})
	}
	_, err := one.CreateSecrets(t.Context(), upstream.CreateSecretsParams{Account: account, StoreID: store, Secrets: wanted})
	must(t, err)
	if got := names(t, two, store); got != "[B A]" {
		t.Errorf("got %s", got)
	}
	for _, e := range log.events {
		if len(e) > 70_000 {
			t.Errorf("an event of %d bytes", len(e))
		}
	}
}

// A search by name finds nothing, and then the secret is created: the search says nothing about the new secret.
func TestASearchDoesNotHideASecretThatWasCreatedAfterIt(t *testing.T) {
	for _, creator := range []string{"the same replica", "the other replica"} {
		t.Run(creator, func(t *testing.T) {
			w := newWorld(t)
			store := w.store("s")
			log := &memory{}
			g, gated := viaGate(w)
			one, _ := w.cache(withLog(log), gated)
			two, _ := w.cache(withLog(log))
			secrets(t, two, store, "A")
			names(t, one, store)
			names(t, two, store)
			by := one
			if creator == "the other replica" {
				by = two
			}
			g.once("ListSecrets", func() { secrets(t, by, store, "B") })
			found, err := one.SecretsNamed(t.Context(), account, store, []string{"B"}, cache.Now)
			if err != nil || len(found) != 0 {
				t.Fatalf("found %v, %v", found, err)
			}
			for name, replica := range map[string]*client{"the replica that searched": one, "the other replica": two} {
				if got := names(t, replica, store); got != "[B A]" {
					t.Errorf("%s shows %s", name, got)
				}
			}
		})
	}
}
