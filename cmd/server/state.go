package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"go.uber.org/zap"

	"platform.internal/storekeeper/internal/config"
	"platform.internal/storekeeper/internal/records"
	"platform.internal/storekeeper/internal/records/bolt"
	"platform.internal/storekeeper/internal/records/valkey"
	"platform.internal/storekeeper/internal/telemetry"
)

// state is what outlives a process: the intents and answers of changes.
type state struct {
	records.Store

	// own is the same store where one process has it to itself, in a file.
	own *bolt.Store
	// shared is the same store where replicas share it, and nil where one
	// process has it to itself.
	shared *valkey.Store
	// key keys the digests of requests.
	key []byte
	// fresh says that nothing was kept before, as far as the files show.
	fresh bool
}

// openState opens the store that the configuration names.
func openState(ctx context.Context, c config.Idempotency, log *zap.Logger) (*state, error) {
	if c.Store == config.StoreValkey {
		return openShared(ctx, c, log)
	}
	return openOwn(c, log)
}

// openOwn opens the file of a state that one process has to itself.
func openOwn(c config.Idempotency, log *zap.Logger) (*state, error) {
	keys := &ownKey{name: c.KeyFile, file: c.File, made: c.KeyFile == c.File+".key"}
	if err := keys.read(); err != nil {
		return nil, fmt.Errorf("idempotency.key_file: %w", err)
	}
	own, err := bolt.Open(bolt.Config{File: c.File, Key: keys.of})
	if keys.err != nil {
		return nil, fmt.Errorf("idempotency.key_file: %w", keys.err)
	}
	if err != nil {
		return nil, fmt.Errorf("idempotency.file: %w", err)
	}
	if n := own.Damaged(); n > 0 {
		log.Error("kept answers in the state file are damaged; they are never given, and calls that need them fail with STATE_DAMAGED until they expire",
			zap.Uint64("records", n), zap.String("file", c.File))
	}
	return &state{Store: own, own: own, key: keys.key, fresh: keys.fresh}, nil
}

func openShared(ctx context.Context, c config.Idempotency, log *zap.Logger) (*state, error) {
	key, _, err := readKey(c.KeyFile)
	if err != nil {
		return nil, fmt.Errorf("idempotency.key_file: %w", err)
	}
	at := c.Valkey
	secured, err := valkeyTLS(at)
	if err != nil {
		return nil, err
	}
	store, err := valkey.Open(valkey.Config{
		Address: at.Address, Username: at.Username, Prefix: at.Prefix, TLS: secured,
		Password: func() (string, error) {
			if at.PasswordFile == "" {
				return "", nil
			}
			text, err := os.ReadFile(at.PasswordFile)
			return strings.TrimSpace(string(text)), err
		},
	})
	if err != nil {
		return nil, fmt.Errorf("idempotency.valkey: %w", err)
	}
	// It may be away now; changes wait for it then, and reads go on.
	if durable, err := store.Durable(ctx); err == nil && !durable {
		log.Warn("the Valkey server may forget changes when it stops: set appendonly yes and appendfsync always")
	}
	if err := store.Join(ctx); errors.Is(err, valkey.ErrForm) {
		return nil, errors.Join(fmt.Errorf("idempotency.valkey: %w", err), store.Close())
	}
	return &state{Store: store, shared: store, key: key}, nil
}

func valkeyTLS(at config.Valkey) (*tls.Config, error) {
	if at.TLS != "on" {
		return nil, nil //nolint:nilnil // No TLS is an answer like any other here.
	}
	secured := &tls.Config{MinVersion: tls.VersionTLS12}
	if at.CAFile == "" {
		return secured, nil
	}
	pem, err := os.ReadFile(at.CAFile)
	if err != nil {
		return nil, fmt.Errorf("idempotency.valkey.ca_file: %w", err)
	}
	secured.RootCAs = x509.NewCertPool()
	if !secured.RootCAs.AppendCertsFromPEM(pem) {
		return nil, errors.New("idempotency.valkey.ca_file: holds no certificate")
	}
	return secured, nil
}

// checks are the conditions of being ready.
func (s *state) checks() []telemetry.Check {
	return []telemetry.Check{{Name: "state", Run: s.healthy}}
}

// healthy returns why changes are refused: the files, or the records on the
// server, are not those that this process began with.
func (s *state) healthy(ctx context.Context) error {
	if s.shared != nil {
		return s.shared.Healthy(ctx)
	}
	return s.own.Healthy()
}

// watch shows the condition of the state in the metrics.
func (s *state) watch(metrics *telemetry.Metrics) error {
	shown := telemetry.StoreState{Damaged: func() uint64 { return 0 }, Healthy: func() error {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		return s.healthy(ctx)
	}}
	if s.own != nil {
		shown.Damaged = s.own.Damaged
	}
	return metrics.WatchState(shown)
}
