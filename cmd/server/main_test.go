package main

import (
	"os"
	"testing"

	"go.uber.org/goleak"
)

// TestMain runs the tests or, if the environment says so, the server that the
// chaos tests kill.
func TestMain(m *testing.M) {
	if os.Getenv(chaosServer) != "" {
		os.Exit(runChaosServer())
	}
	goleak.VerifyTestMain(m)
}
