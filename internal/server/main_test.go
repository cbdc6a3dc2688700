package server_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	secretsstorev1 "platform.internal/storekeeper/gen/secretsstore/v1"
	identityv1 "platform.internal/storekeeper/gen/storekeeper/identity/v1"
	"platform.internal/storekeeper/internal/authn"
	"platform.internal/storekeeper/internal/server/servertest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	main, mainID   = servertest.Main, servertest.MainID
	other, otherID = servertest.Other, servertest.OtherID

	// nowhere is a well-formed identifier of nothing.
	nowhere = "ffffffffffffffffffffffffffffffff"
)

// rules are the common rules, one per line.
const rules = `
rules:
  - {id: payments-own-a-prefix, actions: [secret.*], when: 'principal.tenant == "payments" && account == "main" && store == "default" && secret.startsWith("PAYMENTS_")'}
  - {id: search-owns-a-prefix, actions: [secret.*], when: 'principal.tenant == "search" && account == "main" && store == "default" && secret.startsWith("SEARCH_")'}
  - {id: search-sees-the-store, actions: [store.get], when: 'principal.tenant == "search" && account == "main" && store == "default"'}
  - {id: ci-creates, actions: [secret.create, secret.get], when: '"ci" in principal.groups && secret.startsWith("CI_") && scopes.all(s, s == "workers")'}
  - {id: ci-changes, actions: [secret.update], when: '"ci" in principal.groups && secret.startsWith("CI_") && scopes.all(s, s == "workers")'}
  - {id: readers-read, actions: ["*.get"], when: '"readers" in principal.groups'}
  - {id: copiers-take, actions: [secret.duplicate], when: '"copiers" in principal.groups'}
  - {id: makers-make, actions: [secret.create], when: '"makers" in principal.groups && secret.startsWith("COPY_")'}
  - {id: root, actions: ["*"], when: 'principal.name == "root"'}
`

// Callers that the rules speak of.
var (
	payments = authn.Principal{Name: "payments-app", Tenant: "payments", Kind: authn.KindJWT}
	search   = authn.Principal{Name: "search-app", Tenant: "search", Kind: authn.KindAPIKey}
	ci       = authn.Principal{Name: "pipeline", Groups: []string{"ci"}, Kind: authn.KindJWT}
	reader   = authn.Principal{Name: "auditor", Groups: []string{"readers"}, Kind: authn.KindMTLS}
	copier   = authn.Principal{Name: "copier", Groups: []string{"copiers"}}
	maker    = authn.Principal{Name: "maker", Groups: []string{"makers"}}
	both     = authn.Principal{Name: "both", Groups: []string{"copiers", "makers"}}
	root     = authn.Principal{Name: "root", Tenant: "platform", Kind: authn.KindAPIKey}
	nobody   = authn.Principal{Name: "nobody", Tenant: "nothing"}
)

// world is a gate with two stores in one account and a store in another account.
type world struct {
	*servertest.Gate

	store, spare, elsewhere  string
	payA, payB, searchA, ciA string
	farPay, sparePay         string
}

func start(t testing.TB, c servertest.Config) *world {
	t.Helper()
	if c.Rules == "" {
		c.Rules = rules
	}
	w := &world{Gate: servertest.Start(t, c)}
	cf := w.Cloudflare
	w.store, w.spare, w.elsewhere = cf.Store(t, main, "default"), cf.Store(t, main, "spare"), cf.Store(t, other, "default")
	w.payA, w.payB = cf.Secret(t, main, w.store, "PAYMENTS_A"), cf.Secret(t, main, w.store, "PAYMENTS_B")
	w.searchA, w.ciA = cf.Secret(t, main, w.store, "SEARCH_A"), cf.Secret(t, main, w.store, "CI_A")
	w.sparePay, w.farPay = cf.Secret(t, main, w.spare, "PAYMENTS_A"), cf.Secret(t, other, w.elsewhere, "PAYMENTS_A")
	return w
}

// within gives a context that ends long after any test has.
func within(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// reason is the machine word of a failed call.
func reason(err error) string {
	for _, d := range status.Convert(err).Details() {
		if info, ok := d.(*errdetails.ErrorInfo); ok {
			return info.GetReason()
		}
	}
	return ""
}

// decision is the decision id that a denial tells.
func decision(err error) string {
	_, id, _ := strings.Cut(status.Convert(err).Message(), "Decision ")
	return strings.TrimSuffix(id, ".")
}

// call is an RPC made by a client.
type call func(context.Context, servertest.Client) error

// rpc is an RPC with a request that anybody with all rights may make, about a
// place that exists.
type rpc struct {
	name    string
	action  string
	changes bool
	call    call
}

// rpcs lists all RPCs on stores and secrets.
func (w *world) rpcs() []rpc {
	secrets := []*secretsstorev1.NewSecret{fresh("PAYMENTS_NEW")}
	return []rpc{
		{"CreateStore", "store.create", true, func(ctx context.Context, c servertest.Client) error {
			_, err := c.CreateStore(ctx, &secretsstorev1.CreateStoreRequest{AccountId: main, Name: "new"})
			return err
		}},
		{"ListStores", "store.get", false, func(ctx context.Context, c servertest.Client) error {
			_, err := c.ListStores(ctx, &secretsstorev1.ListStoresRequest{AccountId: main})
			return err
		}},
		{"GetStore", "store.get", false, func(ctx context.Context, c servertest.Client) error {
			_, err := c.GetStore(ctx, &secretsstorev1.GetStoreRequest{AccountId: main, StoreId: w.store})
			return err
		}},
		{"DeleteStore", "store.delete", true, func(ctx context.Context, c servertest.Client) error {
			_, err := c.DeleteStore(ctx, &secretsstorev1.DeleteStoreRequest{AccountId: main, StoreId: w.spare, Force: true})
			return err
		}},
		{"CreateSecrets", "secret.create", true, func(ctx context.Context, c servertest.Client) error {
			_, err := c.CreateSecrets(ctx, &secretsstorev1.CreateSecretsRequest{AccountId: main, StoreId: w.store, Secrets: secrets})
			return err
		}},
		{"ListSecrets", "secret.get", false, func(ctx context.Context, c servertest.Client) error {
			_, err := c.ListSecrets(ctx, &secretsstorev1.ListSecretsRequest{AccountId: main, StoreId: w.store})
			return err
		}},
		{"GetSecret", "secret.get", false, w.get(w.payA)},
		{"UpdateSecret", "secret.update", true, w.update(w.payA)},
		{"DeleteSecret", "secret.delete", true, w.remove(w.payB)},
		{"DeleteSecrets", "secret.delete", true, w.removeAll(w.searchA, w.ciA)},
		{"DuplicateSecret", "secret.duplicate", true, w.copy(w.payA, "PAYMENTS_COPY")},
		{"GetQuota", "quota.get", false, func(ctx context.Context, c servertest.Client) error {
			_, err := c.GetQuota(ctx, &secretsstorev1.GetQuotaRequest{AccountId: main})
			return err
		}},
	}
}

func fresh(name string, scopes ...string) *secretsstorev1.NewSecret {
	if len(scopes) == 0 {
		scopes = []string{"workers"}
	}
	return &secretsstorev1.NewSecret{Name: name, Value: "v-" + name, Scopes: scopes}
}

func (w *world) get(id string) call {
	return func(ctx context.Context, c servertest.Client) error {
		_, err := c.GetSecret(ctx, &secretsstorev1.GetSecretRequest{AccountId: main, StoreId: w.store, SecretId: id})
		return err
	}
}

func (w *world) update(id string, scopes ...string) call {
	value := "another value"
	return func(ctx context.Context, c servertest.Client) error {
		_, err := c.UpdateSecret(ctx, &secretsstorev1.UpdateSecretRequest{AccountId: main, StoreId: w.store, SecretId: id, Value: &value, Scopes: scopes})
		return err
	}
}

func (w *world) remove(id string) call {
	return func(ctx context.Context, c servertest.Client) error {
		_, err := c.DeleteSecret(ctx, &secretsstorev1.DeleteSecretRequest{AccountId: main, StoreId: w.store, SecretId: id})
		return err
	}
}

func (w *world) removeAll(ids ...string) call {
	return func(ctx context.Context, c servertest.Client) error {
		_, err := c.DeleteSecrets(ctx, &secretsstorev1.DeleteSecretsRequest{AccountId: main, StoreId: w.store, Ids: ids})
		return err
	}
}

func (w *world) copy(id, name string, scopes ...string) call {
	if len(scopes) == 0 {
		scopes = []string{"workers"}
	}
	return func(ctx context.Context, c servertest.Client) error {
		_, err := c.DuplicateSecret(ctx, &secretsstorev1.DuplicateSecretRequest{AccountId: main, StoreId: w.store, SecretId: id, Name: name, Scopes: scopes})
		return err
	}
}

func (w *world) create(secrets ...*secretsstorev1.NewSecret) call {
	return func(ctx context.Context, c servertest.Client) error {
		_, err := c.CreateSecrets(ctx, &secretsstorev1.CreateSecretsRequest{AccountId: main, StoreId: w.store, Secrets: secrets})
		return err
	}
}

// selves are the RPCs about the caller alone.
func selves() map[string]call {
	return map[string]call{
		"VerifyToken": func(ctx context.Context, c servertest.Client) error {
			_, err := c.Identity.VerifyToken(ctx, &identityv1.VerifyTokenRequest{})
			return err
		},
		"GetUser": func(ctx context.Context, c servertest.Client) error {
			_, err := c.Identity.GetUser(ctx, &identityv1.GetUserRequest{})
			return err
		},
	}
}

// ok says that a call succeeds.
const ok = codes.OK
