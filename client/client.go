// Package client calls Storekeeper over gRPC: a connection with TLS, a source
// of tokens, an idempotency key on each change, and retries as the server
// advises.
//
//	c, err := client.Dial("storekeeper.internal:9090",
//		client.WithTokens(client.FileToken("/run/secrets/storekeeper/token")))
//	if err != nil { … }
//	defer c.Close()
//	answer, err := c.Secrets().PutSecret(ctx, &storekeeperv1.PutSecretRequest{…})
//	if client.Reason(err) == client.ReasonStoreNotFound { … }
//
// The package needs grpc and protobuf, and nothing of the server.
package client

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health/grpc_health_v1"

	secretsstorev1 "platform.internal/storekeeper/gen/secretsstore/v1"
	storekeeperv1 "platform.internal/storekeeper/gen/storekeeper/v1"
)

// Client is a connection to Storekeeper. It is safe for concurrent use.
type Client struct{ conn *grpc.ClientConn }

// options holds the settings of Dial.
type options struct {
	tls       *tls.Config
	roots     *x509.CertPool
	plaintext bool
	tokens    TokenSource
	retry     Retry
	dial      []grpc.DialOption
	err       error
}

// Option changes how a Client connects and calls.
type Option func(*options)

// WithTokens sends a token of the source with each call.
func WithTokens(source TokenSource) Option { return func(o *options) { o.tokens = source } }

// WithTLS uses the configuration for TLS, for example with a client
// certificate. The default trusts the certificate authorities of the system.
func WithTLS(config *tls.Config) Option {
	return func(o *options) { o.tls = config.Clone() }
}

// WithCAFile trusts the certificate authorities in the PEM file and no others.
func WithCAFile(file string) Option {
	return func(o *options) {
		pem, err := os.ReadFile(file)
		if err != nil {
			o.err = errors.Join(o.err, fmt.Errorf("client: read the certificate authorities: %w", err))
			return
		}
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(pem) {
			o.err = errors.Join(o.err, fmt.Errorf("client: %s holds no certificate in PEM", file))
			return
		}
		o.roots = pool
	}
}

// WithPlaintext connects without TLS, as to `server dev`. Tokens and secrets
// are then readable on the network: use it on loopback only.
func WithPlaintext() Option { return func(o *options) { o.plaintext = true } }

// WithRetry changes how often and how long a call is repeated.
func WithRetry(retry Retry) Option { return func(o *options) { o.retry = retry } }

// WithDialOptions passes options of grpc on, for example a stats handler.
func WithDialOptions(more ...grpc.DialOption) Option {
	return func(o *options) { o.dial = append(o.dial, more...) }
}

// Dial returns a client of the server at target, in the syntax of gRPC:
// host:port, or dns:///host:port to spread calls over all addresses of a name.
// The client connects at the first call.
func Dial(target string, opts ...Option) (*Client, error) {
	o := &options{retry: DefaultRetry()}
	for _, option := range opts {
		option(o)
	}
	if o.plaintext && (o.tls != nil || o.roots != nil) {
		o.err = errors.Join(o.err, errors.New("client: WithPlaintext excludes WithTLS and WithCAFile"))
	}
	if o.err != nil {
		return nil, o.err
	}
	conn, err := grpc.NewClient(target, o.dialOptions()...)
	if err != nil {
		return nil, fmt.Errorf("client: %w", err)
	}
	return &Client{conn}, nil
}

// dialOptions returns the options of the connection. The interceptor of keys is
// outside the interceptor of retries, so that all attempts of a call have the
// same idempotency key.
func (o *options) dialOptions() []grpc.DialOption {
	transport := insecure.NewCredentials()
	if !o.plaintext {
		if o.tls == nil {
			o.tls = &tls.Config{MinVersion: tls.VersionTLS12}
		}
		if o.roots != nil {
			o.tls.RootCAs = o.roots
		}
		transport = credentials.NewTLS(o.tls)
	}
	// grpc's own retries do not read RetryInfo.
	all := []grpc.DialOption{
		grpc.WithTransportCredentials(transport), grpc.WithDisableRetry(),
		grpc.WithDefaultServiceConfig(`{"loadBalancingConfig":[{"round_robin":{}}]}`),
		grpc.WithChainUnaryInterceptor(keyed, o.retry.intercept),
	}
	if o.tokens != nil {
		all = append(all, grpc.WithPerRPCCredentials(&bearer{source: o.tokens, plaintext: o.plaintext}))
	}
	return append(all, o.dial...)
}

// Secrets puts, reads and deletes secrets by name.
func (c *Client) Secrets() storekeeperv1.SecretServiceClient {
	return storekeeperv1.NewSecretServiceClient(c.conn)
}

// Self answers about the caller: identity, permissions, usage.
func (c *Client) Self() storekeeperv1.SelfServiceClient {
	return storekeeperv1.NewSelfServiceClient(c.conn)
}

// Changes returns the service that lists changes and their callers.
func (c *Client) Changes() storekeeperv1.ChangeServiceClient {
	return storekeeperv1.NewChangeServiceClient(c.conn)
}

// SecretsStore is Cloudflare's API: stores, and secrets by identifier.
func (c *Client) SecretsStore() secretsstorev1.SecretsStoreServiceClient {
	return secretsstorev1.NewSecretsStoreServiceClient(c.conn)
}

// Conn is the connection, for further services.
func (c *Client) Conn() *grpc.ClientConn { return c.conn }

// Healthy calls the health service. It returns nil if the server accepts calls,
// and needs no token.
func (c *Client) Healthy(ctx context.Context) error {
	answer, err := grpc_health_v1.NewHealthClient(c.conn).Check(ctx, &grpc_health_v1.HealthCheckRequest{})
	switch {
	case err != nil:
		return fmt.Errorf("client: %w", err)
	case answer.GetStatus() != grpc_health_v1.HealthCheckResponse_SERVING:
		return fmt.Errorf("client: the server is %s", answer.GetStatus())
	}
	return nil
}

// Close closes the connection.
func (c *Client) Close() error { return c.conn.Close() }
