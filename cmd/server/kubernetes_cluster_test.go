package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"platform.internal/storekeeper/internal/authn/authntest"
	"platform.internal/storekeeper/internal/porttest"
)

// apiServerVariable names a kube-apiserver to test with.
const apiServerVariable = "STOREKEEPER_KUBE_APISERVER"

// clusterPatience is how long a part of a cluster may take to start.
const clusterPatience = 2 * time.Minute

// cluster is a real API server of Kubernetes on a real etcd, on loopback. The
// cluster has no nodes and no controllers.
type cluster struct {
	t                  *testing.T
	program            string
	folder, url, store string
	authority          *authntest.Authority
	http               *http.Client
	api                *exec.Cmd
}

// startCluster starts a cluster that signs its tokens with the key named first.
func startCluster(t *testing.T) *cluster {
	t.Helper()
	program := os.Getenv(apiServerVariable)
	if program == "" {
		t.Skip("needs a kube-apiserver: make test-kubernetes builds one and runs this test")
	}
	etcd, err := exec.LookPath("etcd")
	if err != nil {
		t.Skip("needs etcd, which Debian has as etcd-server")
	}
	c := &cluster{t: t, program: program, folder: t.TempDir(), url: "https://" + porttest.Address(t), authority: authntest.NewAuthority(t)}
	c.http = &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: c.authority.Pool, MinVersion: tls.VersionTLS12}, DisableKeepAlives: true}}
	c.store = "http://" + porttest.Address(t)
	c.write("ca.crt", c.authority.PEM)
	c.write("admins.csv", []byte("admin-of-the-test,admin,admin,system:masters\n"))
	authntest.WriteFiles(t, c.folder, c.authority.Sign(authntest.Leaf{}))
	c.run("etcd", etcd, "--data-dir="+filepath.Join(c.folder, "etcd"), "--listen-client-urls="+c.store, "--advertise-client-urls="+c.store, "--listen-peer-urls=http://"+porttest.Address(t))
	c.makeKey("first")
	c.serve("first")
	return c
}

// serve starts the API server, after stopping a running one. It signs with the
// first key and accepts tokens of all keys.
func (c *cluster) serve(keys ...string) {
	c.t.Helper()
	if c.api != nil {
		_ = c.api.Process.Kill()
		_ = c.api.Wait()
	}
	address, port, err := net.SplitHostPort(strings.TrimPrefix(c.url, "https://"))
	if err != nil {
		c.t.Fatal(err)
	}
	args := []string{
		"--etcd-servers=" + c.store, "--bind-address=" + address, "--secure-port=" + port,
		"--tls-cert-file=" + c.file("tls.crt"), "--tls-private-key-file=" + c.file("tls.key"),
		"--service-account-issuer=" + c.url, "--service-account-signing-key-file=" + c.file(keys[0]+".key"),
		"--authorization-mode=RBAC", "--token-auth-file=" + c.file("admins.csv"), "--service-cluster-ip-range=10.0.0.0/24",
	}
	for _, key := range keys {
		args = append(args, "--service-account-key-file="+c.file(key+".pub"))
	}
	c.api = c.run("kube-apiserver", c.program, args...)
	c.await("the API server is ready", func() bool {
		status, _ := c.try(http.MethodGet, "/readyz", "", "")
		return status == http.StatusOK
	})
}

// run starts a part of the cluster, which ends with the test.
func (c *cluster) run(name, program string, args ...string) *exec.Cmd {
	c.t.Helper()
	log, err := os.Create(c.file(name + ".log"))
	if err != nil {
		c.t.Fatal(err)
	}
	command := exec.CommandContext(context.WithoutCancel(c.t.Context()), program, args...)
	command.Stdout, command.Stderr = log, log
	if err := command.Start(); err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() {
		_ = command.Process.Kill() // it may be gone
		_ = command.Wait()
		_ = log.Close()
	})
	return command
}

func (c *cluster) file(name string) string { return filepath.Join(c.folder, name) }

func (c *cluster) write(name string, content []byte) string {
	c.t.Helper()
	if err := os.WriteFile(c.file(name), content, 0o600); err != nil {
		c.t.Fatal(err)
	}
	return c.file(name)
}

// makeKey makes a key for tokens.
func (c *cluster) makeKey(name string) {
	c.t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		c.t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		c.t.Fatal(err)
	}
	public, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		c.t.Fatal(err)
	}
	c.write(name+".key", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}))
	c.write(name+".pub", pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public}))
}

func (c *cluster) await(what string, holds func() bool) {
	c.t.Helper()
	deadline := time.Now().Add(clusterPatience)
	for !holds() {
		if time.Now().After(deadline) {
			log, _ := os.ReadFile(c.file("kube-apiserver.log"))
			c.t.Fatalf("it never came to this: %s\n%s", what, log[max(0, len(log)-4096):])
		}
		<-time.After(100 * time.Millisecond)
	}
}

// try calls the API as its administrator.
func (c *cluster) try(method, path, kind, body string) (int, string) {
	c.t.Helper()
	request, err := http.NewRequestWithContext(c.t.Context(), method, c.url+path, bytes.NewBufferString(body))
	if err != nil {
		c.t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer admin-of-the-test")
	request.Header.Set("Content-Type", kind)
	answer, err := c.http.Do(request)
	if err != nil {
		return 0, err.Error()
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return 0, err.Error()
	}
	return answer.StatusCode, string(text)
}

// must is try for calls that succeed.
func (c *cluster) must(method, path, body string) string {
	c.t.Helper()
	status, text := c.try(method, path, "application/json", body)
	if status >= http.StatusMultipleChoices || status == 0 {
		c.t.Fatalf("%s %s: %d %s", method, path, status, text)
	}
	return text
}

// account creates a namespace with a service account.
func (c *cluster) account(namespace, name string) {
	c.t.Helper()
	c.must(http.MethodPost, "/api/v1/namespaces", fmt.Sprintf(`{"metadata":{"name":%q}}`, namespace))
	c.must(http.MethodPost, "/api/v1/namespaces/"+namespace+"/serviceaccounts", fmt.Sprintf(`{"metadata":{"name":%q}}`, name))
}

// token asks for a token of a service account, as a kubelet does for a projected
// volume. No audience is that of the API server.
func (c *cluster) token(namespace, name string, audiences ...string) string {
	c.t.Helper()
	spec, err := json.Marshal(map[string]any{"spec": map[string]any{"audiences": audiences, "expirationSeconds": 3600}})
	if err != nil {
		c.t.Fatal(err)
	}
	var answer struct{ Status struct{ Token string } }
	text := c.must(http.MethodPost, "/api/v1/namespaces/"+namespace+"/serviceaccounts/"+name+"/token", string(spec))
	if err := json.Unmarshal([]byte(text), &answer); err != nil || answer.Status.Token == "" {
		c.t.Fatalf("%v in %s", err, text)
	}
	return answer.Status.Token
}
