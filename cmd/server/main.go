// Command server is Storekeeper: a gRPC service with a REST facade in front of
// Cloudflare Secrets Store.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"platform.internal/storekeeper/internal/telemetry"
)

// ignoreHangups keeps SIGHUP from ending the process before the files are
// watched and afterwards.
func ignoreHangups() (end func()) {
	held := make(chan os.Signal, 1)
	signal.Notify(held, syscall.SIGHUP)
	return func() { signal.Stop(held) }
}

func main() {
	telemetry.GuardStandardLog(os.Stderr)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], terminal{out: os.Stdout, err: os.Stderr})
	stop()
	os.Exit(code)
}
