package postgres_test

import (
	"context"
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"platform.internal/storekeeper/internal/audit"
	"platform.internal/storekeeper/internal/store"
	"platform.internal/storekeeper/internal/store/postgres"
	"platform.internal/storekeeper/internal/store/postgrestest"
)

// count asks the server for a number.
func count(t *testing.T, server *postgrestest.Server, text string) (n int) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), server.URL(postgrestest.Superuser))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	if err := conn.QueryRow(t.Context(), text).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestWhatHasEndedIsDeleted(t *testing.T) {
	t.Parallel()
	server := postgrestest.Start(t, "fsync=off")
	c := config(server, postgrestest.Superuser)
	days := newCalendar(20)
	c.TrailPeriod, c.Now = postgres.Day, days.now
	s := open(t, c)
	follower := &reader{t: t, store: s, topic: "a"}
	follower.wants(false)
	for i := range 8 {
		err := s.Commit(t.Context(), []string{strconv.Itoa(i)}, func(map[string]store.Record) (store.Changes, error) {
			r := &store.Record{Value: []byte("x")}
			if i%2 == 0 {
				r.Expires = time.Now().Add(-time.Minute)
			}
			return store.Changes{
				Records: map[string]*store.Record{strconv.Itoa(i): r},
				Events:  []store.Event{{Topic: "a", Data: []byte("x")}},
				Lines:   []audit.Record{{Kind: audit.KindIntent, ID: "x"}},
			}, nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	behind := *follower
	follower.wants(true, "x", "x", "x", "x", "x", "x", "x", "x")
	server.Exec(postgrestest.Superuser,
		"update storekeeper.receipts set made_at = made_at - interval '1 day' where commit <= 5",
		"insert into storekeeper.receipts (mark, made_at) values (gen_random_uuid(), now() - interval '1 day'), (gen_random_uuid(), now())",
		"update storekeeper.events set made_at = made_at - interval '1 day'")
	for range 3 {
		days.next()
	}
	if err := postgres.Tidy(s, t.Context()); err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]int{
		"select count(*) from storekeeper.records":                                         4,
		"select count(*) from storekeeper.receipts where commit is null":                   1,
		"select coalesce(min(commit), 0)::int from storekeeper.receipts":                   5,
		"select count(*) from storekeeper.events":                                          1,
		"select count(*) from pg_inherits where inhparent = 'storekeeper.trail'::regclass": 4,
	} {
		if got := count(t, server, text); got != want {
			t.Errorf("%s: got %d, want %d", text, got, want)
		}
	}
	if err := s.Healthy(t.Context()); err != nil {
		t.Error(err)
	}
	follower.wants(true)
	behind.wants(false)
	for i := range 30 {
		mustPut(t, s, fmt.Sprint("more/", i), "x")
	}
	verified(t, s, audit.Mark{})
}
