package postgres_test

import (
	"slices"
	"testing"

	"platform.internal/storekeeper/internal/store"
	"platform.internal/storekeeper/internal/store/postgres"
	"platform.internal/storekeeper/internal/store/postgrestest"
)

// reader follows a topic.
type reader struct {
	t     *testing.T
	store *postgres.Store
	topic string
	at    store.Position
}

func (r *reader) add(topic string, events ...string) {
	r.t.Helper()
	err := r.store.Commit(r.t.Context(), nil, func(map[string]store.Record) (c store.Changes, _ error) {
		for _, e := range events {
			c.Events = append(c.Events, store.Event{Topic: topic, Data: []byte(e)})
		}
		return c, nil
	})
	if err != nil {
		r.t.Fatal(err)
	}
}

// wants reads on.
func (r *reader) wants(complete bool, events ...string) {
	r.t.Helper()
	got, now, all, err := r.store.Events(r.t.Context(), r.topic, r.at)
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

func TestEvents(t *testing.T) {
	t.Parallel()
	server := postgrestest.Start(t, "fsync=off")
	c := config(server, postgrestest.Superuser)
	one := &reader{t: t, store: open(t, c), topic: "a"}
	two := &reader{t: t, store: open(t, c), topic: "a"}
	one.wants(false)
	one.wants(true)
	two.wants(false)
	one.add("a", "1")
	two.add("a", "b\x00\xff", "")
	two.add("b", "of another topic")
	one.wants(true, "1", "b\x00\xff", "")
	one.wants(true)
	two.wants(true, "1", "b\x00\xff", "")
	for _, bad := range []store.Position{"x", "1", "1 zz", "-1 00000000000000000000000000000000"} {
		(&reader{t: t, store: two.store, topic: "a", at: bad}).wants(false)
	}
	late := &reader{t: t, store: two.store, topic: "a"}
	late.wants(false)
	late.add("a", "2")
	late.wants(true, "2")
	// Only readers that had not read the deleted events miss them.
	server.Exec(postgrestest.Superuser, "delete from storekeeper.events where id < (select max(id) from storekeeper.events)")
	late.wants(true)
	one.wants(false)
	one.add("a", "3")
	one.wants(true, "3")
	late.wants(true, "3")
	// A store that lost its end and then grew again has different events with the same numbers.
	server.Exec(postgrestest.Superuser, "create table aside as select * from storekeeper.receipts", "create table gone as select * from storekeeper.events")
	one.add("a", "4")
	one.wants(true, "4")
	server.Exec(postgrestest.Superuser, "delete from storekeeper.receipts", "insert into storekeeper.receipts select * from aside",
		"delete from storekeeper.events", "insert into storekeeper.events select * from gone")
	fresh := open(t, c)
	(&reader{t: t, store: fresh}).add("a", "5")
	again := &reader{t: t, store: fresh, topic: "a", at: one.at}
	again.wants(false)
}
