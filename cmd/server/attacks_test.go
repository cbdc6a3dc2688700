package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"

	"golang.org/x/net/http2"
	reflectionv1 "google.golang.org/grpc/reflection/grpc_reflection_v1"

	secretsstorev1 "platform.internal/storekeeper/gen/secretsstore/v1"
)

// attack is an attack by an unauthenticated client or a caller without rights.
// Each worker calls run repeatedly until the time is over.
type attack struct {
	name    string
	workers int
	run     func(ctx context.Context, p *confined, worker int)
}

var createMethod = secretsstorev1.SecretsStoreService_CreateSecrets_FullMethodName

func attacks() []attack {
	rightless := []string{"authorization", "Bearer " + rightlessKey}
	restRightless := "Authorization: Bearer " + rightlessKey + "\r\n"
	return []attack{
		{"strangers send 8 MiB to Check on 100 streams", 4, streams(100, checkMethod, 8<<20, nil)},
		{"strangers send 8 MiB to Watch on 100 streams", 4, streams(100, watchMethod, 8<<20, nil)},
		{"strangers leave Watches open", 600, streams(100, watchMethod, 0, nil)},
		{"strangers leave reflection open", 20, streams(100, reflectionv1.ServerReflection_ServerReflectionInfo_FullMethodName, 1000, nil)},
		{"strangers send 8 MiB to create secrets", 8, streams(100, createMethod, 8<<20, nil)},
		{"strangers call methods that are not there", 8, streams(100, "/x.Y/Z", 8<<20, nil)},
		{"strangers never end their headers over gRPC", 600, endlessHeaders},
		{"strangers send 15 MiB of headers over gRPC", 20, manyHeaders},
		{"strangers open and reset streams", 8, rapidReset},
		{"strangers send pings and settings", 8, frameFlood},
		{"strangers hold idle connections", 600, hold("")},
		{"strangers hold half a handshake", 300, hold("\x16\x03\x01\x02\x00\x01\x00\x01\xfc")},
		{"strangers never end their headers over REST", 300, trickle("GET /client/v4/user HTTP/1.1\r\nHost: x\r\n", "X-A: "+strings.Repeat("a", 1000)+"\r\n")},
		{"strangers send long bodies over REST", 100, trickle("POST /client/v4/accounts/main/secrets_store/stores HTTP/1.1\r\nHost: x\r\nContent-Length: 50000000\r\n\r\n", strings.Repeat(" ", 16<<10))},
		{"callers without rights leave long messages unfinished", 20, streams(100, createMethod, 8<<20, rightless)},
		{"callers without rights leave short messages unfinished", 20, streams(100, createMethod, 4000, rightless)},
		{"callers without rights send 8 MiB to reflection", 8, streams(100, reflectionv1.ServerReflection_ServerReflectionInfo_FullMethodName, 8<<20, rightless)},
		{"callers without rights send 48 MiB of scopes", 8, body(restRightless, `[{"name":"a","value":"v","scopes":[`, `"a",`, 48<<20)},
		{"callers without rights send millions of unknown fields", 8, body(restRightless, `[{`, `"aaaa":1,`, 40<<20)},
		{"callers without rights send 48 MiB of nested lists", 8, body(restRightless, ``, `[`, 48<<20)},
		{"callers without rights send 48 MiB of a value", 8, body(restRightless, `[{"name":"a","value":"`, `aaaaaaaa`, 48<<20)},
		{"callers without rights send 4 million scopes over gRPC", 8, scopes(rightless)},
	}
}

// streams opens many calls on one connection and sends messages of a length on
// them, until the server accepts no more.
func streams(n int, method string, length int, header []string) func(context.Context, *confined, int) {
	return func(ctx context.Context, p *confined, _ int) {
		w, end := p.attackWire(ctx)
		if w == nil {
			return
		}
		defer end()
		piece := make([]byte, 16<<10)
		for i := range n {
			if err := errors.Join(w.open(uint32(2*i+1), method, header...), w.WriteData(uint32(2*i+1), false, prefix(length))); err != nil {
				return
			}
		}
		for sent := 0; sent < length; sent += len(piece) {
			for i := range n {
				if ctx.Err() != nil || w.WriteData(uint32(2*i+1), false, piece) != nil {
					return
				}
			}
		}
		<-ctx.Done()
	}
}

// attackWire opens a gRPC connection that ends with ctx. The attacker drains the
// socket and ignores the answers.
func (c *confined) attackWire(ctx context.Context) (*wire, func()) {
	conn, end := c.attackConn(ctx, c.grpc)
	if conn == nil {
		return nil, nil
	}
	w := newWireOn(c.t, conn)
	return w, end
}

// attackConn opens a connection that ends with ctx, from one of 200 addresses.
func (c *confined) attackConn(ctx context.Context, address string) (net.Conn, func()) {
	from := &net.TCPAddr{IP: net.IPv4(127, 0, 1, byte(1+c.dials.Add(1)%200))}
	conn, err := (&net.Dialer{LocalAddr: from}).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, nil
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	go func() { _, _ = io.Copy(io.Discard, conn) }()
	return conn, func() { stop(); _ = conn.Close() }
}

func endlessHeaders(ctx context.Context, p *confined, _ int) {
	w, end := p.attackWire(ctx)
	if w == nil {
		return
	}
	defer end()
	if w.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: w.block(createMethod)}) != nil {
		return
	}
	for ctx.Err() == nil && w.WriteContinuation(1, false, make([]byte, 16<<10)) == nil {
	}
}

func manyHeaders(ctx context.Context, p *confined, _ int) {
	w, end := p.attackWire(ctx)
	if w == nil {
		return
	}
	defer end()
	var header []string
	for range 15 << 5 {
		header = append(header, "x-a", strings.Repeat("a", 32<<10))
	}
	_ = w.open(1, createMethod, header...)
}

func rapidReset(ctx context.Context, p *confined, _ int) {
	w, end := p.attackWire(ctx)
	if w == nil {
		return
	}
	defer end()
	for i := uint32(1); ctx.Err() == nil; i += 2 {
		if errors.Join(w.open(i, createMethod), w.WriteRSTStream(i, http2.ErrCodeCancel)) != nil {
			return
		}
	}
}

func frameFlood(ctx context.Context, p *confined, worker int) {
	w, end := p.attackWire(ctx)
	if w == nil {
		return
	}
	defer end()
	for ctx.Err() == nil {
		err := w.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1 << 20})
		if worker%2 == 0 {
			err = w.WritePing(false, [8]byte{})
		}
		if err != nil {
			return
		}
	}
}

// hold opens a connection to each listener, says something and does nothing more.
func hold(text string) func(context.Context, *confined, int) {
	return func(ctx context.Context, p *confined, worker int) {
		address := []string{strings.TrimPrefix(p.rest, "http://"), p.grpc, strings.TrimPrefix(p.admin, "http://")}[worker%3]
		conn, end := p.attackConn(ctx, address)
		if conn == nil {
			return
		}
		defer end()
		_, _ = io.WriteString(conn, text)
		<-ctx.Done()
	}
}

// trickle sends a beginning and then repeats a piece until the connection ends.
func trickle(begin, piece string) func(context.Context, *confined, int) {
	return func(ctx context.Context, p *confined, worker int) {
		address := strings.TrimPrefix(p.rest, "http://")
		if worker%4 == 0 {
			address = strings.TrimPrefix(p.admin, "http://")
		}
		conn, end := p.attackConn(ctx, address)
		if conn == nil {
			return
		}
		defer end()
		_, err := io.WriteString(conn, begin)
		for err == nil && ctx.Err() == nil {
			_, err = io.WriteString(conn, piece)
		}
	}
}

// body sends a request of a length whose body repeats a piece.
func body(header, begin, piece string, length int) func(context.Context, *confined, int) {
	return func(ctx context.Context, p *confined, _ int) {
		text := io.MultiReader(strings.NewReader(begin), &repeating{piece: []byte(strings.Repeat(piece, max(1, 16<<10/len(piece))))})
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, p.rest+"/client/v4/accounts/main/secrets_store/stores/"+noSuchID+"/secrets", io.LimitReader(text, int64(length)))
		if err != nil {
			return
		}
		name, value, _ := strings.Cut(strings.TrimSpace(header), ": ")
		r.Header.Set(name, value)
		answer, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(r)
		if err == nil {
			_, _ = io.Copy(io.Discard, bufio.NewReader(answer.Body))
			_ = answer.Body.Close()
		}
	}
}

// repeating gives a text without end.
type repeating struct {
	piece []byte
	at    int
}

func (r *repeating) Read(p []byte) (int, error) {
	n := copy(p, r.piece[r.at:])
	r.at = (r.at + n) % len(r.piece)
	return n, nil
}

// scopes sends a message of 8 MiB with an item of 4 million scopes.
func scopes(header []string) func(context.Context, *confined, int) {
	item := bytes.Repeat([]byte{0x1a, 0}, 4_190_000)
	message := append([]byte{0x1a}, varint(len(item))...)
	message = append(message, item...)
	return func(ctx context.Context, p *confined, _ int) {
		w, end := p.attackWire(ctx)
		if w == nil {
			return
		}
		defer end()
		text := append(prefix(len(message)), message...)
		for i := uint32(1); i < 9; i += 2 {
			if w.open(i, createMethod, header...) != nil {
				return
			}
		}
		for len(text) > 0 {
			piece := text[:min(len(text), 16<<10)]
			text = text[len(piece):]
			for i := uint32(1); i < 9; i += 2 {
				if w.WriteData(i, len(text) == 0, piece) != nil {
					return
				}
			}
		}
	}
}

func varint(n int) (text []byte) {
	for ; n >= 0x80; n >>= 7 {
		text = append(text, byte(n)|0x80)
	}
	return append(text, byte(n))
}
