package side

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	startTime = 30 * time.Second
	stopTime  = 10 * time.Second
)

// start runs the program for the length of the test. announced matches the
// address in the output.
func (p Program) start(t testing.TB, args []string, announced string) string {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	out := &output{pattern: regexp.MustCompile(announced), found: make(chan string, 1)}
	cmd := exec.CommandContext(ctx, p.path, args...)
	cmd.Stdout, cmd.Stderr = out, out
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = stopTime
	if err := cmd.Start(); err != nil {
		cancel()
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		// Interrupted at the end of the test; before that, the loss of the
		// process shows in every call.
		_ = cmd.Wait()
	}()
	t.Cleanup(func() {
		select {
		case <-ended:
			t.Errorf("server %s ended during the test:\n%s", args[0], out.lastLines(20))
		default:
		}
		cancel()
		<-ended
	})
	select {
	case address := <-out.found:
		return "http://" + address
	case <-ended:
		t.Fatalf("server %s ended at once:\n%s", strings.Join(args, " "), out.lastLines(20))
	case <-time.After(startTime):
		t.Fatalf("server %s did not say where it listens", strings.Join(args, " "))
	}
	return ""
}

// output keeps the output of a process and reports the first match of a pattern.
type output struct {
	pattern *regexp.Regexp
	found   chan string

	mu   sync.Mutex
	text bytes.Buffer
	told bool
}

// Write stores output of the process.
func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.text.Write(b)
	if o.told {
		return len(b), nil
	}
	if match := o.pattern.FindSubmatch(o.text.Bytes()); match != nil {
		o.told = true
		o.found <- string(match[1])
	}
	return len(b), nil
}

func (o *output) lastLines(n int) string {
	o.mu.Lock()
	defer o.mu.Unlock()
	lines := strings.Split(strings.TrimSpace(o.text.String()), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
