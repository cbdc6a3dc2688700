package side

import (
	"context"
	"os/exec"
	"regexp"
	"sync"
	"testing"
	"time"
)

// Mortal is Storekeeper with a configuration file. A test kills the process,
// and a new process starts on the same files.
type Mortal struct {
	t       testing.TB
	program Program
	args    []string

	mu   sync.Mutex
	life *life
	over bool
}

// life is one process.
type life struct {
	cmd   *exec.Cmd
	out   *output
	ended chan struct{}
	// served is closed when address is known; it stays open if the process ends
	// before.
	served  chan struct{}
	address string
}

// Mortal starts Storekeeper with a configuration file, until the end of the
// test.
func (p Program) Mortal(t testing.TB, file string) *Mortal {
	t.Helper()
	m := &Mortal{t: t, program: p, args: append([]string{"serve", "--config", file}, anyPort()...)}
	m.begin()
	t.Cleanup(func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.over = true
		m.life.end()
	})
	return m
}

// Kill ends the process as a power cut would, and starts the next.
func (m *Mortal) Kill() {
	m.mu.Lock()
	m.life.end()
	m.mu.Unlock()
	m.begin()
}

// Address waits until Storekeeper serves, and gives host and port of its REST
// listener. It returns "" if the context ends before.
func (m *Mortal) Address(ctx context.Context) string {
	for {
		m.mu.Lock()
		l := m.life
		m.mu.Unlock()
		select {
		case <-l.served:
			return l.address
		case <-ctx.Done():
			return ""
		case <-time.After(time.Millisecond):
			// The process may have been replaced by another.
		}
	}
}

// begin starts a process.
func (m *Mortal) begin() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.over {
		return
	}
	found := make(chan string, 1)
	l := &life{
		out:   &output{pattern: regexp.MustCompile(`"rest":"(127\.0\.0\.1:\d+)"`), found: found},
		ended: make(chan struct{}), served: make(chan struct{}),
	}
	l.cmd = exec.Command(m.program.path, m.args...)
	l.cmd.Stdout, l.cmd.Stderr = l.out, l.out
	if err := l.cmd.Start(); err != nil {
		m.t.Errorf("starting Storekeeper: %v", err)
		m.over = true
		close(l.ended)
		m.life = l
		return
	}
	go func() {
		defer close(l.ended)
		// The loss of a process that was not killed shows in every call.
		_ = l.cmd.Wait()
	}()
	go func() {
		select {
		case l.address = <-found:
			close(l.served)
		case <-l.ended:
		}
	}()
	m.life = l
}

// end kills the process and waits for its end.
func (l *life) end() {
	if l.cmd.Process != nil {
		_ = l.cmd.Process.Kill() // it may be gone
	}
	<-l.ended
}

// Log returns the last output of the running process.
func (m *Mortal) Log() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.life.out.lastLines(20)
}
