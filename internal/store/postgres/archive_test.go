package postgres_test

import (
	"errors"
	"strings"
	"testing"

	"platform.internal/storekeeper/internal/audit"
	"platform.internal/storekeeper/internal/store/postgres"
	"platform.internal/storekeeper/internal/store/postgrestest"
)

func TestAPartitionStaysUntilStreamsHaveWrittenIt(t *testing.T) {
	t.Parallel()
	server := postgrestest.Start(t, "fsync=off")
	s, _, _ := partitioned(t, server, "storekeeper")
	all, err := s.Partitions(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	name := all[0].Name
	server.Exec(postgrestest.Superuser, "insert into storekeeper.streams values ('siem', 1), ('left', 0)")
	for _, one := range []struct {
		unused  []string
		missing string
	}{{nil, `"left"`}, {[]string{"left"}, `"siem"`}, {[]string{"siem"}, `"left"`}} {
		err := s.Archive(t.Context(), name, one.unused...)
		if !errors.Is(err, postgres.ErrNotShipped) || !strings.Contains(err.Error(), one.missing) {
			t.Errorf("without %q: got %v, want %s", one.unused, err, one.missing)
		}
	}
	server.Exec(postgrestest.Superuser, "update storekeeper.streams set seq = (select first - 1 from storekeeper.trail_partitions where first > 1 order by first limit 1) where name = 'siem'")
	if err := s.Archive(t.Context(), name, "left"); err != nil {
		t.Error(err)
	}
	if err := s.Archive(t.Context(), all[1].Name, "siem", "left"); err != nil {
		t.Error(err)
	}
}

func TestAnArchiveThatWasInterruptedLeavesTheIndexWhenRepeated(t *testing.T) {
	t.Parallel()
	server := postgrestest.Start(t, "fsync=off")
	s, _, _ := partitioned(t, server, "storekeeper")
	if err := s.CatchUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	all, err := s.Partitions(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	server.Exec(postgrestest.Superuser, "alter table storekeeper.trail detach partition storekeeper."+all[0].Name)
	indexed := func() int {
		return count(t, server, "select count(*) from storekeeper.change_keys where position < "+
			"(select first from storekeeper.trail_partitions where first > 1 order by first limit 1)")
	}
	if indexed() == 0 {
		t.Fatal("the index has no change of the partition")
	}
	if err := s.Archive(t.Context(), all[0].Name); err != nil {
		t.Fatal(err)
	}
	if n := indexed(); n != 0 {
		t.Errorf("the index has %d keys of an archived partition", n)
	}
}

func TestAPartitionThatNothingWasWrittenToCanLeave(t *testing.T) {
	t.Parallel()
	server := postgrestest.Start(t, "fsync=off")
	c, days := config(server, postgrestest.Superuser), newCalendar(20)
	c.TrailPeriod, c.Now = postgres.Day, days.now
	s := open(t, c)
	mustPut(t, s, "a", "x")
	days.next()
	days.next()
	mustPut(t, s, "b", "x")
	if err := postgres.Tidy(s, t.Context()); err != nil {
		t.Fatal(err)
	}
	all, err := s.Partitions(t.Context())
	if err != nil || len(all) != 4 {
		t.Fatalf("%+v (%v)", all, err)
	}
	// The last one is empty too, and records go there later.
	for i, want := range []bool{true, true, false, false} {
		if all[i].Full != want {
			t.Errorf("%s: full is %t", all[i].Name, all[i].Full)
		}
	}
	empty := all[1].Name
	forge := func(statement string) {
		t.Helper()
		server.Exec(postgrestest.Superuser, strings.ReplaceAll(statement, "$", "storekeeper."+empty))
	}
	forge("insert into $ select 1000, starts, 'x' from storekeeper.trail_partitions where first is null order by starts limit 1")
	if err := s.Archive(t.Context(), empty); err == nil {
		t.Error("a partition with lines was taken for empty")
	}
	forge("delete from $")
	if err := s.Archive(t.Context(), empty); err != nil {
		t.Fatal(err)
	}
	if err := s.Drop(t.Context(), empty); err != nil {
		t.Fatal(err)
	}
	days.next()
	mustPut(t, s, "c", "x")
	verified(t, s, audit.Mark{})
}
