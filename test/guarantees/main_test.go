package guarantees_test

import (
	"context"
	"flag"
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"

	"platform.internal/storekeeper/test/guarantees/fleet"
)

// seconds names the variable that orders the long form of the tests.
const seconds = "STOREKEEPER_GUARANTEES_SECONDS"

// program is built once for all tests.
var program fleet.Program

func TestMain(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	folder, err := os.MkdirTemp("", "storekeeper-guarantees")
	if err == nil {
		defer func() { _ = os.RemoveAll(folder) }()
		program, err = fleet.Build(context.Background(), "../..", folder)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	if err == nil && !long() {
		// In the short form they wait more than they work. -parallel still counts.
		err = flag.Set("test.parallel", "32")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// long says that the long form was ordered.
func long() bool { return os.Getenv(seconds) != "" }

// length is the duration of a test: the usual time, or the configured time.
func length(t *testing.T, usual time.Duration) time.Duration {
	t.Helper()
	if !long() {
		return usual
	}
	ordered, err := strconv.Atoi(os.Getenv(seconds))
	if err != nil || ordered < 1 {
		t.Fatalf("%s is %q, not a number of seconds", seconds, os.Getenv(seconds))
	}
	return time.Duration(ordered) * time.Second
}
