package main

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"go.uber.org/zap"

	"platform.internal/storekeeper/internal/config"
	"platform.internal/storekeeper/internal/records"
	"platform.internal/storekeeper/internal/records/bolt"
	"platform.internal/storekeeper/internal/records/valkey"
)

// state is what outlives a process: the intents and answers of changes.
type state struct {
	records.Store

	// shared is the same store where replicas share it, and nil where one
	// process has it to itself.
	shared *valkey.Store
	// key keys the digests of requests.
	key []byte
}

// openState opens the store that the configuration names.
func openState(ctx context.Context, c config.Idempotency, log *zap.Logger) (*state, error) {
	if c.Store == config.StoreValkey {
		return openShared(ctx, c, log)
	}
	key, err := stateKey(c)
	if err != nil {
		return nil, err
	}
	own, err := bolt.Open(bolt.Config{File: c.File})
	if err != nil {
		return nil, fmt.Errorf("idempotency.file: %w", err)
	}
	return &state{Store: own, key: key}, nil
}

func openShared(ctx context.Context, c config.Idempotency, log *zap.Logger) (*state, error) {
	key, err := readKey(c.KeyFile)
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

// stateKey reads the key of a store that one process has to itself. One that the
// configuration does not name is made once, beside the store.
func stateKey(c config.Idempotency) ([]byte, error) {
	key, err := readKey(c.KeyFile)
	if errors.Is(err, os.ErrNotExist) && c.KeyFile == c.File+".key" {
		fresh := make([]byte, 32)
		if _, err = rand.Read(fresh); err != nil {
			return nil, err
		}
		if err = keep(c.KeyFile, []byte(hex.EncodeToString(fresh)+"\n")); err == nil {
			key, err = readKey(c.KeyFile)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("idempotency.key_file: %w", err)
	}
	return key, nil
}

// keep writes a new file whole or not at all: a key that was cut short would
// stop every later start.
func keep(name string, text []byte) error {
	f, err := os.CreateTemp(filepath.Dir(name), filepath.Base(name)+".new-")
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	folder, err := os.Open(filepath.Dir(name))
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}

// readKey reads a key of at least 32 bytes.
func readKey(name string) ([]byte, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	key := []byte(strings.TrimSpace(string(text)))
	if len(key) < 32 {
		return nil, fmt.Errorf("%s must hold at least 32 bytes", name)
	}
	return key, nil
}
