package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"time"

	"go.uber.org/zap"

	"platform.internal/storekeeper/internal/authz"
	"platform.internal/storekeeper/internal/config"
	"platform.internal/storekeeper/internal/upstream"
)

// doctorTimeout bounds each question to Cloudflare.
const doctorTimeout = 15 * time.Second

// errUnhealthy says that a check has failed; the checks have said which.
var errUnhealthy = errors.New("at least one check failed")

// runDoctor checks all that must hold before a deploy, says of each check how
// it went, and fails if one did. It changes nothing anywhere, and costs a few
// calls of each account's budget.
func runDoctor(ctx context.Context, args []string, t terminal) error {
	var given configFlags
	flags := flag.NewFlagSet("doctor", flag.ContinueOnError)
	given.register(flags)
	if err := parse(flags, args, t); err != nil {
		return err
	}
	c, err := given.load()
	if err != nil {
		return err
	}
	d := &doctor{t: t}
	d.tell("configuration", nil, given.file)
	d.listeners(c.Listen)
	d.files(c)
	d.state(ctx, c.Idempotency)
	d.accounts(ctx, c)
	if d.failed {
		return errUnhealthy
	}
	return nil
}

// doctor remembers whether a check failed.
type doctor struct {
	t      terminal
	failed bool
}

func (d *doctor) tell(check string, err error, detail string) {
	if err != nil {
		d.failed = true
		say(d.t.out, "FAIL  %s: %s\n", check, err)
		return
	}
	say(d.t.out, "ok    %s: %s\n", check, detail)
}

// listeners takes each address and gives it back.
func (d *doctor) listeners(l config.Listen) {
	for _, door := range []struct{ name, address string }{{"listen.rest", l.REST}, {"listen.grpc", l.GRPC}, {"listen.admin", l.Admin}} {
		opened, err := net.Listen("tcp", door.address)
		if err == nil {
			err = opened.Close()
		}
		d.tell(door.name, err, door.address+" can be listened on")
	}
}

// files reads what serve would read at start, and tries the folder of the trail.
func (d *doctor) files(c *config.Config) {
	_, file, err := authz.ReadFile(c.Policy.File)
	detail := ""
	if err == nil {
		detail = fmt.Sprintf("%d rules, %d tests pass", len(file.Rules), len(file.Tests))
	}
	d.tell("policy", err, detail)
	if c.Listen.TLS.Enabled() {
		_, err := newSecured(c.Listen.TLS, nil, zap.NewNop())
		d.tell("listen.tls", err, "the certificate and its key fit")
	}
	if c.Audit.Sink == config.AuditFile {
		folder := filepath.Dir(c.Audit.File)
		d.tell("audit", writable(folder), folder+" can be written to")
	}
}

// state tries where the records of changes are kept. The file itself is left
// alone, since the service may be running.
func (d *doctor) state(ctx context.Context, c config.Idempotency) {
	if c.Store == config.StoreFile {
		folder := filepath.Dir(c.File)
		d.tell("idempotency.file", writable(folder), folder+" can be written to")
		return
	}
	shared, err := openShared(ctx, c, zap.NewNop())
	if err != nil {
		d.tell("idempotency.valkey", err, "")
		return
	}
	defer func() { _ = shared.Close() }()
	ctx, cancel := context.WithTimeout(ctx, doctorTimeout)
	defer cancel()
	d.tell("idempotency.valkey", shared.shared.Ping(ctx), c.Valkey.Address+" answers")
	durable, err := shared.shared.Durable(ctx)
	if err == nil && !durable {
		err = errors.New("the server may forget changes when it stops: set appendonly yes, appendfsync always and maxmemory-policy noeviction")
	}
	d.tell("idempotency.valkey durability", err, "every change is on the disk before it is answered")
}

// writable makes a file in a folder and takes it away again.
func writable(folder string) error {
	f, err := os.CreateTemp(folder, ".storekeeper-doctor-")
	if err != nil {
		return err
	}
	return errors.Join(f.Close(), os.Remove(f.Name()))
}

// accounts asks Cloudflare about each credential, and reads with it.
func (d *doctor) accounts(ctx context.Context, c *config.Config) {
	client, err := newUpstream(c, upstream.Token{}, upstream.Config{})
	if err != nil {
		d.tell("credentials", err, "")
		return
	}
	defer client.Close()
	for _, a := range client.Accounts() {
		d.account(ctx, client, a)
	}
}

func (d *doctor) account(ctx context.Context, client *upstream.Client, a upstream.AccountInfo) {
	ctx, cancel := context.WithTimeout(ctx, doctorTimeout)
	defer cancel()
	check := "account " + a.Name
	verified, err := client.VerifyToken(ctx, a.ID)
	if err == nil && verified.Result.Status != "active" {
		err = errors.New("Cloudflare calls the credential " + verified.Result.Status)
	}
	d.tell(check+" credential", err, verified.Result.Kind+" is active")
	quota, err := client.Quota(ctx, a.ID)
	d.tell(check+" quota", err, fmt.Sprintf("%d of %d secrets are in use", quota.Result.Secrets.Usage, quota.Result.Secrets.Quota))
}
