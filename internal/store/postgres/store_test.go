package postgres_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"

	"go.uber.org/goleak"

	"platform.internal/storekeeper/internal/records"
	"platform.internal/storekeeper/internal/records/recordstest"
	"platform.internal/storekeeper/internal/store"
	"platform.internal/storekeeper/internal/store/postgres"
	"platform.internal/storekeeper/internal/store/postgrestest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// config is that of a store in a database of a test's server.
func config(server *postgrestest.Server, database string) postgres.Config {
	return postgres.Config{Hosts: []string{server.Address()}, Database: database, User: postgrestest.Superuser, Plaintext: true}
}

// open opens a store for the length of the test.
func open(t testing.TB, c postgres.Config) *postgres.Store {
	t.Helper()
	s, err := postgres.Open(context.Background(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestStoreKeepsTheContract(t *testing.T) {
	t.Parallel()
	server := postgrestest.Start(t, "fsync=off")
	var opened atomic.Int64
	recordstest.Contract(t, func(t *testing.T) records.Store {
		return asRecords{open(t, config(server, server.Database(fmt.Sprint("contract", opened.Add(1)))))}
	})
}

// asRecords is a store without its trail and events.
type asRecords struct{ *postgres.Store }

func (s asRecords) Change(ctx context.Context, keys []string, decide records.Decide) error {
	return s.Commit(ctx, keys, func(now map[string]store.Record) (store.Changes, error) {
		found := make(map[string]records.Entry, len(now))
		for key, r := range now {
			found[key] = records.Entry(r)
		}
		changes, err := decide(found)
		all := store.Changes{Records: make(map[string]*store.Record, len(changes))}
		for key, e := range changes {
			all.Records[key] = (*store.Record)(e)
		}
		return all, err
	})
}

func (s asRecords) Get(ctx context.Context, keys ...string) (map[string]records.Entry, error) {
	found, err := s.Store.Get(ctx, keys...)
	all := make(map[string]records.Entry, len(found))
	for key, r := range found {
		all[key] = records.Entry(r)
	}
	return all, err
}

func (s asRecords) Scan(ctx context.Context, prefix string, visit func(string, records.Entry) error) error {
	return s.Store.Scan(ctx, prefix, func(key string, r store.Record) error { return visit(key, records.Entry(r)) })
}
