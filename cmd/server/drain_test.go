package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
)

// drained calls a draining program. On a busy machine the delay may end before the calls. Then the test
// is repeated with a longer delay.
func drained(t *testing.T, calls func(p *program) []string) *program {
	t.Helper()
	for delay := 5 * time.Second; ; delay *= 4 {
		p := start(t, setup{sets: []string{"listen.drain_delay=" + delay.String()}})
		complaints := calls(p)
		switch {
		case p.out.line("stopping") == nil:
			for _, text := range complaints {
				t.Error(text)
			}
			return p
		case delay > time.Minute:
			t.Fatal("the delay was over before the calls")
		}
	}
}

func TestADrainFailsReadinessFirstAndServesOn(t *testing.T) {
	t.Parallel()
	p := drained(t, func(p *program) (complaints []string) {
		w := p.given("store")
		p.cancel()
		p.await("readiness fails", func() bool {
			code, body := p.page("/readyz")
			return code == http.StatusServiceUnavailable && strings.HasPrefix(body, `{"status":"draining",`)
		})
		// Both over new connections.
		conn := dial(t, p.grpc)
		if told, err := healthv1.NewHealthClient(conn).Check(t.Context(), &healthv1.HealthCheckRequest{}); err != nil || told.GetStatus() != healthv1.HealthCheckResponse_NOT_SERVING {
			complaints = append(complaints, fmt.Sprintf("grpc.health.v1: %v %v", told, err))
		}
		p.http.CloseIdleConnections()
		body := strings.NewReader(`[{"name":"LATE","value":"v","scopes":["workers"]}]`)
		if got, err := p.try(t.Context(), "POST", "stores/"+w.store+"/secrets", body); err != nil || got.status != http.StatusOK {
			complaints = append(complaints, fmt.Sprintf("a change over REST: %d %s %v", got.status, got.body, err))
		}
		q := *p
		q.conn = conn
		if got := q.call(t.Context(), "ListSecrets", `{"account_id":"main","store_id":"`+w.store+`"}`); got.code != codes.OK {
			complaints = append(complaints, fmt.Sprintf("a read over gRPC: %v", got.err))
		}
		return complaints
	})
	if code := p.stop(); code != exitOK {
		t.Errorf("exit code %d", code)
	}
	if p.out.line("draining") == nil || p.out.line("calls were cut off at the end of the grace") != nil {
		t.Errorf("the log: %s", p.out)
	}
}

// A connection that is kept alive never asks the balancer again.
func TestADrainEndsTheConnectionsThatAreKeptAlive(t *testing.T) {
	t.Parallel()
	client := &http.Client{Transport: &http.Transport{MaxConnsPerHost: 1}}
	defer client.CloseIdleConnections()
	drained(t, func(p *program) (complaints []string) {
		closes := func() bool {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, p.rest+"/client/v4/accounts/"+accountID+"/secrets_store/stores", nil)
			must(t, err)
			r.Header.Set("Authorization", "Bearer "+callerKey)
			got, err := client.Do(r)
			if err != nil {
				complaints = append(complaints, err.Error())
				return true
			}
			if _, err = io.Copy(io.Discard, got.Body); err != nil || got.Body.Close() != nil || got.StatusCode != http.StatusOK {
				complaints = append(complaints, fmt.Sprintf("status %d, %v", got.StatusCode, err))
			}
			return got.Close
		}
		if closes() {
			complaints = append(complaints, "the connection ends before the drain")
		}
		p.cancel()
		p.await("the drain begins", func() bool { return p.out.line("draining") != nil })
		p.await("an answer ends its connection", closes)
		return complaints
	})
}

// The program runs as a process, to test its reaction to signals.
func TestSignalsEndTheBuiltProgramInOrder(t *testing.T) {
	t.Parallel()
	path := buildProgram(t)
	for name, end := range map[string]os.Signal{"TERM": syscall.SIGTERM, "INT": os.Interrupt} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			folder := t.TempDir()
			p := &program{t: t}
			var process *os.Process
			begun := make(chan struct{})
			p.begin(func(_ context.Context, console terminal) int {
				cmd := exec.Command(path, append([]string{"dev"}, anyPorts()...)...)
				cmd.Env = append(os.Environ(), "TMPDIR="+folder)
				cmd.Stdout, cmd.Stderr = console.out, console.err
				err := cmd.Start()
				process = cmd.Process
				close(begun)
				if err != nil {
					return exitFailed
				}
				_ = cmd.Wait() // its exit code says more
				return cmd.ProcessState.ExitCode()
			})
			<-begun
			// At once, and while it serves: SIGHUP never ends the program.
			p.await("its folder", func() bool { return len(left(t, folder)) > 0 })
			must(t, process.Signal(syscall.SIGHUP))
			p.await("the welcome", func() bool { return strings.Contains(p.out.String(), "Ctrl-C") })
			must(t, process.Signal(syscall.SIGHUP))
			p.await("SIGHUP is heard", func() bool { return p.err.line("SIGHUP: all watched files were read again") != nil })
			must(t, process.Signal(end))
			<-p.exited
			if p.code != exitOK || p.err.line("draining") == nil || p.err.line("stopped") == nil {
				t.Errorf("exit code %d: %s", p.code, p.err)
			}
			if files := left(t, folder); len(files) > 0 {
				t.Errorf("left in TMPDIR: %v", files)
			}
		})
	}
}

// left lists the files in a folder.
func left(t *testing.T, folder string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "*"))
	if err != nil {
		t.Fatal(err)
	}
	return files
}
