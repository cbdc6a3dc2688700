package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
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

// longEnough is how long a trail is ill, so that it is tried several times.
const longEnough = 300 * time.Millisecond

// patient is a program whose trail falls ill under load.
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
	// What is about the trail must not be about the state, which lies beside it
	// where nothing is said.
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
	// unnoticed says that changes need not be refused meanwhile: the trail
	// goes on elsewhere.
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

// sufferRemoval keeps a second name of the file, to see what stood in it.
func sufferRemoval(t *testing.T) {
	file := filepath.Join(t.TempDir(), "audit.log")
	p := admit(t, file, inProcess)
	var kept []string
	calls := p.suffer(illness{unnoticed: true, heal: func() {}, strike: func() {
		kept = append(kept, fmt.Sprintf("%s.kept-%d", file, len(kept)))
		must(t, os.Link(file, kept[len(kept)-1]))
		must(t, os.Remove(file))
	}})
	p.stop()
	reckoning{calls: calls, border: p.border, trail: verified(t, append(kept, file)...)}.check(t)
	if code := run(t.Context(), []string{"audit", "verify", file}, terminal{out: &transcript{}, err: &transcript{}}); code == exitOK {
		t.Error("audit verify does not tell that what was removed is missing")
	}
}

// sufferRotation is what logrotate does, told nothing of our file.
func sufferRotation(t *testing.T) {
	file := filepath.Join(t.TempDir(), "audit.log")
	p := admit(t, file, inProcess)
	var rotated []string
	calls := p.suffer(illness{unnoticed: true, heal: func() {}, strike: func() {
		rotated = append(rotated, fmt.Sprintf("%s.%d", file, len(rotated)))
		must(t, os.Rename(file, rotated[len(rotated)-1]))
	}})
	p.stop()
	reckoning{calls: calls, border: p.border, trail: verified(t, append(rotated, file)...)}.check(t)
}

// sufferMove takes the whole folder away and brings it back.
func sufferMove(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "trail")
	must(t, os.Mkdir(folder, 0o700))
	file := filepath.Join(folder, "audit.log")
	p := admit(t, file, inProcess)
	calls := p.suffer(illness{
		strike: func() { must(t, os.Rename(folder, folder+".away")) },
		heal:   func() { must(t, os.Rename(folder+".away", folder)) },
	})
	p.stop()
	reckoning{calls: calls, border: p.border, trail: verified(t, file)}.check(t)
}

// sufferReplacement puts a file of somebody else's in place of ours.
func sufferReplacement(t *testing.T) {
	folder := t.TempDir()
	file := filepath.Join(folder, "audit.log")
	p := admit(t, file, inProcess)
	var kept []string
	calls := p.suffer(illness{unnoticed: true, heal: func() {}, strike: func() {
		kept = append(kept, fmt.Sprintf("%s.kept-%d", file, len(kept)))
		must(t, os.Link(file, kept[len(kept)-1]))
		must(t, os.WriteFile(file+".other", []byte("not a trail\n"), 0o600))
		must(t, os.Rename(file+".other", file))
	}})
	p.stop()
	reckoning{calls: calls, border: p.border, trail: verified(t, append(kept, file)...)}.check(t)
	if aside, err := filepath.Glob(file + ".damaged-*"); err != nil || len(aside) != len(kept) {
		t.Errorf("moved aside: %v %v", aside, err)
	}
}

// sufferFullDisk fills a small file system of its own.
func sufferFullDisk(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "small")
	must(t, os.Mkdir(folder, 0o700))
	// A trail grows by less than a megabyte a second here.
	size := fmt.Sprintf("mode=0700,size=%dm", 64+int(longSeconds(t).Seconds()))
	if said, err := exec.Command("mount", "-t", "tmpfs", "-o", size, "tmpfs", folder).CombinedOutput(); err != nil {
		t.Skipf("no small file system can be mounted here (%s), so no disk was filled", strings.TrimSpace(string(said)))
	}
	t.Cleanup(func() {
		if said, err := exec.Command("umount", folder).CombinedOutput(); err != nil {
			t.Errorf("umount: %v %s", err, said)
		}
	})
	file := filepath.Join(folder, "audit.log")
	p := admit(t, file, inProcess)
	filler := filepath.Join(folder, "filler")
	calls := p.suffer(illness{
		strike: func() { fill(t, filler) },
		heal:   func() { must(t, os.Remove(filler)) },
	})
	p.stop()
	reckoning{calls: calls, border: p.border, trail: verified(t, file)}.check(t)
	if p.out.line("the audit trail cannot be written: changes are refused, and lines wait in the log") == nil || p.out.line("the audit trail can be written again") == nil {
		t.Error("the log tells of neither")
	}
}

func fill(t *testing.T, name string) {
	t.Helper()
	f, err := os.OpenFile(name, os.O_CREATE|os.O_WRONLY, 0o600)
	must(t, err)
	defer f.Close()
	for _, size := range []int{1 << 20, 4 << 10} {
		chunk := make([]byte, size)
		for err = nil; err == nil; _, err = f.Write(chunk) {
		}
		if !errors.Is(err, syscall.ENOSPC) {
			t.Fatal(err)
		}
	}
}

// sufferSilence has the trail on standard output, a pipe whose reader pauses.
func sufferSilence(t *testing.T) {
	from, to, err := os.Pipe()
	must(t, err)
	r := readPausing(t, from, to)
	s := setup{sets: []string{"audit.sink=stdout", "audit.file=", "store.max_wait=900ms"}}
	p := admitWith(t, s, func(p *program, file string, s setup) {
		p.begin(func(ctx context.Context, console terminal) int {
			return run(ctx, p.args(file, s), terminal{out: to, err: console.err})
		})
	})
	t.Cleanup(r.resume) // before the program is stopped, should this fail
	calls := p.suffer(illness{strike: r.pause, heal: r.resume})
	p.stop()
	must(t, to.Close())
	<-r.ended
	reckoning{calls: calls, border: p.border, trail: readTrail(t, r.text.String())}.check(t)
}

// pausingReader reads a pipe to its end, with pauses.
type pausingReader struct {
	text   transcript
	paused atomic.Bool
	ended  chan struct{}
}

func readPausing(t *testing.T, from, to *os.File) *pausingReader {
	t.Helper()
	r := &pausingReader{ended: make(chan struct{})}
	go func() {
		defer close(r.ended)
		buffer := make([]byte, 4<<10)
		for {
			n, err := from.Read(buffer)
			_, _ = r.text.Write(buffer[:n])
			if err != nil {
				return
			}
			for r.paused.Load() {
				time.Sleep(time.Millisecond)
			}
		}
	}()
	t.Cleanup(func() {
		_ = to.Close()
		<-r.ended
		_ = from.Close()
	})
	return r
}

func (r *pausingReader) pause()  { r.paused.Store(true) }
func (r *pausingReader) resume() { r.paused.Store(false) }

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
