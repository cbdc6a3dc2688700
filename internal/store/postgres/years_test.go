package postgres_test

import (
	"cmp"
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"

	"platform.internal/storekeeper/internal/audit"
	"platform.internal/storekeeper/internal/store"
	"platform.internal/storekeeper/internal/store/postgres"
	"platform.internal/storekeeper/internal/store/postgrestest"
)

// TestATrailOfManyDaysIsReadByItsPartitions measures the cost of a start, a commit and a read over
// many partitions. STOREKEEPER_POSTGRES_DAYS is the number of days.
func TestATrailOfManyDaysIsReadByItsPartitions(t *testing.T) {
	t.Parallel()
	days, err := strconv.Atoi(cmp.Or(os.Getenv("STOREKEEPER_POSTGRES_DAYS"), "5"))
	if err != nil {
		t.Fatal(err)
	}
	server := postgrestest.Start(t, "fsync=off")
	c, at := config(server, postgrestest.Superuser), newCalendar(int64(days))
	c.TrailPeriod, c.Now, c.Timeout = postgres.Day, at.now, 10*time.Second
	s := open(t, c)
	for day := range days {
		err := s.Commit(t.Context(), nil, func(map[string]store.Record) (store.Changes, error) {
			lines := make([]audit.Record, 9)
			for i := range lines {
				lines[i] = audit.Record{Kind: audit.KindDenial, ID: fmt.Sprint(day, i)}
			}
			return store.Changes{Lines: lines}, nil
		})
		if err != nil {
			t.Fatal(err)
		}
		at.next()
	}
	begun := time.Now()
	again := open(t, c)
	took := time.Since(begun)
	t.Logf("a start over %d partitions took %s", filled(t, server), took)
	mustPut(t, again, "warm", "x")
	const commits = 50
	begun = time.Now()
	for range commits {
		mustPut(t, again, "a", "x")
	}
	t.Logf("a commit took %s", time.Since(begun)/commits)
	begun, lines := time.Now(), 0
	if err := again.Trail(t.Context(), 0, func([]byte) error { lines++; return nil }); err != nil || lines < 10*days {
		t.Fatalf("%d lines (%v)", lines, err)
	}
	took = time.Since(begun)
	t.Logf("%d lines were read in %s, %s a page", lines, took, took/time.Duration(lines/500+1))
	verified(t, again, audit.Mark{})
}
