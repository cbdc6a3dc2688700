package main

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	grpcgzip "google.golang.org/grpc/encoding/gzip"

	secretsstorev1 "platform.internal/storekeeper/gen/secretsstore/v1"
	"platform.internal/storekeeper/internal/gateway"
	"platform.internal/storekeeper/internal/server"
)

// mayRead has rules that allow reads, and creates with one prefix in one store.
const mayRead = `rules:
- {id: read, actions: ["store.get", "secret.get"], when: "true"}
- {id: prefix, actions: ["secret.create"], when: "store == 'open' && secret.startsWith('PAY_')"}
`

// longText is a text of a length that repeats a part.
func longText(before, part string, size int) io.Reader {
	piece := strings.Repeat(part, 64<<10/len(part))
	parts := []io.Reader{strings.NewReader(before)}
	for n := len(before); n+len(piece) < size; n += len(piece) {
		parts = append(parts, strings.NewReader(piece))
	}
	return io.MultiReader(parts...)
}

// upload sends a body until the server accepts no more, and returns the status
// of the answer and the number of sent bytes.
func (p *program) upload(path string, body io.Reader) (status int, sent int64) {
	p.t.Helper()
	conn := p.dialREST()
	defer conn.Close()
	_, err := fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Length: %d\r\n\r\n", path, callerKey, gateway.MaxBody)
	if err != nil {
		p.t.Fatal(err)
	}
	answered := make(chan int, 1)
	go func() {
		answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			answered <- 0
			return
		}
		answered <- answer.StatusCode
	}()
	sent, _ = io.Copy(conn, body)
	select {
	case status = <-answered:
	case <-time.After(patience):
		p.t.Error("there is no answer before the body is whole")
	}
	return status, sent
}

func (p *program) madeStore(name string) string {
	p.t.Helper()
	return identifier.FindStringSubmatch(p.cloudflare("POST", "/stores", `{"name":"`+name+`"}`))[1]
}

func TestTheBodyOfACallerWithoutRightsIsNotRead(t *testing.T) {
	t.Parallel()
	p := start(t, setup{policy: mayRead})
	store := p.madeStore("closed")
	for name, path := range map[string]string{
		"a store that no rule is about": "stores/" + store + "/secrets",
		"a store to be made":            "stores",
		"an account of others":          "/client/v4/accounts/" + noSuchID + "/secrets_store/stores",
		"a store that is not there":     "stores/" + noSuchID + "/secrets",
	} {
		if !strings.HasPrefix(path, "/") {
			path = "/client/v4/accounts/" + accountID + "/secrets_store/" + path
		}
		want := map[bool]int{true: http.StatusNotFound, false: http.StatusForbidden}[strings.Contains(name, "not there")]
		// The socket buffers count as sent, although the server has not read them.
		if got, sent := p.upload(path, longText(`[{"name":"A","scopes":["a"`, `,"a"`, gateway.MaxBody)); got != want || sent > gateway.MaxBody/2 {
			t.Errorf("%s: %d, and %d bytes were sent", name, got, sent)
		}
	}
	if trail := p.trailText(); !strings.Contains(trail, `"action":"secret.create"`) {
		t.Errorf("no denial is recorded: %s", trail)
	}
}

func TestAMessageOfACallerWithoutRightsIsNotRead(t *testing.T) {
	t.Parallel()
	p := start(t, setup{policy: mayRead})
	w := dialWire(t, p.grpc)
	// The message is announced and never sent.
	_ = w.open(1, secretsstorev1.SecretsStoreService_CreateStore_FullMethodName, "authorization", "Bearer "+callerKey)
	_ = w.WriteData(1, false, prefix(server.MaxMessage-1))
	if got := w.ended(1); got != "7" {
		t.Errorf("got status %s", got)
	}
}

func TestACallerWhoMayMakeSomeSecretsIsJudgedByTheBody(t *testing.T) {
	t.Parallel()
	p := start(t, setup{policy: mayRead})
	open := p.madeStore("open")
	for name, want := range map[string]int{"PAY_A": http.StatusOK, "SEARCH_A": http.StatusForbidden} {
		body := `[{"name":"` + name + `","value":"` + strings.Repeat("v", 20_000) + `","scopes":["workers"]}]`
		if got := p.do("POST", "stores/"+open+"/secrets", body); got.status != want || want == http.StatusForbidden && !strings.Contains(got.body, name) {
			t.Errorf("rest, %s: %d %s", name, got.status, got.body)
		}
		r := &secretsstorev1.CreateSecretsRequest{AccountId: accountID, StoreId: open, Secrets: []*secretsstorev1.NewSecret{
			{Name: name + "2", Value: strings.Repeat("v", 20_000), Scopes: []string{"workers"}}}}
		if got := p.send(context.Background(), "CreateSecrets", r); (got.err == nil) != (want == http.StatusOK) {
			t.Errorf("grpc, %s: %v", name, got.err)
		}
	}
}

func zipped(t *testing.T, text io.Reader) *bytes.Buffer {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := io.Copy(w, text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return &b
}

func TestCompressedRequestsAreRead(t *testing.T) {
	t.Parallel()
	p := start(t, setup{})
	w := p.given("store")
	value := strings.Repeat("value", 10_000)
	body := `[{"name":"REST","value":"` + value + `","scopes":["workers"]}]`
	for _, coding := range []string{"gzip", "GZIP", "x-gzip", "identity, gzip", "gzip, identity", "identity"} {
		text := io.Reader(strings.NewReader(strings.Replace(body, "REST", "REST_"+strings.NewReplacer(", ", "_", "-", "_").Replace(coding), 1)))
		if coding != "identity" {
			text = zipped(t, text)
		}
		if got, err := p.try(context.Background(), "POST", "stores/"+w.store+"/secrets", text, "Content-Encoding: "+coding); err != nil || got.status != http.StatusOK {
			t.Errorf("%s: %v %d %s", coding, err, got.status, got.body)
		}
	}
	p.holds(w.store, "REST_gzip", value)
	request := &secretsstorev1.CreateSecretsRequest{AccountId: accountID, StoreId: w.store, Secrets: []*secretsstorev1.NewSecret{
		{Name: "GRPC", Value: value, Scopes: []string{"workers"}}}}
	if got := p.send(context.Background(), "CreateSecrets", request, grpc.UseCompressor(grpcgzip.Name)); got.err != nil {
		t.Fatal(got.err)
	}
	p.holds(w.store, "GRPC", value)
}

func TestOtherContentEncodingsAreRefusedByName(t *testing.T) {
	t.Parallel()
	p := start(t, setup{})
	for _, coding := range []string{"br", "deflate", "zstd", "gzip, gzip", "gzip, br", "aws-chunked"} {
		for _, body := range []string{`{"name":"x"}`, strings.Repeat("x", 100_000)} {
			got, err := p.try(context.Background(), "POST", "stores", strings.NewReader(body), "Content-Encoding: "+coding)
			if err != nil || got.status != http.StatusUnsupportedMediaType || !strings.Contains(got.body, "must be gzip, or none") || got.header.Get("Accept-Encoding") != "gzip" {
				t.Errorf("%s: %v %d %s", coding, err, got.status, got.body)
			}
		}
	}
	if n := len(p.cf.Requests()); n != 0 {
		t.Errorf("Cloudflare was asked %d times", n)
	}
}

func TestWhatIsNoGzipIsRefused(t *testing.T) {
	t.Parallel()
	p := start(t, setup{})
	whole := zipped(t, strings.NewReader(`{"name":"x"}`)).String()
	for name, body := range map[string]string{
		"plain": `{"name":"x"}`, "cut": whole[:len(whole)-6], "another sum": whole[:len(whole)-8] + "abcd" + whole[len(whole)-4:], "more behind": whole + "x",
	} {
		got, err := p.try(context.Background(), "POST", "stores", strings.NewReader(body), "Content-Encoding: gzip")
		if err != nil || got.status != http.StatusBadRequest || !strings.Contains(got.body, "must be gzip, as Content-Encoding says") {
			t.Errorf("%s: %v %d %s", name, err, got.status, got.body)
		}
	}
	if n := len(p.cf.Requests()); n != 0 {
		t.Errorf("Cloudflare was asked %d times", n)
	}
}

// The limit of a request applies to the decompressed bytes.
func TestABombIsRefused(t *testing.T) {
	t.Parallel()
	p := start(t, setup{})
	bomb := zipped(t, longText(`{"name":"`, "a", 4*gateway.MaxBody))
	got, err := p.try(context.Background(), "POST", "stores", bomb, "Content-Encoding: gzip")
	if err != nil || got.status != http.StatusRequestEntityTooLarge || got.errors()[0] != "1001 request_too_large" {
		t.Errorf("rest: %v %d %s", err, got.status, got.body)
	}
	r := batchOf(p.given("store").store, 100, strings.Repeat("v", server.MaxMessage/50))
	if got := p.send(context.Background(), "CreateSecrets", r, grpc.UseCompressor(grpcgzip.Name)); got.code != codes.ResourceExhausted {
		t.Errorf("grpc: %v", got.err)
	}
}

// Callers with endless bodies must not block other callers.
func TestSlowBodiesKeepNobodyElseWaiting(t *testing.T) {
	t.Parallel()
	p := start(t, setup{})
	w := p.given("store")
	ctx, cancel := context.WithCancel(context.Background())
	var hogs sync.WaitGroup
	defer hogs.Wait()
	defer cancel()
	sent := make(chan struct{}, 8)
	for range cap(sent) {
		hogs.Go(func() {
			body := io.MultiReader(longText(`[{"name":"A","value":"`, "a", 8<<20), blocked{ctx, sent})
			_, _ = p.try(ctx, "POST", "stores/"+w.store+"/secrets", body)
		})
	}
	// 8 bodies of 8 MiB are more than one caller may have in flight.
	for range 5 {
		<-sent
	}
	for i := range 20 {
		got := p.do("POST", "stores/"+w.store+"/secrets", fmt.Sprintf(`[{"name":"POLITE_%d","value":"v","scopes":["workers"]}]`, i))
		if got.status != http.StatusOK {
			t.Fatalf("%d %s", got.status, got.body)
		}
	}
}

// blocked is the part of a body that does not come.
type blocked struct {
	ctx  context.Context //nolint:containedctx // it is the life of the body
	told chan<- struct{}
}

func (b blocked) Read([]byte) (int, error) {
	b.told <- struct{}{}
	select {
	case <-b.ctx.Done():
	case <-time.After(patience):
	}
	return 0, io.ErrUnexpectedEOF
}
