package main

import (
	"context"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// nobody is the user of the program if root runs the tests, so that file modes
// apply.
const nobody = 65534

// built is the program as a separate process.
type built struct {
	path string
	// as is the user of the process. 0: the user of the test.
	as uint32
	// process is the running process.
	process atomic.Pointer[os.Process]
	killed  atomic.Bool
}

func buildProgram(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "server")
	if said, err := exec.Command("go", "build", "-o", path, ".").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v %s", err, said)
	}
	return path
}

// start runs the program until the test ends.
func (b *built) start(p *program, file string, s setup) {
	p.begin(func(ctx context.Context, console terminal) int {
		cmd := exec.CommandContext(ctx, b.path, p.args(file, s)...)
		cmd.Stdout, cmd.Stderr = console.out, console.err
		cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
		cmd.WaitDelay = patience
		if b.as != 0 {
			cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: b.as, Gid: b.as}}
		}
		if err := cmd.Start(); err != nil {
			say(console.err, "%s", err)
			return exitFailed
		}
		b.process.Store(cmd.Process)
		_ = cmd.Wait() // its exit code says more
		if b.killed.Load() {
			return exitOK
		}
		return cmd.ProcessState.ExitCode()
	})
}

func TestTheTrailOfTheBuiltProgram(t *testing.T) {
	t.Parallel()
	path := buildProgram(t)
	t.Run("survives that the program is killed", func(t *testing.T) {
		t.Parallel()
		surviveKills(t, path)
	})
	t.Run("falls ill when its folder is closed to the program", func(t *testing.T) {
		t.Parallel()
		sufferClosedFolder(t, path)
	})
}

// surviveKills kills the program under load and restarts it on the same files,
// repeatedly in a long run.
func surviveKills(t *testing.T, path string) {
	file := filepath.Join(t.TempDir(), "audit.log")
	first := &built{path: path}
	p := admit(t, file, first.start)
	// With the state of the last process, because a trail without its state counts as a loss.
	state := "store.folder=" + filepath.Join(p.folder, "state")
	s, config := setup{sets: []string{"audit.file=" + file, manyCalls, anyPace, state}}, filepath.Join(p.folder, "config.yaml")
	over := time.Now().Add(longSeconds(t))
	var calls []loadCall
	for lives, life := 0, first; lives < 2 || time.Now().Before(over); lives++ {
		l := newLoad(p.program, p.store, p.secret, &p.next)
		begun := time.Now()
		p.await("changes succeed", func() bool { return l.since(begun, true, endOK) >= enough })
		life.killed.Store(true)
		must(t, life.process.Load().Kill())
		<-p.exited
		p.awaitLost(t, l, begun)
		calls = append(calls, l.end()...)
		verified(t, file)

		life = &built{path: path}
		next := &program{t: t, folder: p.folder, cf: p.cf, cfURL: p.cfURL}
		life.start(next, config, s)
		next.arrive()
		p.program = next
	}
	next := newLoad(p.program, p.store, p.secret, &p.next)
	begun := time.Now()
	p.await("changes succeed after", func() bool { return next.since(begun, true, endOK) >= enough })
	calls = append(calls, next.end()...)
	p.stop()
	reckoning{calls: calls, border: p.border, trail: verified(t, file), killed: true}.check(t)
}

// awaitLost waits until the clients have seen that the program is gone.
func (p *patient) awaitLost(t *testing.T, l *load, since time.Time) {
	t.Helper()
	late := time.After(patience)
	for l.since(since, true, endLost) == 0 {
		select {
		case <-late:
			t.Fatal("no call was lost")
		case <-time.After(time.Millisecond):
		}
	}
}

// sufferClosedFolder takes away the right to enter the folder.
func sufferClosedFolder(t *testing.T, path string) {
	folder := filepath.Join(t.TempDir(), "trail")
	must(t, os.Mkdir(folder, 0o700))
	file := filepath.Join(folder, "audit.log")
	b := &built{path: path}
	if os.Geteuid() == 0 {
		b.as = nobody
		letIn(t, path)
		letIn(t, folder)
		must(t, os.Chown(folder, nobody, nobody))
		probe := exec.Command(path, "version")
		probe.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
		if err := probe.Run(); err != nil {
			t.Skipf("no other user can run a program from here (%v), and root enters every folder", err)
		}
	}
	p := admit(t, file, func(p *program, config string, s setup) {
		if b.as != 0 {
			letIn(t, config)
			give(t, p.folder)
		}
		b.start(p, config, s)
	})
	calls := p.suffer(illness{
		strike: func() { must(t, os.Chmod(folder, 0)) },
		heal:   func() { must(t, os.Chmod(folder, 0o700)) },
	})
	p.stop()
	reckoning{calls: calls, border: p.border, trail: verified(t, file)}.check(t)
}

// letIn makes the folder of the test accessible for all users.
func letIn(t *testing.T, path string) {
	t.Helper()
	must(t, os.Chmod(filepath.Dir(filepath.Dir(path)), 0o711))
}

// give makes everything below a folder nobody's.
func give(t *testing.T, folder string) {
	t.Helper()
	must(t, filepath.WalkDir(folder, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(path, nobody, nobody)
	}))
}
