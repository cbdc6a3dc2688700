package client

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync/atomic"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	secretsstorev1 "platform.internal/storekeeper/gen/secretsstore/v1"
	"platform.internal/storekeeper/test/bench/load"
	"platform.internal/storekeeper/test/bench/stage"
)

// RPC calls over gRPC, each worker with a separate connection.
type RPC struct {
	world   *stage.World
	conns   []*grpc.ClientConn
	clients []secretsstorev1.SecretsStoreServiceClient
	next    atomic.Int64
	prefix  string
}

// NewRPC returns a client with a number of connections. Close it at the end.
func NewRPC(w *stage.World, connections int) (*RPC, error) {
	c := &RPC{world: w, prefix: strconv.FormatInt(time.Now().UnixNano(), 36)}
	for range connections {
		conn, err := grpc.NewClient(w.GRPC, grpc.WithTransportCredentials(insecure.NewCredentials()))
		if err != nil {
			c.Close()
			return nil, err
		}
		c.conns = append(c.conns, conn)
		c.clients = append(c.clients, secretsstorev1.NewSecretsStoreServiceClient(conn))
	}
	return c, nil
}

// Close closes the connections.
func (c *RPC) Close() {
	for _, conn := range c.conns {
		_ = conn.Close()
	}
}

// by adds a caller's credential, and a key if not empty, to a call.
func (c *RPC) by(ctx context.Context, worker int, key string) context.Context {
	if len(c.world.Tokens) == 0 {
		return ctx
	}
	pairs := []string{"authorization", "Bearer " + c.world.Token(worker)}
	if key != "" {
		pairs = append(pairs, "idempotency-key", key)
	}
	return metadata.AppendToOutgoingContext(ctx, pairs...)
}

// CreateStore creates a store with a unique name.
func (c *RPC) CreateStore(ctx context.Context, worker, _ int) error {
	name := c.prefix + "-" + strconv.FormatInt(c.next.Add(1), 10)
	r := &secretsstorev1.CreateStoreRequest{AccountId: stage.Account, Name: name}
	answer, err := c.clients[worker%len(c.clients)].CreateStore(c.by(ctx, worker, name), r)
	if err == nil && answer.GetStore().GetName() != name {
		return fmt.Errorf("asked for store %s and got %s", name, answer.GetStore().GetName())
	}
	return reading(err)
}

// Meet makes one call over each connection, a few at a time: Storekeeper allows
// 125 connections of one address without a call, and closes others.
func (c *RPC) Meet(ctx context.Context) error {
	const few = 16
	var next atomic.Int64
	return load.Closed(ctx, load.Plan{Workers: few, Length: time.Minute, Limit: len(c.conns)}, func(ctx context.Context, _, _ int) error {
		return c.CreateStore(ctx, int(next.Add(1)-1), 0)
	}).Bad()
}

// ReadStore reads a store.
func (c *RPC) ReadStore(id string) load.Call {
	return func(ctx context.Context, worker, _ int) error {
		r := &secretsstorev1.GetStoreRequest{AccountId: stage.Account, StoreId: id}
		_, err := c.clients[worker%len(c.clients)].GetStore(c.by(ctx, worker, ""), r)
		return reading(err)
	}
}

// reading classifies an error.
func reading(err error) error {
	s := status.Convert(err)
	switch s.Code() {
	case codes.ResourceExhausted, codes.Unavailable:
		for _, d := range s.Details() {
			if _, ok := d.(*errdetails.RetryInfo); ok {
				return errors.Join(load.ErrRefused, err)
			}
		}
		return errors.Join(load.ErrRefused, load.ErrNoHint, err)
	default:
		return err
	}
}
