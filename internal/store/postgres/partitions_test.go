package postgres_test

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"platform.internal/storekeeper/internal/audit"
	"platform.internal/storekeeper/internal/store/postgres"
	"platform.internal/storekeeper/internal/store/postgrestest"
)

// inOrder checks that the times of lines never decrease.
func inOrder(t *testing.T, server *postgrestest.Server) {
	t.Helper()
	if n := count(t, server, `select count(*) from (
		select at < lag(at) over (order by seq) as back from storekeeper.trail) as t where back`); n != 0 {
		t.Errorf("the times of %d lines go back", n)
	}
}

// filled is how many partitions have lines.
func filled(t *testing.T, server *postgrestest.Server) int {
	t.Helper()
	return count(t, server, "select count(distinct tableoid) from storekeeper.trail")
}

func TestPartitionsFollowTheTimeWhateverTheClocksOfReplicasSay(t *testing.T) {
	t.Parallel()
	server := postgrestest.Start(t, "fsync=off")
	days := newCalendar(20)
	var replicas []*postgres.Store
	for _, ahead := range []time.Duration{0, 20 * time.Minute, -49 * time.Hour} {
		c := config(server, postgrestest.Superuser)
		c.TrailPeriod, c.Now = postgres.Day, days.after(ahead)
		replicas = append(replicas, open(t, c))
	}
	for day := range 4 {
		for i, s := range replicas {
			mustPut(t, s, fmt.Sprint(day, i), "x")
		}
		days.next()
	}
	inOrder(t, server)
	if n := filled(t, server); n < 4 {
		t.Errorf("four days took %d partitions", n)
	}
	verified(t, replicas[1], audit.Mark{})
}

func TestAMissingPartitionFailsNoCommit(t *testing.T) {
	t.Parallel()
	server := postgrestest.Start(t, "fsync=off")
	c, days := config(server, postgrestest.Superuser), newCalendar(20)
	c.TrailPeriod, c.Now, c.Timeout = postgres.Day, days.now, 10*time.Second
	s, other := open(t, c), open(t, c)
	puts := func(s *postgres.Store, key, value string) {
		t.Helper()
		if err := put(s, key, value); err != nil {
			t.Error(err)
		}
	}
	extend := func() {
		t.Helper()
		for _, s := range []*postgres.Store{s, other} {
			if err := postgres.Tidy(s, t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		wantFinding(t, s, "partitions", postgres.OK)
	}
	puts(s, "first", "x")
	wantFinding(t, s, "partitions", postgres.OK)

	// No partitions were created in advance for several days.
	for range 3 {
		days.next()
	}
	wantFinding(t, s, "partitions", postgres.Warning)
	puts(s, "late", "x")
	puts(other, "late", "x")
	extend()

	// The partition known to both replicas was dropped, with its row.
	days.next()
	server.Exec(postgrestest.Superuser, `do $$ declare name text; begin
		select p.name into name from storekeeper.trail_partitions as p order by starts desc limit 1;
		execute 'drop table storekeeper.' || name;
		delete from storekeeper.trail_partitions as p where p.starts = (select max(starts) from storekeeper.trail_partitions);
	end $$`)
	wantFinding(t, s, "partitions", postgres.Warning)
	puts(other, "gone", "x")
	extend()

	// Only the table of the partition was dropped.
	days.next()
	server.Exec(postgrestest.Superuser, `do $$ declare name text; begin
		select p.name into name from storekeeper.trail_partitions as p order by starts desc limit 1;
		execute 'drop table storekeeper.' || name;
	end $$`)
	puts(s, "table gone", "x")
	extend()

	// Only the row of the partition was deleted.
	days.next()
	server.Exec(postgrestest.Superuser, "delete from storekeeper.trail_partitions where starts = (select max(starts) from storekeeper.trail_partitions)")
	puts(s, "row gone", "x")
	verified(t, s, audit.Mark{})
	if n := filled(t, server); n != 5 {
		t.Errorf("lines of five days are in %d partitions", n)
	}

	// The loss of a partition with lines is different.
	server.Exec(postgrestest.Superuser, `do $$ declare name text; begin
		select p.name into name from storekeeper.trail_partitions as p where first = 1;
		execute 'drop table storekeeper.' || name;
	end $$`)
	wantFinding(t, s, "partitions", postgres.Failed)
}

func TestReplicasMakePartitionsTogether(t *testing.T) {
	t.Parallel()
	server := postgrestest.Start(t, "fsync=off")
	c, days := config(server, postgrestest.Superuser), newCalendar(20)
	c.TrailPeriod, c.Now = postgres.Day, days.now
	replicas := []*postgres.Store{open(t, c), open(t, c), open(t, c), open(t, c)}
	for day := range 5 {
		days.next()
		days.next()
		var group sync.WaitGroup
		for i, s := range replicas {
			group.Go(func() {
				if i == 0 {
					if err := postgres.Tidy(s, t.Context()); err != nil {
						t.Error(err)
					}
				}
				if err := put(s, fmt.Sprint(day, i), "x"); err != nil {
					t.Error(err)
				}
			})
		}
		group.Wait()
	}
	inOrder(t, server)
	verified(t, replicas[0], audit.Mark{})
	if n := filled(t, server); n != 5 {
		t.Errorf("lines of five days are in %d partitions", n)
	}
}

func TestAnotherPeriodAppliesToPartitionsThatAreNotMadeYet(t *testing.T) {
	t.Parallel()
	server := postgrestest.Start(t, "fsync=off")
	c, days := config(server, postgrestest.Superuser), newCalendar(400)
	c.Now = days.now
	for i, period := range []postgres.Period{postgres.Month, postgres.Day, postgres.Month, postgres.Day} {
		c.TrailPeriod = period
		s := open(t, c)
		for day := range 40 {
			if day%5 == 0 {
				mustPut(t, s, fmt.Sprint(i, day), "x")
			}
			days.next()
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if n := count(t, server, `select count(*) from storekeeper.trail_partitions as a join storekeeper.trail_partitions as b
		on a.name < b.name and a.ends > b.starts`); n != 0 {
		t.Errorf("%d partitions overlap", n)
	}
	inOrder(t, server)
	verified(t, open(t, c), audit.Mark{})
}

func TestAPartitionIsArchivedWhileOthersReadAndWriteTheTrail(t *testing.T) {
	t.Parallel()
	server := postgrestest.Start(t, "fsync=off")
	s, c, _ := partitioned(t, server, "storekeeper")
	all, err := s.Partitions(t.Context())
	if err != nil || !all[0].Full {
		t.Fatalf("%+v (%v)", all, err)
	}
	// A transaction that has read the trail keeps the partition from leaving.
	reader := begin(t, server, "select count(*) from storekeeper.trail")
	archived := make(chan error, 1)
	go func() { archived <- s.Archive(t.Context(), all[0].Name) }()
	detaching(t, server)
	other := open(t, c)
	for i := range 20 {
		mustPut(t, other, fmt.Sprint("meanwhile", i), "x")
	}
	select {
	case err := <-archived:
		t.Fatalf("the reader kept nobody waiting (%v)", err)
	default:
	}
	if _, err := reader.Exec(t.Context(), "commit"); err != nil {
		t.Fatal(err)
	}
	if err := <-archived; err != nil {
		t.Fatal(err)
	}
}

func TestATrailOfTheFutureIsBroughtBackAsDocumented(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../../docs/postgres.md")
	if err != nil {
		t.Fatal(err)
	}
	_, text, _ := strings.Cut(string(page), "TestATrailOfTheFutureIsBroughtBackAsDocumented runs it -->\n```sql\n")
	text, _, found := strings.Cut(text, "```")
	if !found {
		t.Fatal("docs/postgres.md does not say how")
	}
	server := postgrestest.Start(t, "fsync=off")
	for name, when := range map[string]struct {
		daysAgo int64
		filled  int
	}{"same_day": {20, 2}, "three_days_later": {17, 3}} {
		t.Run(name, func(t *testing.T) {
			c, days := config(server, postgrestest.Superuser), newCalendar(20)
			c.Schema, c.TrailPeriod, c.Now = name, postgres.Day, days.now
			s := open(t, c)
			tidy := func() {
				t.Helper()
				if err := postgres.Tidy(s, t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			mustPut(t, s, "before", "x")
			days.back.Store(5)
			mustPut(t, s, "ahead", "x")
			days.back.Store(when.daysAgo)
			mustPut(t, s, "still ahead", "x")
			tidy()
			wantFinding(t, s, "partitions", postgres.Warning)
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			repair := strings.ReplaceAll(text, "search_path = storekeeper", "search_path = "+name)
			server.Exec(postgrestest.Superuser, strings.ReplaceAll(repair, "now()", "timestamptz '"+days.now().Add(time.Hour).Format(time.RFC3339)+"'"))

			s = open(t, c)
			mustPut(t, s, "after", "x")
			tidy()
			wantFinding(t, s, "partitions", postgres.OK)
			days.next()
			mustPut(t, s, "the next day", "x")
			tidy()
			wantFinding(t, s, "partitions", postgres.OK)
			verified(t, s, audit.Mark{})
			for text, want := range map[string]int{
				"select count(distinct tableoid) from " + name + ".trail":                                                        when.filled,
				"select count(*) from (select at < lag(at) over (order by seq) as back from " + name + ".trail) as t where back": 0,
			} {
				if got := count(t, server, text); got != want {
					t.Errorf("%s: got %d, want %d", text, got, want)
				}
			}
		})
	}
}
