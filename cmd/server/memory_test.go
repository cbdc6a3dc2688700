package main

import (
	"bufio"
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
	"google.golang.org/grpc/codes"
)

const (
	// softLimit and hardLimit are the memory limits of deploy/kubernetes, in MiB.
	softLimit = 400
	hardLimit = 512
	// rightlessKey is that of a caller without any right.
	rightlessKey = "sk_rightless-Vb71qM4xT9"
)

// TestAttacksLeaveTheServerWithinItsMemory runs the built program under a hard
// memory limit against unauthenticated clients and callers without rights, while
// a polite caller works. The limit is RLIMIT_DATA, which needs no control groups.
// STOREKEEPER_LIMITS_SECONDS is the duration of each attack.
func TestAttacksLeaveTheServerWithinItsMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes half a minute")
	}
	seconds, err := strconv.Atoi(cmp.Or(os.Getenv("STOREKEEPER_LIMITS_SECONDS"), "1"))
	if err != nil {
		t.Fatal(err)
	}
	p := startConfined(t)
	polite := p.bePolite()
	for _, a := range append(attacks(), greedy()...) {
		t.Run(a.name, func(t *testing.T) {
			q := p.in(t)
			before := polite.served.Load()
			ctx, cancel := context.WithTimeout(t.Context(), time.Duration(seconds)*time.Second)
			defer cancel()
			var all sync.WaitGroup
			for i := range a.workers {
				all.Go(func() {
					for ctx.Err() == nil {
						a.run(ctx, q, i)
					}
				})
			}
			all.Wait()
			if q.ended() {
				t.Fatalf("the server died: %s", q.err)
			}
			// The polite caller may be slow under attack, but must be served.
			q.await("the polite caller is served", func() bool { return polite.served.Load() > before+4 })
			t.Logf("peak memory %d MiB, %d polite calls", p.peak(), polite.served.Load()-before)
			if peak := p.peak(); peak >= softLimit {
				t.Errorf("peak memory is %d MiB", peak)
			}
		})
	}
	polite.stop()
	for _, failed := range polite.failures() {
		t.Errorf("the polite caller: %s", failed)
	}
}

// confined is the built program with a memory limit.
type confined struct {
	*program

	pid atomic.Int64
	// dials counts the connections of attackers.
	dials atomic.Int64
}

func startConfined(t *testing.T) *confined {
	t.Helper()
	s := setup{
		callers: fmt.Sprintf("  - {name: rightless, sha256: %x}", sha256.Sum256([]byte(rightlessKey))),
		policy:  `rules: [{id: polite, actions: ["*"], when: 'principal.name == "` + callerName + `"'}]`,
		sets:    []string{manyCalls, anyPace},
	}
	c := &confined{program: &program{t: t, folder: t.TempDir(), setup: s}}
	path := buildProgram(t)
	c.serveCloudflare(s)
	c.file = c.writeConfig(s)
	c.begin(func(ctx context.Context, console terminal) int {
		cmd := exec.CommandContext(ctx, path, c.args(c.file, s)...)
		cmd.Env = append(os.Environ(), fmt.Sprintf("GOMEMLIMIT=%dMiB", softLimit))
		cmd.Stdout, cmd.Stderr = console.out, console.err
		cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
		if err := cmd.Start(); err != nil {
			say(console.err, "%s", err)
			return exitFailed
		}
		limit := unix.Rlimit{Cur: hardLimit << 20, Max: hardLimit << 20}
		if err := unix.Prlimit(cmd.Process.Pid, unix.RLIMIT_DATA, &limit, nil); err != nil {
			say(console.err, "prlimit: %s", err)
			_ = cmd.Process.Kill()
		}
		c.pid.Store(int64(cmd.Process.Pid))
		_ = cmd.Wait() // its exit code says more
		return cmd.ProcessState.ExitCode()
	})
	c.arrive()
	return c
}

// in is the program for a part of a test.
func (c *confined) in(t testing.TB) *confined {
	q := &confined{program: c.program.in(t)}
	q.pid.Store(c.pid.Load())
	return q
}

func (c *confined) ended() bool {
	select {
	case <-c.exited:
		return true
	default:
		return false
	}
}

// peak returns the peak resident memory of the program, in MiB.
func (c *confined) peak() int {
	file, err := os.Open(fmt.Sprintf("/proc/%d/status", c.pid.Load()))
	if err != nil {
		c.t.Fatalf("the server is gone: %v %s", err, c.err)
	}
	defer func() { _ = file.Close() }()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		if text, ok := strings.CutPrefix(lines.Text(), "VmHWM:"); ok {
			kib, err := strconv.Atoi(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(text), "kB")))
			if err != nil {
				c.t.Fatal(err)
			}
			return kib >> 10
		}
	}
	c.t.Fatal("the kernel does not tell the peak")
	return 0
}

// politeCaller works while others attack.
type politeCaller struct {
	served atomic.Int64
	cancel context.CancelFunc
	all    sync.WaitGroup

	mu     sync.Mutex
	failed []string
}

// bePolite makes reads and changes over both protocols until the end, each with
// the timeout of a usual client.
func (c *confined) bePolite() *politeCaller {
	ctx, cancel := context.WithCancel(context.Background())
	polite := &politeCaller{cancel: cancel}
	c.t.Cleanup(polite.stop)
	w := c.given("secret")
	calls := []func(context.Context, int) error{
		func(ctx context.Context, _ int) error { return c.politeREST(ctx, "GET", "/secrets_store/stores", "") },
		func(ctx context.Context, i int) error {
			return c.politeREST(ctx, "PATCH", "/secrets_store/stores/"+w.store+"/secrets/"+w.secret, fmt.Sprintf(`{"comment":"change %d"}`, i))
		},
		func(ctx context.Context, _ int) error { return c.politeRPC(ctx, "GetUser", `{}`) },
		func(ctx context.Context, _ int) error { return c.politeRPC(ctx, "ListStores", `{"account_id":"main"}`) },
	}
	for n, call := range calls {
		polite.all.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				one, done := context.WithTimeout(ctx, patience)
				err := call(one, i)
				done()
				switch {
				case err == nil:
					polite.served.Add(1)
				case ctx.Err() == nil:
					polite.note(fmt.Sprintf("call %d: %v", n, err))
				}
				time.Sleep(50 * time.Millisecond)
			}
		})
	}
	return polite
}

func (p *politeCaller) note(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.failed = append(p.failed, text)
}

func (p *politeCaller) failures() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.failed[:min(len(p.failed), 20)]
}

func (p *politeCaller) stop() {
	p.cancel()
	p.all.Wait()
	http.DefaultClient.CloseIdleConnections()
}

// politeRPC makes a call over gRPC.
func (c *confined) politeRPC(ctx context.Context, rpc, request string) error {
	got := c.call(ctx, rpc, request)
	if got.code == codes.Unavailable {
		return nil
	}
	return got.err
}

func (c *confined) politeREST(ctx context.Context, method, path, body string) error {
	url := c.rest + "/client/v4/accounts/" + accountName + path
	r, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Authorization", "Bearer "+callerKey)
	answer, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		return err
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	// A server that has no room for a moment says so.
	if answer.StatusCode != http.StatusOK && answer.StatusCode != http.StatusServiceUnavailable {
		return errors.Join(err, fmt.Errorf("%s %s", answer.Status, text))
	}
	return err
}
