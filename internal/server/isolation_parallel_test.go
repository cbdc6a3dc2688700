package server_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	secretsstorev1 "platform.internal/storekeeper/gen/secretsstore/v1"
	"platform.internal/storekeeper/internal/authn"
	"platform.internal/storekeeper/internal/server/servertest"
)

// TestTenantsAtOnceStayApart runs six tenants concurrently in one store. Each tenant has secrets
// that it does not change and that the others try to access.
func TestTenantsAtOnceStayApart(t *testing.T) {
	const each, calls = 5, 100
	text := "rules:\n"
	var callers []authn.Principal
	for i := range 6 {
		callers = append(callers, authn.Principal{Name: fmt.Sprintf("caller-%d", i), Tenant: fmt.Sprintf("tenant-%d", i)})
		text += fmt.Sprintf("  - {id: r%d, actions: ['secret.*'], when: 'principal.tenant == \"tenant-%d\" && secret.startsWith(\"T%d_\")'}\n", i, i, i)
	}
	g := servertest.Start(t, servertest.Config{Rules: text, Callers: callers})
	store := g.Cloudflare.Store(t, main, "default")
	kept := map[int][]string{}
	for i := range callers {
		for n := range each {
			kept[i] = append(kept[i], g.Cloudflare.Secret(t, main, store, fmt.Sprintf("T%d_KEPT%d", i, n)))
		}
	}
	before := g.Cloudflare.State(t)
	conn := g.Listen(t)
	var all sync.WaitGroup
	for i, p := range callers {
		client := g.As(p)
		if i%2 == 0 {
			client = servertest.Over(conn, p.Name)
		}
		all.Go(func() { (&intruder{T: t, me: i, client: client, store: store, kept: kept}).work(calls) })
	}
	all.Wait()
	after := g.Cloudflare.State(t)
	for at, what := range before {
		if after[at] != what {
			t.Errorf("%s is %q, was %q", at, after[at], what)
		}
	}
}

// intruder is a tenant that makes calls.
type intruder struct {
	*testing.T

	me     int
	client servertest.Client
	store  string
	kept   map[int][]string
}

func (x *intruder) work(calls int) {
	r := rand.New(rand.NewPCG(uint64(x.me), 1))
	methods := allMethods()
	for n := range calls {
		another := (x.me + 1 + r.IntN(5)) % 6
		foreign := choose(r, x.kept[another])
		own := fmt.Sprintf("T%d_N%d", x.me, n)
		for _, c := range []struct {
			method  string
			request proto.Message
			want    codes.Code
		}{
			{"CreateSecrets", &secretsstorev1.CreateSecretsRequest{AccountId: main, StoreId: x.store, Secrets: []*secretsstorev1.NewSecret{fresh(own)}}, ok},
			{"CreateSecrets", &secretsstorev1.CreateSecretsRequest{AccountId: main, StoreId: x.store, Secrets: []*secretsstorev1.NewSecret{fresh(own + "B"), fresh(fmt.Sprintf("T%d_N%d", another, n))}}, codes.PermissionDenied},
			{"GetSecret", &secretsstorev1.GetSecretRequest{AccountId: main, StoreId: x.store, SecretId: choose(r, x.kept[x.me])}, ok},
			{"GetSecret", &secretsstorev1.GetSecretRequest{AccountId: main, StoreId: x.store, SecretId: foreign}, codes.PermissionDenied},
			{"UpdateSecret", &secretsstorev1.UpdateSecretRequest{AccountId: main, StoreId: x.store, SecretId: foreign, Value: &own}, codes.PermissionDenied},
			{"DeleteSecrets", &secretsstorev1.DeleteSecretsRequest{AccountId: main, StoreId: x.store, Ids: []string{x.kept[x.me][0], foreign}}, codes.PermissionDenied},
			{"DuplicateSecret", &secretsstorev1.DuplicateSecretRequest{AccountId: main, StoreId: x.store, SecretId: foreign, Name: own + "C", Scopes: []string{"workers"}}, codes.PermissionDenied},
			{"ListSecrets", &secretsstorev1.ListSecretsRequest{AccountId: main, StoreId: x.store, PerPage: 100, Search: "KEPT"}, ok},
		} {
			if n%10 != 0 && c.method == "ListSecrets" {
				continue
			}
			got := methods[c.method].overRPC(x.Context(), x.client.Conn, c.request)
			if got.code != c.want {
				x.Errorf("%d %s: %v, want %v: %s", x.me, c.method, got.code, c.want, got.text)
			}
			x.look(c.method, got)
		}
	}
}

// look searches an answer for words that only another tenant may see.
func (x *intruder) look(method string, got answer) {
	for _, word := range got.words {
		if strings.Contains(word, "_KEPT") && !strings.HasPrefix(word, fmt.Sprintf("T%d_", x.me)) {
			x.Errorf("%s told caller %d of %s", method, x.me, word)
		}
	}
}
