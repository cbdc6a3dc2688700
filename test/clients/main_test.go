package clients_test

import (
	"context"
	"fmt"
	"os"
	"testing"

	"platform.internal/storekeeper/test/clients/side"
)

// program is built once for all tests.
var program side.Program

func TestMain(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	folder, err := os.MkdirTemp("", "storekeeper-clients")
	if err == nil {
		defer func() { _ = os.RemoveAll(folder) }()
		program, err = side.Build(context.Background(), "../..", folder)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}
