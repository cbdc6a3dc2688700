// Package valkeytest runs a real Valkey or Redis server for a test.
//
// It must not know what the test keeps there.
package valkeytest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

const (
	// upWait is how long a server may take to answer, on a machine with much
	// else to do.
	upWait = 20 * time.Second
	poll   = 5 * time.Millisecond
	// starts is how often another port is tried: between choosing a port and
	// listening on it, someone else may have taken it.
	starts = 5
)

// Server is a server of its own for one test, with its data in the test's
// temporary folder and every write synced before it is answered. It ends with
// the test.
type Server struct {
	t       testing.TB
	program string
	folder  string
	address string
	options []string
	running *exec.Cmd
	ended   chan struct{}
}

// Start runs a server and waits until it answers. The test is skipped where none
// is installed. options are further arguments for the server.
func Start(t testing.TB, options ...string) *Server {
	t.Helper()
	program := find()
	if program == "" {
		t.Skip("no valkey-server or redis-server on this machine, so what needs one was not tried")
	}
	s := &Server{t: t, program: program, folder: t.TempDir(), options: options}
	t.Cleanup(s.Kill)
	for range starts {
		s.address = freeAddress(t)
		if s.run() {
			return s
		}
	}
	t.Fatalf("%s does not start:\n%s", program, s.log())
	return nil
}

// Address is its host:port, the same after a restart.
func (s *Server) Address() string { return s.address }

// Kill ends the server by SIGKILL, as a crash does, and waits until it is gone.
func (s *Server) Kill() {
	if s.running == nil {
		return
	}
	// It may be gone already, or be stopped: SIGKILL works on both.
	_ = s.running.Process.Kill()
	<-s.ended
	s.running = nil
}

// Restart runs the server again with its data and at its address, and waits
// until it answers. One that runs is killed first.
func (s *Server) Restart() {
	s.t.Helper()
	s.Kill()
	for range starts {
		if s.run() {
			return
		}
	}
	s.t.Fatalf("%s does not start again:\n%s", s.program, s.log())
}

// Pause stops the server by SIGSTOP: it keeps its connections and is silent.
func (s *Server) Pause() { s.signal(syscall.SIGSTOP) }

// Resume lets a paused server go on. It does first what came meanwhile.
func (s *Server) Resume() { s.signal(syscall.SIGCONT) }

func (s *Server) signal(what os.Signal) {
	s.t.Helper()
	if s.running == nil {
		s.t.Fatal("the server does not run")
	}
	if err := s.running.Process.Signal(what); err != nil {
		s.t.Fatal(err)
	}
}

// run starts the program and tells whether it came up.
func (s *Server) run() bool {
	s.t.Helper()
	host, port, err := net.SplitHostPort(s.address)
	if err != nil {
		s.t.Fatal(err)
	}
	args := append([]string{
		"--port", port, "--bind", host, "--dir", s.folder, "--logfile", filepath.Join(s.folder, "log"),
		"--appendonly", "yes", "--appendfsync", "always", "--save", "",
	}, s.options...)
	//nolint:gosec // A server that is installed on this machine, for a test.
	s.running = exec.CommandContext(context.Background(), s.program, args...)
	if err := s.running.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.ended = make(chan struct{})
	go func(running *exec.Cmd, ended chan<- struct{}) {
		// How it ended is in its log.
		_ = running.Wait()
		close(ended)
	}(s.running, s.ended)
	return s.answers()
}

// answers waits until the server answers. It does not where it ended or never
// came up; it is gone then.
func (s *Server) answers() bool {
	late := time.After(upWait)
	for {
		select {
		case <-s.ended:
			s.Kill()
			return false
		case <-late:
			s.Kill()
			return false
		case <-time.After(poll):
			if s.ping() {
				return true
			}
		}
	}
}

// ping tells whether this very server answers: another test's may have taken the
// port. One that asks for a password answers too; one that loads does not.
func (s *Server) ping() bool {
	dialer := net.Dialer{Timeout: time.Second}
	conn, err := dialer.DialContext(context.Background(), "tcp", s.address)
	if err != nil {
		return false
	}
	defer func() { _ = conn.Close() }()
	if conn.SetDeadline(time.Now().Add(time.Second)) != nil {
		return false
	}
	if _, err := io.WriteString(conn, "PING\r\nINFO server\r\nQUIT\r\n"); err != nil {
		return false
	}
	answer, err := io.ReadAll(conn)
	if err != nil {
		return false
	}
	if bytes.HasPrefix(answer, []byte("-NOAUTH")) {
		return true
	}
	mine := fmt.Appendf(nil, "process_id:%d\r\n", s.running.Process.Pid)
	return bytes.HasPrefix(answer, []byte("+PONG")) && bytes.Contains(answer, mine)
}

// log is what the server wrote.
func (s *Server) log() []byte {
	text, err := os.ReadFile(filepath.Join(s.folder, "log"))
	if err != nil {
		return []byte(err.Error())
	}
	return text
}

// find is the program to run, empty where there is none.
func find() string {
	for _, name := range []string{"valkey-server", "redis-server"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	return ""
}

func freeAddress(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}
