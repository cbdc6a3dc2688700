package main

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"platform.internal/storekeeper/internal/emulator"
)

// longRun makes the tests of the trail take this many seconds each.
const longRun = "STOREKEEPER_TRAIL_SECONDS"

// enough is how many calls of a kind must have been seen at each stage.
const enough = 100

// longEnough is the duration of a trail's failure, long enough for several retries.
const longEnough = 300 * time.Millisecond

// patient is a program whose trail fails under load.
type patient struct {
	*program

	border *border
	next   atomic.Int64
	store  string
	secret string
}

// admit starts a program with its trail in a file.
func admit(t *testing.T, auditFile string, start func(*program, string, setup)) *patient {
	t.Helper()
	return admitWith(t, setup{sets: []string{"audit.file=" + auditFile}}, start)
}

func admitWith(t *testing.T, s setup, start func(*program, string, setup)) *patient {
	t.Helper()
	p := &patient{program: &program{t: t, folder: t.TempDir()}}
	// Faults of the trail must not affect the state, which is beside the trail
	// by default.
	state := filepath.Join(p.folder, "state")
	p.border = newBorder(newLogWitness(state))
	s.wrap, s.sets = p.border.wrap, append(s.sets, manyCalls, anyPace, "store.folder="+state)
	p.setup = s
	s.emulator = emulator.Config{Accounts: []emulator.Account{{ID: accountID, SecretLimit: 1 << 20}}}
	p.serveCloudflare(s)
	start(p.program, p.writeConfig(s), s)
	p.arrive()
	made := p.given("secret")
	p.store, p.secret = made.store, made.secret
	return p
}

// inProcess runs the program in the process of the test.
func inProcess(p *program, file string, s setup) {
	p.begin(func(ctx context.Context, console terminal) int { return run(ctx, p.args(file, s), console) })
}

// illness is something that happens to a trail.
type illness struct {
	// strike makes the trail ill, and heal well again.
	strike, heal func()
	// unnoticed says that changes need not be refused: the trail continues in
	// another file.
	unnoticed bool
}

// suffer goes through an illness under load, again and again in a long run.
func (p *patient) suffer(i illness) []loadCall {
	p.t.Helper()
	l := newLoad(p.program, p.store, p.secret, &p.next)
	wait := func(what string, since time.Time, change bool, end callEnd) {
		p.t.Helper()
		p.await(what, func() bool { return l.since(since, change, end) >= enough })
	}
	for over := time.Now().Add(longSeconds(p.t)); ; {
		wait("changes succeed before", time.Now(), true, endOK)
		i.strike()
		struck := time.Now()
		if i.unnoticed {
			wait("changes go on", struck, true, endOK)
		} else {
			wait("changes are refused", struck, true, endRefused)
			p.await("the metric says so", func() bool { return p.metric("storekeeper_audit_healthy 0") })
		}
		wait("reads go on", struck, false, endOK)
		p.await("some time", func() bool { return time.Since(struck) > longEnough })
		i.heal()
		healed := time.Now()
		p.await("a change succeeds after", func() bool { return l.since(healed, true, endOK) > 0 })
		p.t.Logf("well again after %s", time.Since(healed).Round(time.Millisecond))
		wait("changes succeed after", healed, true, endOK)
		p.await("the metric says so", func() bool { return p.metric("storekeeper_audit_healthy 1") })
		if time.Now().After(over) {
			return l.end()
		}
	}
}

func longSeconds(t testing.TB) time.Duration {
	t.Helper()
	given := os.Getenv(longRun)
	if given == "" {
		return 0
	}
	n, err := strconv.Atoi(given)
	if err != nil {
		t.Fatalf("%s must be a whole number: %v", longRun, err)
	}
	return time.Duration(n) * time.Second
}

// verified runs `audit verify` on the files of a trail, oldest first, and reads
// them.
func verified(t *testing.T, files ...string) trailLines {
	t.Helper()
	args := []string{"audit", "verify"}
	var all strings.Builder
	for _, f := range files {
		args = append(args, "--file", f)
		content, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(content)
	}
	var out, problems transcript
	if code := run(t.Context(), args, terminal{out: &out, err: &problems}); code != exitOK {
		t.Errorf("audit verify ended with %d: %s%s", code, &out, &problems)
	}
	return readTrail(t, all.String())
}

func TestAnIllTrailRefusesChangesAndNothingElse(t *testing.T) {
	t.Parallel()
	for name, run := range map[string]func(*testing.T){
		"the file is removed":      sufferRemoval,
		"the file is renamed":      sufferRotation,
		"the folder is moved":      sufferMove,
		"the disk is full":         sufferFullDisk,
		"nobody reads the stream":  sufferSilence,
		"the file is written anew": sufferReplacement,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			run(t)
		})
	}
}

// A pipe could hang whenever it likes, and holds nothing.
func TestAPipeIsNoPlaceForTheTrail(t *testing.T) {
	t.Parallel()
	p := &program{t: t, folder: t.TempDir()}
	p.cfURL = "http://127.0.0.1:1"
	file := p.writeConfig(setup{})
	pipe := filepath.Join(p.folder, "pipe")
	must(t, syscall.Mkfifo(pipe, 0o600))
	var out, problems transcript
	code := run(t.Context(), p.args(file, setup{sets: []string{"audit.file=" + pipe}}), terminal{out: &out, err: &problems})
	if code != exitFailed || !strings.Contains(problems.String(), "regular file") {
		t.Errorf("ended with %d: %s", code, &problems)
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
