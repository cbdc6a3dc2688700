package main

import (
	"context"
	"errors"
	"flag"
	"net"
	"net/http"
	"time"

	"platform.internal/storekeeper/internal/config"
	"platform.internal/storekeeper/internal/emulator"
)

// emulatorLimits are Cloudflare's limits that can be changed for a test.
type emulatorLimits struct {
	stores, secrets, calls int
	window, block          time.Duration
	activateAfter          time.Duration
}

func (l *emulatorLimits) register(flags *flag.FlagSet) {
	flags.IntVar(&l.stores, "store-limit", 1, "how many stores an account may have")
	flags.IntVar(&l.secrets, "secret-limit", 100, "how many secrets an account may have")
	flags.IntVar(&l.calls, "call-limit", 1200, "how many calls a credential may make in a window; 0 is no limit")
	flags.DurationVar(&l.window, "call-window", 5*time.Minute, "how long such a window is")
	flags.DurationVar(&l.block, "call-block", 5*time.Minute, "how long a credential is blocked that made a call too many")
	flags.DurationVar(&l.activateAfter, "activate-after", 500*time.Millisecond, "how long a new secret stays pending; 0s is not at all")
}

func (l *emulatorLimits) config(accounts []config.Account) emulator.Config {
	c := emulator.Config{RateLimit: &emulator.RateLimit{Requests: l.calls, Window: l.window, Block: l.block}, RequestLogLimit: 100, ActivateAfter: l.activateAfter}
	if c.ActivateAfter == 0 {
		c.ActivateAfter = -1 // To the emulator, 0 is its default.
	}
	for _, a := range accounts {
		c.Accounts = append(c.Accounts, emulator.Account{ID: a.ID, Name: a.Name, StoreLimit: l.stores, SecretLimit: l.secrets})
	}
	return c
}

// runEmulator runs the emulator until ctx ends.
func runEmulator(ctx context.Context, args []string, t terminal) error {
	var limits emulatorLimits
	var tokens stringList
	flags := flag.NewFlagSet("emulator", flag.ContinueOnError)
	address := flags.String("listen", "127.0.0.1:8787", "the `address` to listen on")
	account := flags.String("account", config.DevAccount, "the `id` of the account that exists")
	flags.Var(&tokens, "token", "an API `token` that is accepted; may be repeated; without one, any is")
	limits.register(flags)
	if err := parse(flags, args, t); err != nil {
		return err
	}
	c := limits.config([]config.Account{{ID: *account, Name: "dev"}})
	c.Tokens = tokens
	if err := c.Validate(); err != nil {
		return usageError{err.Error()}
	}
	listener, err := net.Listen("tcp", *address)
	if err != nil {
		return listenError("--listen", *address, err)
	}
	stop := serveEmulator(listener, c)
	say(t.out, "The emulator of Cloudflare Secrets Store serves account %s at http://%s/client/v4 and takes %s.\n", *account, listener.Addr(), accepted(tokens))
	<-ctx.Done()
	stop(ctx)
	return nil
}

// accepted describes the accepted tokens of an emulator, without their values.
func accepted(tokens stringList) string {
	if len(tokens) == 0 {
		return "any token"
	}
	return "the tokens given"
}

// serveEmulator serves an emulator and returns a function that stops it.
func serveEmulator(listener net.Listener, c emulator.Config) func(context.Context) {
	srv := &http.Server{Handler: emulator.New(c), ReadHeaderTimeout: 10 * time.Second}
	done := make(chan struct{})
	go func() {
		defer close(done)
		// Serve fails only if the listener is closed, which the returned
		// function does.
		if err := srv.Serve(listener); err != nil && !errors.Is(err, http.ErrServerClosed) {
			_ = srv.Close()
		}
	}()
	return func(context.Context) {
		_ = srv.Close()
		<-done
	}
}
