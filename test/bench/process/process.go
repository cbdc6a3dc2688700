// Package process starts and stops the programs under test, and reads their
// resource usage.
//
// It must not know the purpose of the programs.
package process

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// Spec is how a program is started.
type Spec struct {
	// Name is the name in messages.
	Name string
	// Path is the executable, Args are the arguments.
	Path string
	Args []string
	// Folder is the working folder, which also has the output.
	Folder string
	// Env is put before the environment of this process.
	Env []string
	// Ready returns nil when the program answers. It is called every half millisecond.
	Ready func(context.Context) error
	// Patience is the time limit until the program is ready; 0 is 30 seconds.
	Patience time.Duration
}

// Process is a program that runs.
type Process struct {
	spec  Spec
	cmd   *exec.Cmd
	ended chan struct{}
	// ToReady is the time from exec to the first good answer.
	ToReady time.Duration
}

const (
	// pollEvery is the interval of readiness checks at a start.
	pollEvery = 500 * time.Microsecond
	// stopAfter is how long a program may take to end by itself.
	stopAfter = 10 * time.Second
)

// Start starts a program and waits for its readiness.
func Start(ctx context.Context, s Spec) (*Process, error) {
	out, err := os.Create(filepath.Join(s.Folder, s.Name+".out"))
	if err != nil {
		return nil, err
	}
	defer func() { _ = out.Close() }()
	// The command does not use the context, because Stop ends the process in order.
	cmd := exec.Command(s.Path, s.Args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = s.Folder, out, out
	cmd.Env = append(os.Environ(), s.Env...)
	p := &Process{spec: s, cmd: cmd, ended: make(chan struct{})}
	began := time.Now()
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", s.Name, err)
	}
	go func() {
		defer close(p.ended)
		_ = cmd.Wait() // How it ended does not matter: it ends when it is told to.
	}()
	if err := p.await(ctx); err != nil {
		p.Stop()
		return nil, fmt.Errorf("%s is not ready: %w\n%s", s.Name, err, p.tail())
	}
	p.ToReady = time.Since(began)
	return p, nil
}

// await asks until the program is ready.
func (p *Process) await(ctx context.Context) error {
	patience := p.spec.Patience
	if patience == 0 {
		patience = 30 * time.Second
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		last := p.spec.Ready(ctx)
		if last == nil {
			return nil
		}
		select {
		case <-p.ended:
			return errors.New("it ended at once")
		case <-ctx.Done():
			return last
		case <-tick.C:
		}
	}
}

// Stop ends the program, with SIGKILL after a timeout.
func (p *Process) Stop() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.ended:
	case <-time.After(stopAfter):
		_ = p.cmd.Process.Kill()
		<-p.ended
	}
}

// tail returns the end of the program's output.
func (p *Process) tail() string {
	const most = 2000
	text, err := os.ReadFile(filepath.Join(p.spec.Folder, p.spec.Name+".out"))
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-most):])
}

// FreeAddress returns a loopback address that was free a moment ago.
func FreeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String(), nil
}
