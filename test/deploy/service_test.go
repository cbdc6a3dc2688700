package deploy_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// The keys of the callers of the service under test, in the order of the
// configurations: a caller that manages the stores, and a team.
const (
	platformKey = "sk_key-of-the-platform-for-tests"
	teamKey     = "sk_key-of-a-team-for-tests"
)

// additions returns the flags with which a command line from deploy/ runs on
// any machine: free ports, a local Cloudflare and known keys. Other settings
// come from the file.
func additions(cloudflare string) []string {
	var args []string
	for _, set := range append([]string{
		fmt.Sprintf("callers.api_keys[0].sha256=%x", sha256.Sum256([]byte(platformKey))),
		fmt.Sprintf("callers.api_keys[1].sha256=%x", sha256.Sum256([]byte(teamKey))),
	}, elsewhere(cloudflare)...) {
		args = append(args, "--set", set)
	}
	return args
}

// elsewhere are the settings of additions but for the keys.
func elsewhere(cloudflare string) []string {
	return []string{
		"listen.rest=127.0.0.1:0", "listen.grpc=127.0.0.1:0", "listen.admin=127.0.0.1:0",
		"accounts[0].base_url=" + cloudflare,
	}
}

// startEmulator runs an emulator with a command line, on a free port.
func startEmulator(c *container, argv ...string) (url string) {
	c.t.Helper()
	return c.start(append(argv, "--listen", "127.0.0.1:0")...).emulating()
}

// request is a request of a caller.
type request struct {
	// fresh bypasses the cache.
	fresh             bool
	method, url, body string
	// key is the caller's.
	key string
	// contentType is that of gRPC, or empty.
	contentType string
}

// ask makes a request as the platform.
func ask(t testing.TB, method, url, body string) (int, string) {
	t.Helper()
	return send(t, request{method: method, url: url, body: body, key: platformKey})
}

func send(t testing.TB, asked request) (int, string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, asked.method, asked.url, bytes.NewReader([]byte(asked.body)))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+asked.key)
	if asked.fresh {
		r.Header.Set("Cache-Control", "no-cache")
	}
	if asked.contentType != "" {
		r.Header.Set("Content-Type", asked.contentType)
		r.Header.Set("Te", "trailers")
	}
	transport := &http.Transport{TLSClientConfig: theCertificate(t).trusted(), ForceAttemptHTTP2: true}
	defer transport.CloseIdleConnections()
	answer, err := (&http.Client{Transport: transport}).Do(r)
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

// grpcHealth calls the gRPC health service. The request is an empty message and
// the answer a field of one byte, so no gRPC library is needed.
func grpcHealth(t *testing.T, address string) {
	t.Helper()
	const empty, serving = "\x00\x00\x00\x00\x00", "\x00\x00\x00\x00\x02\x08\x01"
	status, answer := send(t, request{
		method: http.MethodPost, url: "https://" + address + "/grpc.health.v1.Health/Check", body: empty, key: platformKey, contentType: "application/grpc",
	})
	if status != http.StatusOK || answer != serving {
		t.Errorf("gRPC health gave %d %q, want SERVING; the log of the service says why", status, answer)
	}
}

// expectOK reads a page and returns its text.
func expectOK(t *testing.T, url string) string {
	t.Helper()
	status, page := ask(t, http.MethodGet, url, "")
	if status != http.StatusOK {
		t.Errorf("%s gave %d %s", url, status, page)
	}
	return page
}

// expectService makes calls to every listener of the service, over TLS. They
// need a Cloudflare that answers and the rules of deploy/.
func expectService(t *testing.T, at doors, account string) {
	t.Helper()
	expectOK(t, "https://"+at.Admin+"/readyz")
	grpcHealth(t, at.GRPC)
	stores := "https://" + at.REST + "/client/v4/accounts/" + account + "/secrets_store/stores"
	if status, answer := send(t, request{method: http.MethodPost, url: stores, body: `{"name":"another"}`, key: teamKey}); status != http.StatusForbidden {
		t.Errorf("a team makes a store: %d %s", status, answer)
	}
	if status, answer := ask(t, http.MethodPost, stores, `{"name":"default_secrets_store"}`); status != http.StatusOK {
		t.Errorf("a store cannot be created: %d %s", status, answer)
	}
}

// expectRecord checks the records of expectService in an audit trail.
func expectRecord(t *testing.T, trail string) {
	t.Helper()
	for _, want := range []string{`"kind":"denial"`, `"kind":"intent"`, `"kind":"outcome"`, `"store.create"`} {
		if !strings.Contains(trail, want) {
			t.Errorf("the audit trail has no %s:\n%s", want, trail)
		}
	}
}

// expectRecordIn is expectRecord for a trail file, which is written a moment
// after the log that a call waits for.
func expectRecordIn(t *testing.T, file string) {
	t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if strings.Contains(string(readFile(t, file)), `"kind":"outcome"`) {
			break
		}
	}
	expectRecord(t, string(readFile(t, file)))
}
