package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.uber.org/zap"

	"platform.internal/storekeeper/internal/audit"
	"platform.internal/storekeeper/internal/authn"
	"platform.internal/storekeeper/internal/config"
	"platform.internal/storekeeper/internal/connlimit"
	"platform.internal/storekeeper/internal/gateway"
	"platform.internal/storekeeper/internal/server"
	"platform.internal/storekeeper/internal/spending"
	"platform.internal/storekeeper/internal/telemetry"
	"platform.internal/storekeeper/internal/tracing/otlp"
	"platform.internal/storekeeper/internal/upstream"
)

// settings configure the service.
type settings struct {
	config *config.Config
	logs   io.Writer
	// audit receives the audit records if the sink is stdout.
	audit io.Writer
	// token is the platform credential of accounts without a credential file,
	// which only dev mode has.
	token upstream.Token
	// timeout limits a call to Cloudflare without a deadline of the caller. 0:
	// the default of the upstream client.
	timeout time.Duration
	// files watches the files that are reloaded. serve sets files.
	files *watchedFiles
	// ready is called once every listener accepts connections.
	ready func(addresses)
	// lived says that the service has run before with this trail.
	lived bool
	// committed and synced, if not nil, record the durations of commits, and of
	// disk writes or transactions.
	committed func(ctx context.Context, took time.Duration, err error)
	synced    func(took time.Duration, err error)
	// waited, if not nil, records waits for permits of the call budget.
	waited func(ctx context.Context, w spending.Wait)
	// spans receives the spans of all calls. If nil, the environment configures
	// the export.
	spans sdktrace.SpanExporter
	// step is called with each step of a change, in the goroutine of the
	// change: intent, intended, sent, executed, outcome, recorded. Tests stop
	// the process there. Nil: not called.
	step func(string)
}

// at reports a step.
func (s settings) at(step string) {
	if s.step != nil {
		s.step(step)
	}
}

// serve builds the service, runs it until told ends, and lets running calls
// finish within the configured grace period.
func serve(told context.Context, s settings) error {
	ctx, serves := newLifetime(told)
	defer ctx.end()
	c, api := s.config, services()
	log, metrics, err := newTelemetry(c.Telemetry, s.logs, methodsOf(api))
	if err != nil {
		return err
	}
	traces, err := newTraces(ctx, s, log, methodsOf(api))
	if err != nil {
		return err
	}
	defer func() { _ = traces.Close(ctx) }() // What cannot be sent is logged.
	if s.files, err = newWatchedFiles(log, metrics); err != nil {
		return err
	}
	defer s.files.end()
	judging := compileRules(c.Policy, s.files, api)
	behind, err := newEngine(ctx, s, log, metrics)
	if err != nil {
		return err
	}
	defer closeEngine(ctx, behind, log)
	callers, err := newCallers(c.Callers, s.files.Watcher, log)
	if err != nil {
		return err
	}
	defer callers.Close()
	if behind.reload, err = startReload(ctx, s, behind, callers); err != nil {
		return err
	}
	chain, rules, err := newChain(api, judging, behind.names, c)
	if err != nil {
		return err
	}
	behind.begin(ctx, &chain)
	chain.Log, chain.Metrics, chain.Authenticator, chain.Fresh = log, metrics, callers, c.Reads.MaxStaleness == 0
	tls, err := newListenerTLS(c.Listen.TLS, s.files.Watcher, log)
	if err != nil {
		return err
	}
	behind.byName = secretsByName(behind, chain)
	view := adminView{behind.state.trail, behind, trust{callers: callers, tls: tls, files: c.Listen.TLS}}
	behind.report(reported{config: c, rules: rules, trust: view.trust})
	rpc := server.New(chain, registrations(behind), append(tls.options(), traces.ServerOptions()...)...)
	admin, err := newAdmin(metrics, view)
	if err != nil {
		return err
	}
	l := &listeners{
		log: log, rpc: rpc, adminState: admin, at: addresses{scheme: tls.scheme()},
		rest: httpServer(traces.Handler(newREST(rpc, chain, log), isAPI), tls.callers(), log), admin: httpServer(admin, tls.operators(), log),
		background: backgroundTasks(s, behind, log),
	}
	if err := l.open(c.Listen); err != nil {
		return err
	}
	serves()
	return l.serve(told, ctx, s.ready)
}

// newTraces records the spans of calls if the environment enables tracing.
func newTraces(ctx context.Context, s settings, log *zap.Logger, methods []string) (*otlp.Tracing, error) {
	return otlp.Open(ctx, otlp.Options{
		Getenv: os.Getenv, Version: buildVersion(), Instance: telemetry.NewRequestID(), Methods: methods, Log: log.Named("traces"), Exporter: s.spans,
	})
}

// isAPI reports whether a path belongs to an API. Only API requests have spans.
func isAPI(path string) bool {
	return strings.HasPrefix(path, gateway.Root+"/") || strings.HasPrefix(path, "/storekeeper/")
}

// identify authenticates a call over REST. From then on the connection counts
// as a connection of that caller.
func identify(callers *authn.Authenticator) func(context.Context, authn.Credentials) authn.Authentication {
	return func(ctx context.Context, shown authn.Credentials) authn.Authentication {
		o := callers.Identify(ctx, shown)
		if c := connlimit.FromRequest(ctx); c != nil && o.Err == nil {
			c.MarkAuthenticated(o.Principal.Name)
		}
		return o
	}
}

// adminView holds the data of the admin listener.
type adminView struct {
	trail  *audit.Log
	engine *engine
	trust  trust
}

// newAdmin returns the admin pages, and registers the metrics of trail, issuers
// and certificates.
func newAdmin(metrics *telemetry.Metrics, s adminView) (*telemetry.Admin, error) {
	if err := metrics.WatchAudit(s.engine.auditState()); err != nil {
		return nil, err
	}
	if err := metrics.WatchIssuers(s.trust.issuers, s.trust.certificates); err != nil {
		return nil, err
	}
	return telemetry.NewAdmin(telemetry.AdminOptions{Metrics: metrics, Checks: s.engine.checks(s.trust), Changing: s.trust.issuerChecks}), nil
}

// newREST returns the REST facade of the server.
func newREST(rpc *server.Server, chain server.Chain, log *zap.Logger) http.Handler {
	return gateway.New(gateway.Config{
		Conn: rpc.Conn(), Authenticate: identify(chain.Authenticator), Refused: chain.Refused, Bodies: chain.Bodies, Proxies: chain.Proxies,
		Pages: pages(), Unrouted: logUnrouted(log),
	})
}

// backgroundTasks run as long as the listeners do.
func backgroundTasks(s settings, behind *engine, log *zap.Logger) []func(context.Context) {
	tasks := []func(context.Context){
		s.files.run,
		behind.budgets.Run,
	}
	if behind.state.followed != nil {
		tasks = append(tasks, behind.state.followed.Run)
	}
	if stream := trailStream(s, behind.state, log); stream != nil {
		tasks = append(tasks, stream)
	}
	return tasks
}

// newTelemetry returns the logger and the metrics.
func newTelemetry(c config.Telemetry, to io.Writer, methods []string) (*zap.Logger, *telemetry.Metrics, error) {
	log, err := telemetry.NewLogger(c.Log.Level, c.Log.Format, to)
	if err != nil {
		return nil, nil, err
	}
	metrics, err := telemetry.NewMetrics(telemetry.MetricsOptions{
		Version: buildVersion(), Methods: methods, Operations: upstreamOperations(),
	})
	return log, metrics, err
}

// newUpstream returns the Cloudflare client. base holds the callbacks.
func newUpstream(c *config.Config, token upstream.Token, base upstream.Config) (*upstream.Client, error) {
	base.UserAgent = "storekeeper/" + buildVersion()
	base.Accounts = make([]upstream.Account, len(c.Accounts))
	for i, a := range c.Accounts {
		base.Accounts[i] = upstream.Account{
			ID: a.ID, Name: a.Name, BaseURL: a.BaseURL,
			Credential: upstream.CredentialFiles{
				APITokenFile: a.Credential.APITokenFile, Email: a.Credential.Email, APIKeyFile: a.Credential.APIKeyFile,
			},
		}
		if a.Credential == (config.Credential{}) {
			base.Accounts[i].Token = token
		}
	}
	client, err := upstream.New(base)
	if err != nil {
		return nil, fmt.Errorf("accounts: %w", err)
	}
	return client, nil
}
