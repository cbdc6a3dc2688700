package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"syscall"

	"go.uber.org/zap"

	"platform.internal/storekeeper/internal/authz"
	"platform.internal/storekeeper/internal/config"
	"platform.internal/storekeeper/internal/store/postgres"
)

// listeners opens and closes a listener at each address.
func (d *doctor) listeners(l config.Listen) {
	for _, door := range []struct{ name, address string }{{"listen.rest", l.REST}, {"listen.grpc", l.GRPC}, {"listen.admin", l.Admin}} {
		opened, err := net.Listen("tcp", door.address)
		if err == nil {
			err = opened.Close()
		}
		d.report(door.name, err, door.address+" can be listened on", listenFix(door.name, err))
	}
}

func listenFix(key string, err error) string {
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return "stop the process that listens there, or choose another port: --set " + key + "=HOST:PORT; beside a running Storekeeper, give port 0"
	case errors.Is(err, syscall.EACCES):
		return "choose a port from 1024 on, or give the process the capability CAP_NET_BIND_SERVICE"
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return "choose an address of this machine, such as 0.0.0.0 or 127.0.0.1"
	}
	return "correct " + key + ": it must be HOST:PORT with an address of this machine"
}

// policy reads the rules and runs their tests, as serve does at the start.
func (d *doctor) policy(c config.Policy) {
	_, file, err := authz.ReadFile(c.File)
	switch {
	case err != nil:
		d.fail("policy", err, "mend the rules or the tests that are named; server policy test --policy FILE repeats this check")
	case len(file.Rules) == 0:
		d.warn("policy", "there are no rules, so every call is denied", "write rules; docs/rights.md says how")
	case len(file.Tests) == 0:
		d.warn("policy", fmt.Sprintf("%d rules without a test", len(file.Rules)), "add tests to the file: decisions that you expect of the rules")
	default:
		d.ok("policy", fmt.Sprintf("%d rules, %d tests pass", len(file.Rules), len(file.Tests)))
	}
}

// trail checks the audit file.
func (d *doctor) trail(c config.Audit) {
	switch c.Sink {
	case config.AuditStdout:
		d.ok("audit", "the trail goes to standard output")
		return
	case config.AuditStore:
		d.ok("audit", "the trail goes to the store")
		return
	}
	d.checkAppendable("audit", c.File, "audit.file")
}

// state checks the store of the records.
func (d *doctor) state(ctx context.Context, c *config.Config) {
	if c.Store.Kind == config.StoreFile {
		d.checkFolder("store.folder", c.Store.Folder, "store.folder")
		return
	}
	ctx, cancel := context.WithTimeout(ctx, doctorTimeout)
	defer cancel()
	if _, _, err := readKey(c.Store.KeyFile); err != nil {
		d.fail("store.key_file", err, "put the key that all replicas share into this file; docs/postgres.md says more")
		return
	}
	at, err := postgresConfig(c, zap.NewNop())
	var shared *postgres.Store
	if err == nil {
		at.Inspect = true
		shared, err = postgres.Open(ctx, at)
	}
	if err != nil {
		d.fail("store.postgres", err, "correct the keys of store.postgres and the files that they name")
		return
	}
	defer func() { _ = shared.Close() }() // Nothing was written.
	for _, f := range shared.Doctor(ctx) {
		check := "store.postgres " + f.Name
		switch f.Level {
		case postgres.Failed:
			d.fail(check, errors.New(f.Text), f.Fix)
		case postgres.Warning:
			d.warn(check, f.Text, f.Fix)
		case postgres.OK:
			d.ok(check, f.Text)
		}
	}
}

// checkAppendable checks a file that the service appends to: its folder is
// writable, the file too if it exists, and the disk has space. The file itself
// is not changed, because the service may be running.
func (d *doctor) checkAppendable(check, file, key string) {
	folder := filepath.Dir(file)
	err := writable(folder)
	if err == nil {
		err = appendable(file)
	}
	d.reportFolder(check, folder, key, err)
}

// checkFolder checks a folder that the service writes to, or the parent folder if
// the folder does not exist yet.
func (d *doctor) checkFolder(check, folder, key string) {
	info, err := os.Stat(folder)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		folder = filepath.Dir(folder)
		err = writable(folder)
	case err == nil && !info.IsDir():
		err = fmt.Errorf("%s is not a folder", folder)
	case err == nil:
		err = writable(folder)
	}
	d.reportFolder(check, folder, key, err)
}

// reportFolder reports whether a folder can be written to, and its free space.
func (d *doctor) reportFolder(check, folder, key string, err error) {
	fix := "let the user of the service write there, or name another place in " + key
	if errors.Is(err, syscall.EROFS) {
		fix = "mount a writable volume there, or name another place in " + key
	}
	d.report(check, err, folder+" can be written to", fix)
	free, known := freeBytes(folder)
	d.checkFreeSpace(check+" disk", folder, free, known)
}

// writable creates and removes a file in a folder.
func writable(folder string) error {
	f, err := os.CreateTemp(folder, ".storekeeper-doctor-")
	if err != nil {
		return err
	}
	return errors.Join(f.Close(), os.Remove(f.Name()))
}

// appendable opens a file for writing and writes nothing. A missing file is
// fine.
func appendable(file string) error {
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_APPEND, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return f.Close()
}

// The free space that the disk of trail and state needs. A trail grows by about
// 1 KiB per record.
const (
	minFreeBytes  = 100 << 20
	warnFreeBytes = 1 << 30
)

// checkFreeSpace checks the free space of the disk of a folder.
func (d *doctor) checkFreeSpace(check, folder string, free uint64, known bool) {
	text := fmt.Sprintf("%d MiB are free at %s", free>>20, folder)
	const fix = "free space or enlarge the volume; changes are refused while nothing can be written"
	switch {
	case !known:
		d.warn(check, "the free space of "+folder+" cannot be told", "look at the volume yourself")
	case free < minFreeBytes:
		d.fail(check, errors.New(text+", less than 100 MiB"), fix)
	case free < warnFreeBytes:
		d.warn(check, text+", less than 1 GiB", fix)
	default:
		d.ok(check, text)
	}
}
