package process

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// waits are the system calls that return when something is on the disk.
const waits = "fsync,fdatasync,sync_file_range,msync,sync,syncfs"

// ErrNoTracer says that system calls cannot be counted here.
var ErrNoTracer = errors.New("strace is not on this machine or may not look at other programs")

// Syncs counts the syncs of the program while do runs. strace traces all
// threads, which slows the program down but does not change its syncs.
func (p *Process) Syncs(ctx context.Context, do func() error) (float64, error) {
	path, err := exec.LookPath("strace")
	if err != nil {
		return 0, errors.Join(ErrNoTracer, err)
	}
	out, err := os.CreateTemp(p.spec.Folder, "strace-")
	if err != nil {
		return 0, err
	}
	defer func() { _ = errors.Join(out.Close(), os.Remove(out.Name())) }()
	tracer := exec.CommandContext(ctx, path, "-f", "-c", "-e", "trace="+waits, "-o", out.Name(), "-p", strconv.Itoa(p.PID()))
	said, err := tracer.StderrPipe()
	if err != nil {
		return 0, err
	}
	if err := tracer.Start(); err != nil {
		return 0, errors.Join(ErrNoTracer, err)
	}
	err = attached(said)
	if err == nil {
		err = do()
	}
	_ = tracer.Process.Signal(syscall.SIGINT) // It writes its sums then.
	_, _ = io.Copy(io.Discard, said)          // Until it has ended.
	_ = tracer.Wait()                         // It ends by the signal, so this is no success.
	if err != nil {
		return 0, err
	}
	text, err := os.ReadFile(out.Name())
	if err != nil {
		return 0, err
	}
	return sumOfCalls(string(text))
}

// attached waits until strace looks at the program.
func attached(said io.Reader) error {
	lines := bufio.NewScanner(said)
	for lines.Scan() {
		if strings.Contains(lines.Text(), " attached") {
			return nil
		}
	}
	return ErrNoTracer
}

// sumOfCalls adds up the column "calls" of strace's summary, which is empty
// without a call.
func sumOfCalls(text string) (float64, error) {
	const column, least = 3, 5
	sum := 0.0
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) < least || !slices.Contains(strings.Split(waits, ","), fields[len(fields)-1]) {
			continue
		}
		n, err := strconv.ParseFloat(fields[column], 64)
		if err != nil {
			return 0, fmt.Errorf("strace's summary has another form than expected: %w", err)
		}
		sum += n
	}
	return sum, nil
}
