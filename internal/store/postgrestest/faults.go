package postgrestest

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Kill ends the server and all its processes by SIGKILL, like a crash, and waits for their end.
func (s *Server) Kill() {
	if s.running == nil {
		return
	}
	// The main process is stopped first, so that it starts no other processes.
	_ = s.running.Process.Signal(syscall.SIGSTOP)
	s.signalChildren(syscall.SIGKILL)
	_ = s.running.Process.Kill()
	<-s.ended
	s.running = nil
}

// Stop shuts the server down in order: it ends all sessions and flushes all data.
func (s *Server) Stop() {
	if s.running == nil {
		return
	}
	_ = s.running.Process.Signal(syscall.SIGINT)
	<-s.ended
	s.running = nil
}

// Restart runs the server again with the same data and address, and waits until it responds. A
// running server is killed first.
func (s *Server) Restart() {
	s.t.Helper()
	s.Kill()
	// The shared memory of a killed server is in use until all its processes have ended.
	for begun := time.Now(); time.Since(begun) < startWait; <-time.After(poll) {
		if s.run() {
			return
		}
	}
	s.t.Fatalf("PostgreSQL does not start again:\n%s", s.Log())
}

// Pause stops all processes of the server by SIGSTOP: the connections stay open and silent.
func (s *Server) Pause() {
	s.t.Helper()
	s.signal(syscall.SIGSTOP)
	s.signalChildren(syscall.SIGSTOP)
}

// Resume continues a paused server. It first processes pending requests.
func (s *Server) Resume() {
	s.t.Helper()
	s.signalChildren(syscall.SIGCONT)
	s.signal(syscall.SIGCONT)
}

// ReadOnly makes the server refuse or accept writes, as during a switchover. It applies to open
// connections too.
func (s *Server) ReadOnly(on bool) {
	s.t.Helper()
	s.Exec(Superuser, "alter system set default_transaction_read_only = "+map[bool]string{true: "on", false: "off"}[on],
		"select pg_reload_conf()")
}

// Standby makes a streaming standby of the server, with the same roles and databases. It is removed
// at the end of the test.
func (s *Server) Standby(options ...string) *Server {
	s.t.Helper()
	standby := &Server{t: s.t, bin: s.bin, options: slices.Concat(s.options, options)}
	standby.folder = standby.ownFolder()
	standby.data = filepath.Join(standby.folder, "data")
	standby.Tool("pg_basebackup", "-d", s.URL(Superuser), "-D", standby.data, "-R", "-X", "stream", "-c", "fast", "--no-sync")
	standby.start()
	return standby
}

// InSync waits until a synchronous standby has all data of the server. This is required before a
// promotion: if a session or the server ended during a commit's wait for the standby, the commit
// may be visible before the standby has it.
func (s *Server) InSync() {
	s.t.Helper()
	s.Exec(Superuser, `do $$ declare
		now pg_lsn := pg_current_wal_insert_lsn();
	begin
		for i in 1..3000 loop
			perform pg_stat_clear_snapshot();
			if exists (select from pg_stat_replication where sync_state in ('sync', 'quorum') and flush_lsn >= now) then
				return;
			end if;
			perform pg_sleep(0.01);
		end loop;
		raise exception 'no standby has caught up';
	end $$`)
}

// Promote promotes a standby, and waits until it accepts writes.
func (s *Server) Promote() {
	s.t.Helper()
	s.Exec(Superuser, "select pg_promote(true, 60)")
}

func (s *Server) signal(what os.Signal) {
	s.t.Helper()
	if s.running == nil {
		s.t.Fatal("the server does not run")
	}
	if err := s.running.Process.Signal(what); err != nil {
		s.t.Fatal(err)
	}
}

// signalChildren signals the child processes of the main process, on systems with /proc. On other
// systems they end by themselves after the main process.
func (s *Server) signalChildren(what syscall.Signal) {
	parent := strconv.Itoa(s.running.Process.Pid)
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return
	}
	for _, path := range stats {
		text, err := os.ReadFile(path)
		if err != nil {
			continue // the process has ended
		}
		// The process name is in parentheses and may contain any characters. The state and the
		// parent follow.
		fields := bytes.Fields(text[bytes.LastIndexByte(text, ')')+1:])
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		if err == nil && len(fields) > 1 && string(fields[1]) == parent {
			_ = syscall.Kill(pid, what)
		}
	}
}

// CopyFolder copies the data of a stopped server, including ownership.
func CopyFolder(t testing.TB, from, to string) {
	t.Helper()
	//nolint:gosec // Folders of a test.
	if output, err := exec.CommandContext(context.Background(), "cp", "-a", from, to).CombinedOutput(); err != nil {
		t.Fatalf("cp: %v\n%s", err, output)
	}
}

// Rules replaces the server's connection rules, which are lines of pg_hba.conf.
func (s *Server) Rules(lines ...string) {
	s.t.Helper()
	s.file("pg_hba.conf", strings.Join(lines, "\n")+"\n")
	s.Exec(Superuser, "select pg_reload_conf()")
}

// file writes a file in the server's data folder, owned by the server's account.
func (s *Server) file(name, text string) {
	s.t.Helper()
	path := filepath.Join(s.data, name)
	err := os.WriteFile(path, []byte(text), 0o600)
	if err == nil && s.account != nil {
		err = os.Chown(path, int(s.account.Uid), int(s.account.Gid))
	}
	if err != nil {
		s.t.Fatal(err)
	}
}

// Secure sets the server's certificate and key, and the CA certificates for clients, all as PEM.
func (s *Server) Secure(certificate, key, roots []byte) {
	s.t.Helper()
	for name, text := range map[string][]byte{"server.crt": certificate, "server.key": key, "root.crt": roots} {
		s.file(name, string(text))
	}
	s.Exec(Superuser, "alter system set ssl_ca_file = 'root.crt'", "alter system set ssl = on", "select pg_reload_conf()")
}
