package deploy_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"testing"
)

// callerKey is the key of the caller in the service under test.
const callerKey = "sk_key-of-a-caller-for-tests"

// additions are what a command line from deploy/ gets so that it can run
// anywhere: free ports, a Cloudflare on this machine and a key that is known
// here. Everything else is as the file says.
func additions(cloudflare string) []string {
	var args []string
	for _, set := range []string{
		"listen.rest=127.0.0.1:0", "listen.grpc=127.0.0.1:0", "listen.admin=127.0.0.1:0",
		"accounts[0].base_url=" + cloudflare,
		fmt.Sprintf("callers.api_keys[0].sha256=%x", sha256.Sum256([]byte(callerKey))),
	} {
		args = append(args, "--set", set)
	}
	return args
}

// startEmulator runs an emulator with a command line, on a free port.
func startEmulator(c *container, argv ...string) (url string) {
	c.t.Helper()
	return c.start(append(argv, "--listen", "127.0.0.1:0")...).emulating()
}

// ask makes a request as the caller.
func ask(t testing.TB, method, url, body string) (int, string) {
	t.Helper()
	return send(t, http.DefaultClient, method, url, body)
}

func send(t testing.TB, client *http.Client, method, url, body string) (int, string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader([]byte(body)))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+callerKey)
	if client != http.DefaultClient {
		r.Header.Set("Content-Type", "application/grpc")
		r.Header.Set("Te", "trailers")
	}
	answer, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	got, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(got)
}

// grpcHealth asks the gRPC service whether it serves. The question is an empty
// message, and the answer one field of one byte, so this needs no gRPC library.
func grpcHealth(t *testing.T, address string) {
	t.Helper()
	transport := &http.Transport{Protocols: new(http.Protocols)}
	transport.Protocols.SetUnencryptedHTTP2(true)
	defer transport.CloseIdleConnections()
	const empty, serving = "\x00\x00\x00\x00\x00", "\x00\x00\x00\x00\x02\x08\x01"
	status, answer := send(t, &http.Client{Transport: transport}, http.MethodPost, "http://"+address+"/grpc.health.v1.Health/Check", empty)
	if status != http.StatusOK || answer != serving {
		t.Errorf("gRPC health gave %d %q, want SERVING; the log of the service says why", status, answer)
	}
}

// expectOK asks a page of the admin listener and gives it.
func expectOK(t *testing.T, url string) string {
	t.Helper()
	status, page := ask(t, http.MethodGet, url, "")
	if status != http.StatusOK {
		t.Errorf("%s gave %d %s", url, status, page)
	}
	return page
}

// expectService makes calls to every listener of the service. They need a
// Cloudflare that answers.
func expectService(t *testing.T, at struct{ REST, GRPC, Admin string }, account string) {
	t.Helper()
	expectOK(t, "http://"+at.Admin+"/readyz")
	grpcHealth(t, at.GRPC)
	stores := "http://" + at.REST + "/client/v4/accounts/" + account + "/secrets_store/stores"
	if status, answer := ask(t, http.MethodPost, stores, `{"name":"default_secrets_store"}`); status != http.StatusOK {
		t.Errorf("a store cannot be created: %d %s", status, answer)
	}
}
