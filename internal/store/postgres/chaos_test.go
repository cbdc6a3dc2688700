package postgres_test

import (
	"cmp"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"platform.internal/storekeeper/internal/store/postgres"
	"platform.internal/storekeeper/internal/store/postgrestest"
)

// TestChaosLosesAndDoublesNothing has three replicas, each behind a network that
// cuts and stalls commits, while the server is killed, paused, made read-only and
// ends sessions. STOREKEEPER_POSTGRES_SECONDS is for how long.
func TestChaosLosesAndDoublesNothing(t *testing.T) {
	t.Parallel()
	seconds, err := strconv.Atoi(cmp.Or(os.Getenv("STOREKEEPER_POSTGRES_SECONDS"), "3"))
	if err != nil {
		t.Fatal(err)
	}
	server := postgrestest.Start(t)
	stores := make([]*postgres.Store, 3)
	days := newCalendar(1000)
	for i := range stores {
		p := startProxy(t, server.Address(), func() verdict {
			if rand.IntN(50) > 0 {
				return pass
			}
			return []verdict{cutBefore, cutAfter, cutAtAnswer, stall}[rand.IntN(4)]
		})
		c := quick(server)
		// Partitions of the trail begin during the test, at a different time for each replica.
		c.Hosts, c.TrailPeriod, c.Now = []string{p.address()}, postgres.Day, days.after(time.Duration(i)*time.Second)
		stores[i] = open(t, c)
	}
	faults := []func(){
		server.Restart,
		func() {
			server.Pause()
			<-time.After(time.Duration(rand.IntN(2500)) * time.Millisecond)
			server.Resume()
		},
		func() {
			server.ReadOnly(true)
			<-time.After(time.Duration(rand.IntN(500)) * time.Millisecond)
			server.ReadOnly(false)
		},
		func() {
			server.Exec(postgrestest.Superuser, "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'storekeeper'")
		},
		func() { // another transaction has the next number, and is rolled back
			server.Exec(postgrestest.Superuser, "set search_path = storekeeper", `do $$ begin
				insert into receipts (mark, commit) select gen_random_uuid(), max(commit) + 1 from receipts;
				perform pg_sleep(0.5);
				raise exception 'undone';
			exception when others then null;
			end $$`)
		},
	}
	l := newLedger()
	l.while(t, writers, func() {
		for begun := time.Now(); time.Since(begun) < time.Duration(seconds)*time.Second && !t.Failed(); {
			faults[rand.IntN(len(faults))]()
			days.next()
			l.more(t, 50)
		}
	}, stores...)
	l.check(t, open(t, config(server, postgrestest.Superuser)))
}
