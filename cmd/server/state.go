package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"time"

	"go.uber.org/zap"

	"platform.internal/storekeeper/internal/audit"
	"platform.internal/storekeeper/internal/config"
	"platform.internal/storekeeper/internal/history"
	"platform.internal/storekeeper/internal/history/fileindex"
	"platform.internal/storekeeper/internal/store"
	"platform.internal/storekeeper/internal/store/file"
	"platform.internal/storekeeper/internal/store/postgres"
	"platform.internal/storekeeper/internal/telemetry"
)

// state is the durable state: the intents and answers of changes, and the audit
// trail.
type state struct {
	store.Store

	// trail takes the audit records of denials and alarms.
	trail *audit.Log
	// own is the same store for one process, in files; nil with a shared store.
	own *file.Store
	// shared is the same store for several replicas; nil with an own store.
	shared *postgres.Store
	// changes finds changes in the trail; nil if the trail is a stream. followed is
	// the same index if the index needs a running task.
	changes  history.Index
	followed *fileindex.Index
	// key keys the digests of requests.
	key []byte
	// fresh says that nothing was kept before, as far as the files show.
	fresh bool
	// commit, if not nil, records the duration of a commit.
	commit func(ctx context.Context, took time.Duration, err error)
	// status returns the state of the store.
	status func() store.Status
}

// Commit commits, and records how long that took.
func (s *state) Commit(ctx context.Context, keys []string, decide store.Decide, lazy ...store.Lazy) error {
	began := time.Now()
	err := s.Store.Commit(ctx, keys, decide, lazy...)
	if s.commit != nil {
		s.commit(ctx, time.Since(began), err)
	}
	return err
}

// openState opens the store that the configuration names.
func openState(ctx context.Context, s settings, log *zap.Logger) (*state, error) {
	if s.config.Store.Kind == config.StorePostgres {
		return openShared(ctx, s, log)
	}
	return openOwn(ctx, s, log)
}

// openOwn opens the files of a state of one process.
func openOwn(ctx context.Context, s settings, log *zap.Logger) (*state, error) {
	c := s.config.Store
	keys := &ownKey{name: c.KeyFile, file: c.Folder, made: c.KeyFile == c.DefaultKeyFile()}
	if err := keys.read(); err != nil {
		return nil, fmt.Errorf("store.key_file: %w", err)
	}
	target, err := trailTarget(s)
	if err != nil {
		return nil, err
	}
	own, err := file.Open(ctx, file.Config{
		Folder: c.Folder, Key: keys.of, Trail: target, MaxSize: int64(c.MaxSize), MaxWait: c.MaxWait, Logger: log.Named("store"), Observe: s.synced,
	})
	if keys.err != nil {
		return nil, fmt.Errorf("store.key_file: %w", keys.err)
	}
	if err != nil {
		return nil, fmt.Errorf("store.folder: %w", err)
	}
	trail, err := newTrail(s.config.Audit, fileTrail{trailOf{own}, own}, c.MaxWait, log)
	if err != nil {
		return nil, errors.Join(err, own.Close())
	}
	kept := &state{Store: own, trail: trail, own: own, key: keys.key, fresh: keys.fresh, commit: s.committed, status: own.Status}
	kept.followTrail(target.Path, log)
	return kept, nil
}

// openShared opens a database that replicas share. If the database is
// unavailable, changes wait and reads continue.
func openShared(ctx context.Context, s settings, log *zap.Logger) (*state, error) {
	c := s.config.Store
	key, _, err := readKey(c.KeyFile)
	if err != nil {
		return nil, fmt.Errorf("store.key_file: %w", err)
	}
	at, err := postgresConfig(s.config, log)
	if err != nil {
		return nil, err
	}
	at.Observe = s.synced
	shared, err := postgres.Open(ctx, at)
	if err != nil {
		return nil, fmt.Errorf("store.postgres: %w", err)
	}
	warnOfLosses(ctx, shared, log)
	trail, err := newTrail(s.config.Audit, trailOf{shared}, c.MaxWait, log)
	if err != nil {
		return nil, errors.Join(err, shared.Close())
	}
	return &state{Store: shared, trail: trail, shared: shared, changes: shared, key: key, commit: s.committed, status: shared.Status}, nil
}

// warnOfLosses logs database settings that risk the loss of changes. It skips
// an unavailable database.
func warnOfLosses(ctx context.Context, shared *postgres.Store, log *zap.Logger) {
	if shared.Healthy(ctx) != nil {
		return
	}
	for _, f := range shared.Doctor(ctx) {
		if f.Level == postgres.Failed {
			log.Warn("the PostgreSQL server is not set up as it must be", zap.String("setting", f.Name), zap.String("found", f.Text), zap.String("fix", f.Fix))
		}
	}
}

// postgresConfig says how the database is reached.
func postgresConfig(c *config.Config, log *zap.Logger) (postgres.Config, error) {
	at := c.Store.Postgres
	auditKey, err := auditKey(c.Audit.KeyFile)
	if err != nil {
		return postgres.Config{}, err
	}
	secured, err := postgresTLS(at)
	if err != nil {
		return postgres.Config{}, err
	}
	to := postgres.Config{
		Hosts: at.Hosts, Database: at.Database, Schema: at.Schema, User: at.User, TLS: secured, Plaintext: at.TLS == "off",
		AuditKey: auditKey, MemoryFile: at.MemoryFile, Timeout: c.Store.MaxWait, Logger: log.Named("store"),
		TrailPeriod: postgres.Period(c.Audit.Partition),
	}
	if at.PasswordFile != "" {
		to.Password = postgres.PasswordFile(at.PasswordFile)
	}
	return to, nil
}

// postgresTLS returns how connections are secured, nil for the default.
func postgresTLS(at config.Postgres) (*tls.Config, error) {
	if at.TLS == "off" || at.CAFile == "" && at.CertFile == "" {
		return nil, nil //nolint:nilnil // The default is an answer like any other here.
	}
	secured := &tls.Config{MinVersion: tls.VersionTLS12}
	if at.CAFile != "" {
		pem, err := os.ReadFile(at.CAFile)
		if err != nil {
			return nil, fmt.Errorf("store.postgres.ca_file: %w", err)
		}
		secured.RootCAs = x509.NewCertPool()
		if !secured.RootCAs.AppendCertsFromPEM(pem) {
			return nil, errors.New("store.postgres.ca_file: holds no certificate")
		}
	}
	if at.CertFile != "" {
		// Read for each handshake, so that a renewed certificate is used.
		secured.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			pair, err := tls.LoadX509KeyPair(at.CertFile, at.KeyFile)
			return &pair, err
		}
	}
	return secured, nil
}

// Close ends the trail, and then the store.
func (s *state) Close() error {
	var err error
	if s.trail != nil {
		err = s.trail.Close()
	}
	if s.followed != nil {
		err = errors.Join(err, s.followed.Close())
	}
	return errors.Join(err, s.Store.Close())
}

// checks are the conditions of being ready.
func (s *state) checks() []telemetry.Check {
	return []telemetry.Check{{Name: "state", Run: s.Healthy}}
}

// watch shows the condition of the state in the metrics.
func (s *state) watch(metrics *telemetry.Metrics) error {
	shown := telemetry.StoreState{Damaged: func() uint64 { return 0 }, Healthy: func() error {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		return s.Healthy(ctx)
	}}
	shown.Epoch = func() (string, uint64) {
		now := s.status()
		return now.ID, now.Commit
	}
	if s.own != nil {
		shown.Damaged = s.own.Damaged
	}
	return metrics.WatchStore(shown)
}
