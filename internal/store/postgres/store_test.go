package postgres_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"platform.internal/storekeeper/internal/store"
	"platform.internal/storekeeper/internal/store/postgres"
	"platform.internal/storekeeper/internal/store/postgrestest"
	"platform.internal/storekeeper/internal/store/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// config configures a store in a database of a test's server. Its timeout is longer than the
// default, for busy machines.
func config(server *postgrestest.Server, database string) postgres.Config {
	return postgres.Config{
		Hosts: []string{server.Address()}, Database: database, User: postgrestest.Superuser, Plaintext: true, Timeout: 5 * time.Second,
	}
}

// quick is config with the default time limit, for tests that have the server
// fail.
func quick(server *postgrestest.Server) postgres.Config {
	c := config(server, postgrestest.Superuser)
	c.Timeout = 0
	return c
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
	storetest.Contract(t, func(t *testing.T) store.Store {
		c := config(server, postgrestest.Superuser)
		c.Schema = fmt.Sprint("contract", opened.Add(1))
		return open(t, c)
	})
}
