// Package postgrestest runs a real PostgreSQL server for a test.
//
// The package does not know the data of the test.
package postgrestest

import (
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"platform.internal/storekeeper/internal/porttest"
)

const (
	// startWait is the maximum time until a server responds, on a busy machine.
	startWait = 30 * time.Second
	poll      = 10 * time.Millisecond
	// startAttempts is the number of ports to try: another process may take a port between its
	// choice and the start of the server.
	startAttempts = 5
	// Superuser is the name of the superuser role. It has no password.
	Superuser = "postgres"
)

// Server is a PostgreSQL server for one test. It is removed at the end of the test.
type Server struct {
	t       testing.TB
	bin     string
	folder  string
	data    string
	port    int
	options []string
	account *syscall.Credential
	running *exec.Cmd
	ended   chan struct{}
}

// Start creates and runs a server with fsync and waits until it responds. The test is skipped if
// PostgreSQL is not installed. options are settings of the form name=value.
func Start(t testing.TB, options ...string) *Server {
	t.Helper()
	bin := find()
	if bin == "" {
		t.Skip("no PostgreSQL server on this machine, so what needs one was not tried")
	}
	s := &Server{t: t, bin: bin, options: options}
	s.folder = s.ownFolder()
	s.data = filepath.Join(s.folder, "data")
	s.Tool("initdb", "-D", s.data, "-U", Superuser, "-A", "trust", "--no-sync", "--no-locale", "-E", "UTF8",
		"--no-instructions", "--wal-segsize=1")
	s.start()
	return s
}

// start chooses a port and runs the server.
func (s *Server) start() {
	s.t.Helper()
	s.t.Cleanup(s.Kill)
	for range startAttempts {
		s.port = porttest.Port(s.t)
		if s.run() {
			return
		}
	}
	s.t.Fatalf("PostgreSQL does not start:\n%s", s.Log())
}

// ownFolder makes a folder that the server's account can use. If root runs the test, only root can
// access the test's own folder.
func (s *Server) ownFolder() string {
	s.t.Helper()
	folder, err := os.MkdirTemp("", "postgrestest")
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = os.RemoveAll(folder) })
	if os.Getuid() != 0 {
		return folder
	}
	s.account = unprivileged(s.t)
	if err := os.Chown(folder, int(s.account.Uid), int(s.account.Gid)); err != nil {
		s.t.Fatal(err)
	}
	return folder
}

// unprivileged is the account that runs the server, which refuses to run as
// root.
func unprivileged(t testing.TB) *syscall.Credential {
	t.Helper()
	for _, name := range []string{"postgres", "nobody"} {
		found, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, uerr := strconv.ParseUint(found.Uid, 10, 32)
		gid, gerr := strconv.ParseUint(found.Gid, 10, 32)
		if err := errors.Join(uerr, gerr); err != nil {
			t.Fatal(err)
		}
		return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	}
	t.Skip("no account but root on this machine, and PostgreSQL does not run as root, so what needs it was not tried")
	return nil
}

// command prepares a program of PostgreSQL.
func (s *Server) command(program string, args ...string) *exec.Cmd {
	//nolint:gosec // A program that is installed on this machine, for a test.
	c := exec.CommandContext(context.Background(), filepath.Join(s.bin, program), args...)
	c.Dir = s.folder
	c.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + s.folder, "LC_ALL=C", "TZ=UTC"}
	c.SysProcAttr = &syscall.SysProcAttr{Credential: s.account}
	return c
}

// Tool runs a PostgreSQL program such as pg_dump and waits for its end.
func (s *Server) Tool(program string, args ...string) {
	s.t.Helper()
	if output, err := s.command(program, args...).CombinedOutput(); err != nil {
		s.t.Fatalf("%s: %v\n%s", program, err, output)
	}
}

// run starts the server and reports whether it responds.
func (s *Server) run() bool {
	s.t.Helper()
	args := []string{"-D", s.data, "-p", strconv.Itoa(s.port), "-k", s.folder}
	for _, o := range append([]string{
		"listen_addresses=127.0.0.1", "max_connections=200", "shared_buffers=32MB", "max_wal_size=256MB", "wal_level=replica",
	}, s.options...) {
		args = append(args, "-c", o)
	}
	log, err := os.OpenFile(filepath.Join(s.folder, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = log.Close() }()
	s.running = s.command("postgres", args...)
	s.running.Stdout, s.running.Stderr = log, log
	if err := s.running.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.ended = make(chan struct{})
	go func(running *exec.Cmd, ended chan<- struct{}) {
		_ = running.Wait() // the log shows how the server ended
		close(ended)
	}(s.running, s.ended)
	return s.answers()
}

// answers waits until the server responds. A server that does not respond is killed.
func (s *Server) answers() bool {
	late := time.After(startWait)
	for {
		select {
		case <-s.ended:
			s.Kill()
			return false
		case <-late:
			s.Kill()
			return false
		case <-time.After(poll):
			if s.ping() == nil {
				return true
			}
		}
	}
}

// ping asks this server by its socket, because another process may have taken the port.
func (s *Server) ping() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, s.URL(Superuser))
	if err != nil {
		return err
	}
	return conn.Close(ctx)
}

// Address is the host:port of the server, the same after a restart.
func (s *Server) Address() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)) }

// URL names a database for the superuser, over the server's socket.
func (s *Server) URL(database string) string {
	return "host=" + s.folder + " port=" + strconv.Itoa(s.port) + " user=" + Superuser + " dbname=" + database + " sslmode=disable"
}

// Data is the folder of the server's data.
func (s *Server) Data() string { return s.data }

// Log returns the server's log.
func (s *Server) Log() string {
	text, err := os.ReadFile(filepath.Join(s.folder, "log"))
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// Exec runs statements in a database as the superuser, each in a separate transaction.
func (s *Server) Exec(database string, statements ...string) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), startWait)
	defer cancel()
	conn, err := pgx.Connect(ctx, s.URL(database))
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = conn.Close(ctx) }()
	for _, text := range statements {
		if _, err := conn.Exec(ctx, text); err != nil {
			s.t.Fatalf("%s: %v", text, err)
		}
	}
}

// Database creates an empty database and returns the name.
func (s *Server) Database(name string) string {
	s.t.Helper()
	s.Exec(Superuser, "create database "+pgx.Identifier{name}.Sanitize())
	return name
}

// find returns the folder of PostgreSQL's programs, or "" if PostgreSQL is not installed.
func find() string {
	if path, err := exec.LookPath("postgres"); err == nil {
		// initdb is in the same folder as the program, not as a link to the program.
		if path, err = filepath.EvalSymlinks(path); err == nil && installed(filepath.Dir(path)) {
			return filepath.Dir(path)
		}
	}
	folders, err := filepath.Glob("/usr/lib/postgresql/*/bin")
	for i := len(folders) - 1; err == nil && i >= 0; i-- {
		if installed(folders[i]) {
			return folders[i]
		}
	}
	return ""
}

func installed(folder string) bool {
	_, err := os.Stat(filepath.Join(folder, "initdb"))
	return err == nil
}
