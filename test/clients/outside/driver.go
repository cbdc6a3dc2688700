// Package outside installs and runs clients in other languages, each behind a
// small driver that reads a call and writes its result, one per line. It must
// not know the meaning of a call.
package outside

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"testing"
	"time"

	"platform.internal/storekeeper/test/clients/script"
)

// longestLine is more than any answer takes: 100 secrets with their fields.
const longestLine = 8 << 20

// Driver is a client that runs as a process. It makes one call at a time.
type Driver struct {
	in  io.Writer
	out *bufio.Scanner
}

// Start runs a driver for the length of the test. environment is all that the
// process sees.
func Start(t testing.TB, environment []string, command ...string) *Driver {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Env = environment
	cmd.WaitDelay = 10 * time.Second
	stderr := &bytes.Buffer{}
	cmd.Stderr = stderr
	in, err := cmd.StdinPipe()
	var out io.ReadCloser
	if err == nil {
		out, err = cmd.StdoutPipe()
	}
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		cancel()
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, longestLine)
	t.Cleanup(func() {
		_ = in.Close() // The driver ends when there are no more calls.
		for lines.Scan() {
			t.Errorf("the driver says what nobody asked: %.300s", lines.Text())
		}
		if err := cmd.Wait(); err != nil {
			t.Errorf("the driver: %v\n%s", err, stderr)
		}
		cancel()
	})
	return &Driver{in: in, out: lines}
}

// Do sends a call to the driver and waits for the line with the result.
func (d *Driver) Do(_ context.Context, call script.Call) (script.View, error) {
	line, err := json.Marshal(call)
	if err != nil {
		return nil, err
	}
	if _, err := d.in.Write(append(line, '\n')); err != nil {
		return nil, fmt.Errorf("the driver takes no call: %w", err)
	}
	if !d.out.Scan() {
		return nil, errors.Join(errors.New("the driver gives no answer"), d.out.Err())
	}
	answer := bytes.Clone(d.out.Bytes())
	var gap struct {
		NotOffered bool `json:"not_offered"`
	}
	if err := json.Unmarshal(answer, &gap); err != nil {
		return nil, fmt.Errorf("the driver says %.300s: %w", answer, err)
	}
	if gap.NotOffered {
		return nil, script.ErrNotOffered
	}
	return answer, nil
}
