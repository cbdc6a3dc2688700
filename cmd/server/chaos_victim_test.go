package main

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

// victim is one process of the server.
type victim struct {
	cmd    *exec.Cmd
	orders io.WriteCloser
	armed  chan struct{}
	// gone is closed when the process has ended.
	gone chan struct{}
	// hit is the step at which the process killed itself; read it after the end of the process.
	hit string
	// meant says that the end is intended.
	meant atomic.Bool
	// took is the duration of the start.
	took time.Duration

	rest, admin string
	http        *http.Client
	conn        *grpc.ClientConn
}

// birth is how a server is started.
type birth struct {
	config, log string
	sets        []string
	// order is given before anything else.
	order string
	// doom is the time after which the process is killed if it does not serve yet, 0 for never.
	doom time.Duration
}

// bear starts a server and waits until it serves. v is nil if the server was
// killed before, at the ordered step or from outside.
func bear(t testing.TB, b birth) (v *victim, hit string) {
	t.Helper()
	began := time.Now()
	log, err := os.OpenFile(b.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	must(t, err)
	defer log.Close()
	from, to, err := os.Pipe()
	must(t, err)
	self, err := os.Executable()
	must(t, err)
	v = &victim{armed: make(chan struct{}), gone: make(chan struct{})}
	args := append([]string{"--config", b.config}, anyPorts()...)
	for _, set := range b.sets {
		args = append(args, "--set", set)
	}
	v.cmd = exec.Command(self, args...)
	v.cmd.Env = append(os.Environ(), chaosServer+"=1", chaosOrder+"="+b.order)
	v.cmd.Stdout, v.cmd.Stderr, v.cmd.ExtraFiles = log, log, []*os.File{to}
	v.orders, err = v.cmd.StdinPipe()
	must(t, err)
	must(t, v.cmd.Start())
	must(t, to.Close())
	serving := make(chan []string, 1)
	go v.listen(from, serving)
	var doom <-chan time.Time
	if b.doom > 0 {
		doom = time.After(b.doom)
	}
	select {
	case <-doom:
		v.kill()
		_ = v.orders.Close()
		return nil, "from outside"
	case at := <-serving:
		v.connect(t, at)
	case <-v.gone:
		if v.hit == "" {
			t.Fatalf("the server ended before it served: %s\n%s", v.cmd.ProcessState, tail(b.log))
		}
		return nil, v.hit
	case <-time.After(patience):
		v.kill()
		t.Fatalf("the server does not start\n%s", tail(b.log))
	}
	v.took = time.Since(began)
	return v, ""
}

// listen reads the reports of the server until its end.
func (v *victim) listen(from *os.File, serving chan<- []string) {
	for lines := bufio.NewScanner(from); lines.Scan(); {
		switch word, rest, _ := strings.Cut(lines.Text(), " "); word {
		case "serving":
			serving <- strings.Fields(rest)
		case "armed":
			v.armed <- struct{}{}
		case "hit":
			v.hit = rest
		}
	}
	_ = from.Close()
	_ = v.cmd.Wait() // its state says more
	close(v.gone)
}

func (v *victim) connect(t testing.TB, at []string) {
	t.Helper()
	v.rest, v.admin = "http://"+at[0], "http://"+at[2]
	v.http = newClient(&http.Transport{MaxIdleConnsPerHost: 8})
	conn, err := grpc.NewClient(at[1], grpc.WithTransportCredentials(insecure.NewCredentials()))
	must(t, err)
	v.conn = conn
}

// order tells the process to kill itself at an occurrence of a step; "" cancels
// the order. It reports whether the process received the order.
func (v *victim) order(step string, occurrence int) bool {
	if _, err := fmt.Fprintln(v.orders, step, occurrence); err != nil {
		<-v.gone
		return false
	}
	select {
	case <-v.armed:
		return true
	case <-v.gone:
		return false
	}
}

// kill kills the process from outside.
func (v *victim) kill() {
	v.meant.Store(true)
	_ = v.cmd.Process.Signal(syscall.SIGKILL)
	<-v.gone
}

// stop ends the process in order.
func (v *victim) stop(t testing.TB) {
	t.Helper()
	v.meant.Store(true)
	_ = v.orders.Close()
	select {
	case <-v.gone:
	case <-time.After(patience):
		t.Error("the server does not end")
		v.kill()
	}
	if code := v.cmd.ProcessState.ExitCode(); code != exitOK {
		t.Errorf("the server ended with %d", code)
	}
}

// bury closes the pipes of an ended process.
func (v *victim) bury() {
	_ = v.orders.Close()
	v.http.CloseIdleConnections()
	_ = v.conn.Close()
}

// tail is the end of a log.
func tail(file string) string {
	const most = 4000
	text, _ := os.ReadFile(file)
	return string(text[max(0, len(text)-most):])
}
