package servertest

import (
	"context"
	"crypto/sha256"
	"net"
	"net/http"
	"testing"

	"go.uber.org/zap"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/protobuf/reflect/protoreflect"

	secretsstorev1 "platform.internal/storekeeper/gen/secretsstore/v1"
	identityv1 "platform.internal/storekeeper/gen/storekeeper/identity/v1"
	storekeeperv1 "platform.internal/storekeeper/gen/storekeeper/v1"
	"platform.internal/storekeeper/internal/audit"
	"platform.internal/storekeeper/internal/authn"
	"platform.internal/storekeeper/internal/authz"
	"platform.internal/storekeeper/internal/change"
	"platform.internal/storekeeper/internal/changes"
	"platform.internal/storekeeper/internal/contract"
	"platform.internal/storekeeper/internal/identity"
	"platform.internal/storekeeper/internal/names"
	"platform.internal/storekeeper/internal/self"
	"platform.internal/storekeeper/internal/server"
	"platform.internal/storekeeper/internal/service"
	"platform.internal/storekeeper/internal/telemetry"
)

// Config configures a Gate.
type Config struct {
	// Rules is a policy file. If empty, nothing is allowed.
	Rules string
	// Callers can call over gRPC, each with the API key "key-of-NAME".
	Callers []authn.Principal
	// Denials receives the records of denials. Nil means Gate.Trail.
	Denials server.Denials
	// Lines makes the audit records of a commit durable, or refuses the commit. If nil, the records
	// go to Gate.Trail.
	Lines func(ctx context.Context, lines []audit.Record) error
	// Secrets, if set, replaces the real service.
	Secrets func(genuine secretsstorev1.SecretsStoreServiceServer) secretsstorev1.SecretsStoreServiceServer
	// Change, if set, modifies the chain before use.
	Change func(*server.Chain)
	// Network connects the client to the emulator. Nil means inside the process.
	Network func(http.Handler) (base string, by http.RoundTripper)
	// Log receives the log lines of calls. Nil means no logging.
	Log *zap.Logger
}

// Gate is Storekeeper without configuration and listeners.
type Gate struct {
	// Cloudflare is the emulated Cloudflare.
	Cloudflare *Cloudflare
	// Trail is the audit trail, unused if Config sets another destination.
	Trail *Trail
	// Clock orders arrivals and records.
	Clock *Clock
	// Server is the server.
	Server *server.Server
	// Metrics are the metrics of the server.
	Metrics *telemetry.Metrics
	// Authenticator has the keys of the callers.
	Authenticator *authn.Authenticator
}

// Services lists the served services.
func Services() []protoreflect.ServiceDescriptor {
	return []protoreflect.ServiceDescriptor{
		secretsstorev1.File_secretsstore_v1_service_proto.Services().ByName("SecretsStoreService"),
		identityv1.File_storekeeper_identity_v1_identity_proto.Services().ByName("IdentityService"),
		storekeeperv1.File_storekeeper_v1_self_proto.Services().ByName("SelfService"),
		storekeeperv1.File_storekeeper_v1_changes_proto.Services().ByName("ChangeService"),
		storekeeperv1.File_storekeeper_v1_secrets_proto.Services().ByName("SecretService"),
		storekeeperv1.File_storekeeper_v1_operator_proto.Services().ByName("OperatorService"),
	}
}

// Start makes a Gate, which is closed at the end of the test.
func Start(tb testing.TB, c Config) *Gate {
	tb.Helper()
	g := &Gate{Clock: &Clock{}}
	g.Trail = &Trail{clock: g.Clock}
	g.Cloudflare = NewCloudflare(tb, g.Clock, c.Network)
	chain := g.chain(tb, c)
	var secrets secretsstorev1.SecretsStoreServiceServer = service.New(g.Cloudflare.Client, change.Steps{Send: change.Send(g.Cloudflare.Client)}.Compose().Do, nil)
	if c.Secrets != nil {
		secrets = c.Secrets(secrets)
	}
	g.Server = server.New(chain, []server.Register{
		func(r grpc.ServiceRegistrar) { secretsstorev1.RegisterSecretsStoreServiceServer(r, secrets) },
		func(r grpc.ServiceRegistrar) {
			identityv1.RegisterIdentityServiceServer(r, identity.NewService([]identity.Account{
				{ID: MainID, Name: Main}, {ID: OtherID, Name: Other},
			}))
		},
		func(r grpc.ServiceRegistrar) {
			storekeeperv1.RegisterSelfServiceServer(r, self.NewService(&chain.Rights, usage))
		},
		func(r grpc.ServiceRegistrar) {
			storekeeperv1.RegisterChangeServiceServer(r, changes.NewService(changes.Config{
				Index: newIndex(g.Trail), Decide: chain.Rights.Rules.Decide, Names: chain.Rights.Names,
			}))
		},
		g.secretsByName(tb, chain, secrets),
		func(r grpc.ServiceRegistrar) {
			storekeeperv1.RegisterOperatorServiceServer(r, operators(c.Callers))
		},
	})
	return g
}

func (g *Gate) chain(tb testing.TB, c Config) server.Chain {
	tb.Helper()
	engine, _, err := authz.Parse([]byte(c.Rules))
	must(tb, err)
	methods, err := contract.Methods(Services()...)
	must(tb, err)
	validator, err := contract.NewValidator(Services()...)
	must(tb, err)
	resolver, err := names.New(g.Cloudflare.Client, nil)
	must(tb, err)
	g.Metrics, err = telemetry.NewMetrics(telemetry.MetricsOptions{})
	must(tb, err)
	keys := make([]authn.APIKey, len(c.Callers))
	for i, p := range c.Callers {
		keys[i] = authn.APIKey{Digest: sha256.Sum256([]byte(keyOf(p.Name))), Principal: p}
	}
	g.Authenticator, err = authn.New(authn.Config{APIKeys: keys})
	must(tb, err)
	tb.Cleanup(g.Authenticator.Close)
	chain := server.Chain{
		Log: c.Log, Metrics: g.Metrics, Authenticator: g.Authenticator, Denials: c.Denials, Validator: validator,
		Rights: server.Rights{Methods: methods, Rules: authz.Fixed(engine), Names: resolver, Op: service.Op},
	}
	if chain.Log == nil {
		chain.Log = zap.NewNop()
	}
	if chain.Denials == nil {
		chain.Denials = g.Trail
	}
	chain.Idempotency = server.Idempotency{Coordinator: g.keeper(tb, c.Lines)}
	if c.Change != nil {
		c.Change(&chain)
	}
	return chain
}

func must(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

// keyOf is the API key of a caller.
func keyOf(name string) string { return "key-of-" + name }

// Client makes calls as one caller.
type Client struct {
	secretsstorev1.SecretsStoreServiceClient

	// Identity and Self are the services about the caller.
	Identity identityv1.IdentityServiceClient
	Self     storekeeperv1.SelfServiceClient
	// ByName is the service that finds secrets by name.
	ByName storekeeperv1.SecretServiceClient
	// Operators is the service for operators.
	Operators storekeeperv1.OperatorServiceClient
	// Conn is the connection of all services.
	Conn grpc.ClientConnInterface
}

func newClient(conn grpc.ClientConnInterface) Client {
	return Client{
		SecretsStoreServiceClient: secretsstorev1.NewSecretsStoreServiceClient(conn),
		Identity:                  identityv1.NewIdentityServiceClient(conn),
		Self:                      storekeeperv1.NewSelfServiceClient(conn),
		ByName:                    storekeeperv1.NewSecretServiceClient(conn),
		Operators:                 storekeeperv1.NewOperatorServiceClient(conn),
		Conn:                      conn,
	}
}

// As returns a client whose calls run inside the process, like the gateway's calls. The caller is
// already authenticated.
func (g *Gate) As(p authn.Principal) Client { return g.With(authn.Authentication{Principal: p}) }

// With is As for any result of authentication.
func (g *Gate) With(o authn.Authentication) Client {
	from := &peer.Peer{Addr: &net.TCPAddr{IP: net.IPv4(192, 0, 2, 7), Port: 4711}}
	return newClient(&contextConn{ClientConnInterface: inProcess{g.Server.Conn()}, dress: func(ctx context.Context) context.Context {
		return authn.WithAuthentication(peer.NewContext(ctx, from), &o)
	}})
}

// Listen serves gRPC on loopback until the test ends, and returns a connection.
func (g *Gate) Listen(tb testing.TB) *grpc.ClientConn {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(tb, err)
	served := make(chan error, 1)
	go func() { served <- g.Server.GRPC().Serve(l) }()
	conn, err := grpc.NewClient(l.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	must(tb, err)
	tb.Cleanup(func() {
		_ = conn.Close()
		g.Server.GRPC().Stop()
		if err := <-served; err != nil {
			tb.Errorf("serve: %v", err)
		}
	})
	return conn
}

// Over returns a client over a connection with the API key of a caller. Without a name there is no
// credential.
func Over(conn grpc.ClientConnInterface, caller string) Client {
	return newClient(&contextConn{ClientConnInterface: conn, dress: func(ctx context.Context) context.Context {
		if caller == "" {
			return ctx
		}
		return metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+keyOf(caller))
	}})
}

// Bearer returns the Authorization header of a caller over REST.
func Bearer(caller string) string { return "Bearer " + keyOf(caller) }

// contextConn is a connection that modifies the context of each call.
type contextConn struct {
	grpc.ClientConnInterface

	dress func(context.Context) context.Context
}

// Invoke makes one call.
func (d *contextConn) Invoke(ctx context.Context, method string, args, reply any, opts ...grpc.CallOption) error {
	return d.ClientConnInterface.Invoke(d.dress(ctx), method, args, reply, opts...)
}
