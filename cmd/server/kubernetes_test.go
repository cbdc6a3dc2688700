package main

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	secretsstorev1 "platform.internal/storekeeper/gen/secretsstore/v1"
)

const (
	podAudience = "storekeeper.storekeeper.svc"
	podSubject  = "system:serviceaccount:payments:api"
)

// kubernetesIssuer is the entry for a cluster in callers.
func kubernetesIssuer(c *cluster) string {
	return fmt.Sprintf(`  issuers:
  - name: cluster
    issuer: %s
    audiences: [%s]
    subjects: [{match: "system:serviceaccount:payments:*", tenant: payments}]
    refresh_min_interval: 1s
`, c.url, podAudience)
}

// A token of a real API server is accepted over both protocols; otherwise
// doctor names the cause.
func TestTokensOfKubernetesAreAccepted(t *testing.T) {
	c := startCluster(t)
	c.account("payments", "api")
	c.account("storekeeper", "storekeeper")
	p := prepared(t, setup{callers: kubernetesIssuer(c)})
	p.file = filepath.Join(p.folder, "config.yaml")
	ca := "callers.issuers[0].ca_file=" + c.file("ca.crt")
	shown := "callers.issuers[0].token_file=" + c.write("token", []byte(c.token("storekeeper", "storekeeper")))

	for name, test := range map[string]struct {
		sets       []string
		says, mend string
	}{
		"without the authority": {nil, "unknown authority", "kube-root-ca.crt"},
		"without a token":       {[]string{ca}, "answered with status 403", "set token_file"},
	} {
		if f := diagnosed(t, p, test.sets...).find("issuer cluster"); f.Status != checkFailed || !strings.Contains(f.Message, test.says) || !strings.Contains(f.Fix, test.mend) {
			t.Errorf("%s: %+v", name, f)
		}
	}
	if f := diagnosed(t, p, ca, shown).find("issuer cluster"); f.Status != checkOK || f.Message != "1 keys from "+c.url+"/openid/v1/jwks" {
		t.Errorf("with a token: %+v", f)
	}

	p.setup.sets = []string{ca, shown}
	p.serve()
	first := c.token("payments", "api", podAudience)
	p.admits(t, first, "the first key")
	p.refuses(t, c.token("storekeeper", "storekeeper", podAudience), "system:serviceaccount:storekeeper:storekeeper")

	c.makeKey("second")
	c.serve("second", "first")
	p.admits(t, c.token("payments", "api", podAudience), "the second key beside the first")
	p.admits(t, first, "the first key beside the second")

	c.makeKey("third")
	c.serve("third")
	c.write("token", []byte(c.token("storekeeper", "storekeeper")))
	p.admits(t, c.token("payments", "api", podAudience), "the third key alone")
	if status, _ := p.as(t, first); status != http.StatusUnauthorized {
		t.Errorf("the first key after it was withdrawn: %d", status)
	}
}

// admits expects that a token is accepted over both protocols. A new key may be
// asked for once in a second only.
func (p *program) admits(t *testing.T, token, what string) {
	t.Helper()
	p.await(what+" is accepted", func() bool {
		status, _ := p.as(t, token)
		return status == http.StatusOK
	})
	if err := p.listStores(t, token); err != nil {
		t.Errorf("%s over gRPC: %v", what, err)
	}
	if !strings.Contains(p.out.String(), `"caller":"cluster:`+podSubject+`"`) {
		t.Errorf("%s: the log does not name the caller", what)
	}
}

// refuses expects that a token is refused over both protocols, and that the log
// names its subject.
func (p *program) refuses(t *testing.T, token, subject string) {
	t.Helper()
	if code, text := p.as(t, token); code != http.StatusUnauthorized || strings.Contains(text, subject) {
		t.Errorf("%s over REST: %d %s", subject, code, text)
	}
	if err := p.listStores(t, token); status.Code(err) != codes.Unauthenticated {
		t.Errorf("%s over gRPC: %v", subject, err)
	}
	if !strings.Contains(p.out.String(), subject) {
		t.Errorf("the log does not name %s", subject)
	}
}

// as lists stores with a token.
func (p *program) as(t *testing.T, token string) (int, string) {
	t.Helper()
	got, err := p.try(t.Context(), http.MethodGet, "stores", strings.NewReader(""), "Authorization: Bearer "+token)
	if err != nil {
		t.Fatal(err)
	}
	return got.status, got.body
}

// listStores lists stores over gRPC with a token.
func (p *program) listStores(t *testing.T, token string) error {
	t.Helper()
	conn, err := grpc.NewClient(p.grpc, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	ctx := metadata.NewOutgoingContext(t.Context(), metadata.Pairs("authorization", "Bearer "+token))
	_, err = secretsstorev1.NewSecretsStoreServiceClient(conn).ListStores(ctx, &secretsstorev1.ListStoresRequest{AccountId: accountID})
	return err
}

// A cluster can deny service accounts access to the keys; the binding in
// deploy/README.md grants it to one service account.
func TestADocumentedBindingLetsStorekeeperReadTheKeys(t *testing.T) {
	c := startCluster(t)
	c.account("storekeeper", "storekeeper")
	p := prepared(t, setup{callers: kubernetesIssuer(c)})
	sets := []string{
		"callers.issuers[0].ca_file=" + c.file("ca.crt"),
		"callers.issuers[0].token_file=" + c.write("token", []byte(c.token("storekeeper", "storekeeper"))),
	}
	const bindings = "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/"
	c.must(http.MethodDelete, bindings+"system:service-account-issuer-discovery", "")
	c.await("the right is gone", func() bool {
		f := diagnosed(t, p, sets...).find("issuer cluster")
		return f.Status == checkFailed && strings.Contains(f.Message, "status 403") && strings.Contains(f.Fix, "system:service-account-issuer-discovery")
	})
	docs, err := os.ReadFile("../../deploy/README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(docs), "```yaml\napiVersion: rbac.authorization.k8s.io/v1\n")
	manifest, _, closed := strings.Cut(rest, "```")
	if !found || !closed {
		t.Fatal("deploy/README.md shows no binding")
	}
	c.apply("apiVersion: rbac.authorization.k8s.io/v1\n"+manifest, bindings, "")
	c.await("the right is back", func() bool { return diagnosed(t, p, sets...).find("issuer cluster").Status == checkOK })
}

// apply applies a manifest as kubectl apply --server-side does, strictly.
func (c *cluster) apply(manifest, collection, more string) {
	c.t.Helper()
	_, name, _ := strings.Cut(manifest, "\n  name: ")
	name, _, _ = strings.Cut(name, "\n")
	path := collection + name + "?fieldManager=test&fieldValidation=Strict" + more
	if status, text := c.try(http.MethodPatch, path, "application/apply-patch+yaml", manifest); status != http.StatusOK && status != http.StatusCreated {
		c.t.Errorf("%s: %d %s", name, status, text)
	}
}

func TestKubernetesTakesOurManifests(t *testing.T) {
	c := startCluster(t)
	c.account("storekeeper", "default")
	for file, collection := range map[string]string{
		"serviceaccount.yaml": "/api/v1/namespaces/storekeeper/serviceaccounts/", "service.yaml": "/api/v1/namespaces/storekeeper/services/",
		"deployment.yaml": "/apis/apps/v1/namespaces/storekeeper/deployments/", "secret.example.yaml": "/api/v1/namespaces/storekeeper/secrets/",
		"networkpolicy.yaml":                   "/apis/networking.k8s.io/v1/namespaces/storekeeper/networkpolicies/",
		"poddisruptionbudget.yaml":             "/apis/policy/v1/namespaces/storekeeper/poddisruptionbudgets/",
		"horizontalpodautoscaler.example.yaml": "/apis/autoscaling/v2/namespaces/storekeeper/horizontalpodautoscalers/",
		"ingress.example.yaml":                 "/apis/networking.k8s.io/v1/namespaces/storekeeper/ingresses/",
	} {
		text, err := os.ReadFile(filepath.Join("../../deploy/kubernetes", file))
		if err != nil {
			t.Fatal(err)
		}
		for manifest := range strings.SplitSeq(string(text), "\n---\n") {
			c.apply(manifest, collection, "&dryRun=All")
		}
	}
}
