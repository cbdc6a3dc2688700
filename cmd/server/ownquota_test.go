package main

import (
	"context"
	"crypto/sha256"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/encoding/protojson"

	secretsstorev1 "platform.internal/storekeeper/gen/secretsstore/v1"
)

// ofTenant configures the second caller of a test, with a tenant.
func ofTenant(name string) string {
	return fmt.Sprintf("  - {name: team-search, sha256: %x, tenant: %s}", sha256.Sum256([]byte(otherKey)), name)
}

// with returns a context with the credential of a caller.
func with(key string) context.Context {
	return metadata.AppendToOutgoingContext(context.Background(), "authorization", "Bearer "+key)
}

// quotaOf returns GetQuota's answers to a caller over REST and gRPC.
func (p *program) quotaOf(key string) (rest, rpc string) {
	p.t.Helper()
	got := p.must("GET", "quota", "", "Authorization: Bearer "+key)
	rest = got.body[strings.Index(got.body, `"secrets":`):]
	answer := p.invoke(with(key), "GetQuota", &secretsstorev1.GetQuotaRequest{AccountId: "main"})
	if answer.err != nil {
		p.t.Fatal(answer.err)
	}
	text, err := protojson.MarshalOptions{UseProtoNames: true, EmitDefaultValues: true}.Marshal(answer.answer)
	if err != nil {
		p.t.Fatal(err)
	}
	rpc = strings.ReplaceAll(string(text), " ", "")
	return rest, rpc
}

// sees checks the figures of secrets that a caller gets over both protocols.
func (p *program) sees(t *testing.T, key string, quota, usage int) {
	t.Helper()
	rest, rpc := p.quotaOf(key)
	if want := fmt.Sprintf(`"secrets":{"quota":%d,"usage":%d}`, quota, usage); !strings.Contains(rest, want) {
		t.Errorf("over REST it sees %s, not %s", rest, want)
	}
	if want := fmt.Sprintf(`"quota":"%d","usage":"%d"`, quota, usage); !strings.Contains(rpc, want) {
		t.Errorf("over gRPC it sees %s, not %s", rpc, want)
	}
}

func TestATenantSeesItsOwnQuotaOverBothProtocolsAndKeepsItWhenRenamed(t *testing.T) {
	t.Parallel()
	const limit = 3
	p := start(t, setup{callers: ofTenant("search"), sets: []string{"quotas[0].tenant=search", "quotas[0].secrets=3"}})
	w := p.given("secret")
	path, as := "stores/"+w.store+"/secrets", "Authorization: Bearer "+otherKey
	create := func(name string) reply {
		return p.do("POST", path, fmt.Sprintf(`[{"name":%q,"value":"v","scopes":["dex"]}]`, name), as)
	}
	for _, name := range []string{"ONE", "TWO"} {
		if got := create(name); got.status != http.StatusOK {
			t.Fatalf("%d %s", got.status, got.body)
		}
	}
	p.sees(t, otherKey, limit, 2)
	// The account holds a secret more, and has the room of Cloudflare's plan.
	p.sees(t, callerKey, 100, 3)

	// The quota is that of the id, which is the name that the tenant had.
	p.setup.callers = ofTenant("find") + "\n  tenants: [{name: find, id: search}]"
	p.file = p.writeConfig(p.setup)
	p.await("the new name is in force", func() bool { return p.out.line("the changed configuration file is in force") != nil })
	p.sees(t, otherKey, limit, 2)
	if got := create("THREE"); got.status != http.StatusOK {
		t.Fatalf("%d %s", got.status, got.body)
	}
	p.sees(t, otherKey, limit, limit)
	if got := create("FOUR"); got.status != http.StatusBadRequest || !strings.Contains(got.body, "max 3") {
		t.Errorf("beyond the quota: %d %s", got.status, got.body)
	}
	got := p.invoke(with(otherKey), "CreateSecrets", &secretsstorev1.CreateSecretsRequest{
		AccountId: "main", StoreId: w.store, Secrets: []*secretsstorev1.NewSecret{{Name: "FOUR", Value: "v", Scopes: []string{"dex"}}},
	})
	if got.code != codes.FailedPrecondition {
		t.Errorf("beyond the quota over gRPC: %v", got.err)
	}
	p.sees(t, otherKey, limit, limit)
}
