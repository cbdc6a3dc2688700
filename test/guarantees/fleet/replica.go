package fleet

import (
	"context"
	"encoding/json"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

const (
	startTime = 30 * time.Second
	stopTime  = 20 * time.Second
	// terminateTime is longer, because the store that an ending replica needs may be unavailable.
	terminateTime = 60 * time.Second
)

// Replica is one running program. It can be killed and restarted with its
// files, on new addresses.
type Replica struct {
	t       testing.TB
	program Program
	folder  string
	config  string
	env     []string
	// shared says that the trail is in a database.
	shared bool

	mu   sync.Mutex
	life *life
}

// life is one process of a replica.
type life struct {
	cmd   *exec.Cmd
	out   *output
	rest  string
	admin string
	conn  *grpc.ClientConn
	ended chan struct{}
	// meant says that the end was ordered.
	meant bool
}

// Start runs a replica for the length of the test. It fails the test if the
// process ends unexpectedly.
func (p Program) Start(t testing.TB, s Settings) *Replica {
	t.Helper()
	folder := t.TempDir()
	r := &Replica{t: t, program: p, folder: folder, config: filepath.Join(folder, "storekeeper.yaml"), env: s.Env, shared: len(s.Postgres) > 0}
	s.write(t, folder, r.config)
	t.Cleanup(r.stop)
	r.Restart()
	return r
}

// REST returns the base URL of the replica, as in http://127.0.0.1:8080. A
// restart changes the URL.
func (r *Replica) REST() string { return r.current().rest }

// GRPC returns the connection to the replica. A restart changes the connection.
func (r *Replica) GRPC() *grpc.ClientConn { return r.current().conn }

func (r *Replica) current() *life {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.life
}

// Kill sends SIGKILL and waits for the end of the process.
func (r *Replica) Kill() {
	r.mu.Lock()
	l := r.life
	l.meant = true
	r.mu.Unlock()
	_ = l.cmd.Process.Kill() // It may be gone already.
	<-l.ended
}

// Terminate sends SIGTERM and waits for the end of the process. It fails the test
// if that takes too long or the exit code is not 0.
func (r *Replica) Terminate() {
	r.mu.Lock()
	l := r.life
	l.meant = true
	r.mu.Unlock()
	_ = l.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-l.ended:
	case <-time.After(terminateTime):
		_ = l.cmd.Process.Kill()
		<-l.ended
		r.t.Errorf("the program did not end within %s of SIGTERM:\n%s", terminateTime, l.out.last(20))
	}
}

// Pause stops the replica by SIGSTOP: its connections stay open.
func (r *Replica) Pause() { r.signal(syscall.SIGSTOP) }

// Resume lets a paused replica go on.
func (r *Replica) Resume() { r.signal(syscall.SIGCONT) }

func (r *Replica) signal(s os.Signal) {
	if err := r.current().cmd.Process.Signal(s); err != nil {
		r.t.Errorf("%s: %v", s, err)
	}
}

// Restart starts the replica again after Kill.
func (r *Replica) Restart() {
	r.t.Helper()
	l := &life{out: newOutput(), ended: make(chan struct{})}
	args := []string{
		"serve", "--config", r.config,
		"--set", "listen.rest=127.0.0.1:0", "--set", "listen.grpc=127.0.0.1:0", "--set", "listen.admin=127.0.0.1:0",
	}
	l.cmd = exec.CommandContext(context.Background(), r.program.path, args...)
	l.cmd.Stdout, l.cmd.Stderr = l.out, l.out
	l.cmd.Env = append(os.Environ(), r.env...)
	if err := l.cmd.Start(); err != nil {
		r.t.Fatal(err)
	}
	go func() {
		defer close(l.ended)
		_ = l.cmd.Wait() // How it ended is looked at where that matters.
	}()
	select {
	case at := <-l.out.serving:
		l.rest, l.admin = "http://"+at.REST, "http://"+at.Admin
		l.conn = r.dial(at.GRPC)
	case <-l.ended:
		r.t.Fatalf("the program ended at once:\n%s", l.out.last(20))
	case <-time.After(startTime):
		_ = l.cmd.Process.Kill()
		r.t.Fatalf("the program did not say where it listens:\n%s", l.out.last(20))
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.life = l
}

// dial connects without a backoff, because a killed replica returns on another
// address.
func (r *Replica) dial(address string) *grpc.ClientConn {
	r.t.Helper()
	conn, err := grpc.NewClient("passthrough:///"+address, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, address string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", address)
		}))
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// Log returns the last lines that the replica printed.
func (r *Replica) Log(lines int) string { return r.current().out.last(lines) }

// stop ends the replica in order.
func (r *Replica) stop() {
	r.mu.Lock()
	l := r.life
	r.mu.Unlock()
	if l == nil {
		return
	}
	select {
	case <-l.ended:
		if !l.meant {
			r.t.Errorf("the program ended during the test:\n%s", l.out.last(20))
		}
		return
	default:
	}
	if r.t.Failed() {
		r.t.Logf("the end of the program's log:\n%s", l.out.last(30))
	}
	_ = l.cmd.Process.Signal(os.Interrupt)
	_ = l.cmd.Process.Signal(syscall.SIGCONT) // A test that failed may have left it paused.
	select {
	case <-l.ended:
	case <-time.After(stopTime):
		_ = l.cmd.Process.Kill()
		<-l.ended
		r.t.Errorf("the program did not end within %s:\n%s", stopTime, l.out.last(20))
	}
}

// addresses are the listen addresses of a program.
type addresses struct {
	Msg   string `json:"msg"`
	REST  string `json:"rest"`
	GRPC  string `json:"grpc"`
	Admin string `json:"admin"`
}

// output keeps the output of a program, and reports when it serves.
type output struct {
	serving chan addresses

	mu   sync.Mutex
	text []byte
	told bool
}

// maxOutput is how much of the end of an output is kept.
const maxOutput = 4 << 20

func newOutput() *output { return &output{serving: make(chan addresses, 1)} }

// Write stores output of the program.
func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.text = append(o.text, b...)
	if !o.told {
		o.look()
	}
	if len(o.text) > maxOutput {
		o.text = append([]byte(nil), o.text[len(o.text)-maxOutput/2:]...)
	}
	return len(b), nil
}

func (o *output) look() {
	for line := range strings.Lines(string(o.text)) {
		var at addresses
		if json.Unmarshal([]byte(line), &at) == nil && at.Msg == "serving" {
			o.told = true
			o.serving <- at
			return
		}
	}
}

func (o *output) last(n int) string {
	o.mu.Lock()
	defer o.mu.Unlock()
	lines := strings.Split(strings.TrimSpace(string(o.text)), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
