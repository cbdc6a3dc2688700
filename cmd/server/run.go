package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"go.uber.org/zap"
	"google.golang.org/grpc"

	secretsstorev1 "platform.internal/storekeeper/gen/secretsstore/v1"
	identityv1 "platform.internal/storekeeper/gen/storekeeper/identity/v1"
	"platform.internal/storekeeper/internal/access"
	"platform.internal/storekeeper/internal/apidoc"
	"platform.internal/storekeeper/internal/authz"
	"platform.internal/storekeeper/internal/config"
	"platform.internal/storekeeper/internal/gateway"
	"platform.internal/storekeeper/internal/identity"
	"platform.internal/storekeeper/internal/policy"
	"platform.internal/storekeeper/internal/server"
	"platform.internal/storekeeper/internal/service"
	"platform.internal/storekeeper/internal/telemetry"
	"platform.internal/storekeeper/internal/upstream"
)

// settings are what the service is made from.
type settings struct {
	config *config.Config
	logs   io.Writer
	// token is the platform credential of accounts without a credential file,
	// which only dev mode has.
	token upstream.Token
	// timeout bounds a call to Cloudflare whose caller set no deadline. 0 means
	// the bound of the upstream client.
	timeout time.Duration
	// ready is told once every listener accepts.
	ready func(addresses)
}

// serve wires the service, runs it until ctx ends, and lets calls that run
// finish within the configured grace.
func serve(ctx context.Context, s settings) error {
	c := s.config
	log, err := telemetry.NewLogger(c.Telemetry.Log.Level, c.Telemetry.Log.Format, s.logs)
	if err != nil {
		return err
	}
	api := services()
	metrics, err := telemetry.NewMetrics(telemetry.MetricsOptions{
		Version: buildVersion(), Methods: methodsOf(api), Operations: upstreamOperations(),
	})
	if err != nil {
		return err
	}
	cloudflare, err := newUpstream(c, s.token, observer{log: log, metrics: metrics}.hooks(s.timeout))
	if err != nil {
		return err
	}
	defer cloudflare.Close()
	callers, err := access.New(access.Config{APIKeys: apiKeys(c.Callers)})
	if err != nil {
		return err
	}
	defer callers.Close()
	validator, err := policy.NewValidator(api...)
	if err != nil {
		return err
	}
	engine, err := authz.NewEngine(everything())
	if err != nil {
		return err
	}
	rights, err := newRights(api, authz.Fixed(engine), cloudflare)
	if err != nil {
		return err
	}
	chain := server.Chain{Log: log, Metrics: metrics, Authenticator: callers, Rights: rights, Trail: untracked{}, Validator: validator}
	rpc := server.New(chain, []server.Register{
		func(r grpc.ServiceRegistrar) {
			secretsstorev1.RegisterSecretsStoreServiceServer(r, service.New(cloudflare))
		},
		func(r grpc.ServiceRegistrar) {
			identityv1.RegisterIdentityServiceServer(r, identity.NewService(accountsOf(cloudflare)))
		},
	})
	rest, err := gateway.New(ctx, gateway.Config{
		Conn: rpc.Conn(), Authenticate: callers.Authenticate, Docs: apidoc.Handler(), Unrouted: logUnrouted(log),
	})
	if err != nil {
		return err
	}
	admin := telemetry.NewAdmin(telemetry.AdminOptions{Metrics: metrics})
	l := &listeners{log: log, rpc: rpc, rest: httpServer(rest, log), admin: httpServer(admin, log), adminState: admin, grace: c.Listen.ShutdownGrace}
	if err := l.open(c.Listen); err != nil {
		return err
	}
	log.Info("serving", zap.String("version", buildVersion()), zap.String("rest", l.at.rest), zap.String("grpc", l.at.grpc), zap.String("admin", l.at.admin))
	return l.serve(ctx, s.ready)
}

// newUpstream makes the client for Cloudflare. base says who hears of its calls.
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

// apiKeys turns the configured digests, which are checked already, into keys.
func apiKeys(c config.Callers) []access.APIKey {
	keys := make([]access.APIKey, 0, len(c.APIKeys))
	for _, k := range c.APIKeys {
		// The configuration's own check has refused every other form.
		digest, _ := access.ParseDigest(k.SHA256)
		keys = append(keys, access.APIKey{Digest: digest, Principal: access.Principal{Name: k.Name, Tenant: k.Tenant, Groups: k.Groups}})
	}
	return keys
}

func accountsOf(c *upstream.Client) []identity.Account {
	var accounts []identity.Account
	for _, a := range c.Accounts() {
		accounts = append(accounts, identity.Account{ID: a.ID, Name: a.Name})
	}
	return accounts
}
