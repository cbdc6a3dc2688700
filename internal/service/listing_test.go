package service_test

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"
	"google.golang.org/protobuf/proto"

	secretsstorev1 "platform.internal/storekeeper/gen/secretsstore/v1"
	"platform.internal/storekeeper/internal/change"
	"platform.internal/storekeeper/internal/scope"
	"platform.internal/storekeeper/internal/server/servertest"
	"platform.internal/storekeeper/internal/service"
	"platform.internal/storekeeper/internal/upstream"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// kept is a secret in the model. changed is the number of the last change, or 0.
type kept struct {
	name, comment string
	scopes        []string
	made, changed int
}

// library is a store with many secrets of random kinds.
type library struct {
	service *service.Service
	cf      *servertest.Cloudflare
	store   string
	secrets []kept
}

// newLibrary makes n secrets of five teams, and changes some of them.
func newLibrary(t *testing.T, r *rand.Rand, n int) *library {
	t.Helper()
	cf := servertest.NewCloudflare(t, &servertest.Clock{}, nil)
	l := &library{cf: cf, service: service.New(cf.Client, change.Steps{Send: change.Send(cf.Client)}.Compose().Do, nil), store: cf.Store(t, servertest.Main, "default")}
	scopes := []string{"workers", "dex", "access"}
	var ids []string
	for i := range n {
		s := kept{name: fmt.Sprintf("T%d_%04d", r.IntN(5), r.IntN(10_000)*1000+i), comment: fmt.Sprintf("note %d", r.IntN(4)), made: i + 1}
		for _, scope := range scopes {
			if r.IntN(2) == 0 {
				s.scopes = append(s.scopes, scope)
			}
		}
		if len(s.scopes) == 0 {
			s.scopes = scopes[:1]
		}
		a, err := cf.Client.CreateSecrets(t.Context(), upstream.CreateSecretsParams{
			Account: servertest.Main, StoreID: l.store,
			Secrets: []upstream.NewSecret{{Name: s.name, Value: "v", Scopes: s.scopes, Comment: &s.comment}},
		})
		if err != nil {
			t.Fatal(err)
		}
		ids, l.secrets = append(ids, a.Result[0].ID), append(l.secrets, s)
	}
	for change := range n / 3 {
		i := r.IntN(n)
		l.secrets[i].comment, l.secrets[i].changed = fmt.Sprintf("note %d", r.IntN(4)), change+1
		_, err := cf.Client.UpdateSecret(t.Context(), upstream.UpdateSecretParams{
			Account: servertest.Main, StoreID: l.store, SecretID: ids[i], Comment: upstream.CommentChange{Change: true, Text: &l.secrets[i].comment},
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return l
}

// expected is the model: which names a list shows, on the page that is asked
// for, and how many there are in all.
func (l *library) expected(q *secretsstorev1.ListSecretsRequest, shown scope.Filter) (names []string, total int) {
	var all []kept
	for _, s := range l.secrets {
		search := q.GetSearch() == "" || strings.Contains(strings.ToLower(s.name+"\x00"+s.comment), strings.ToLower(q.GetSearch()))
		scoped := len(q.GetScopes()) == 0 || slices.ContainsFunc(q.GetScopes(), func(x string) bool { return slices.Contains(s.scopes, x) })
		if search && scoped && shown(s.name) {
			all = append(all, s)
		}
	}
	n := len(l.secrets)
	slices.SortFunc(all, func(a, b kept) int { return b.made - a.made })
	slices.SortStableFunc(all, func(a, b kept) int {
		var c int
		switch q.GetOrder() {
		case "name":
			c = cmp.Compare(a.name, b.name)
		case "comment":
			c = cmp.Compare(a.comment, b.comment)
		case "modified":
			c = cmp.Compare(lastChange(a, n), lastChange(b, n))
		case "status":
		default:
			c = a.made - b.made
		}
		if q.GetDirection() == "asc" {
			return c
		}
		return -c
	})
	size := min(cmp.Or(int(q.GetPerPage()), 20), 100)
	from := min((max(int(q.GetPage()), 1)-1)*size, len(all))
	for _, s := range all[from:min(from+size, len(all))] {
		names = append(names, s.name)
	}
	return names, len(all)
}

// lastChange orders secrets by their last change: all were made before the
// first of them was changed.
func lastChange(s kept, n int) int {
	if s.changed > 0 {
		return n + s.changed
	}
	return s.made
}

func one(r *rand.Rand, of ...string) string { return of[r.IntN(len(of))] }

// TestAListShowsWhatMayBeSeenAndCountsIt holds random lists against the model.
func TestAListShowsWhatMayBeSeenAndCountsIt(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	for _, n := range []int{0, 1, 99, 100, 101, 250, 300} {
		l := newLibrary(t, r, n)
		for range 60 {
			q := &secretsstorev1.ListSecretsRequest{
				AccountId: servertest.Main, StoreId: l.store,
				Page: int32(r.IntN(7)), PerPage: []int32{0, 1, 7, 20, 50, 99, 100, 101, 5000}[r.IntN(9)],
				Order: one(r, "", "name", "comment", "created", "modified", "status"), Direction: one(r, "", "asc", "desc"),
				Search: one(r, "", "", "T1_", "t2", "note 3", "nothing"),
			}
			for range r.IntN(3) {
				q.Scopes = append(q.Scopes, one(r, "workers", "dex", "ai_gateway"))
			}
			prefix := one(r, "", "T", "T0_", "T3_", "X")
			shown := func(name string) bool { return strings.HasPrefix(name, prefix) }
			got, err := l.service.ListSecrets(scope.WithVisible(t.Context(), shown), q)
			if err != nil {
				t.Fatal(err)
			}
			names, total := l.expected(q, shown)
			var gotNames []string
			for _, s := range got.GetSecrets() {
				gotNames = append(gotNames, s.GetName())
			}
			if !slices.Equal(gotNames, names) || int(got.GetResultInfo().GetTotalCount()) != total {
				t.Errorf("of %d, prefix %q, %v:\ngot  %d of %d %v\nwant %d of %d %v", n, prefix, q,
					len(gotNames), got.GetResultInfo().GetTotalCount(), gotNames, len(names), total, names)
			}
			if prefix != "" {
				continue
			}
			plain, err := l.service.ListSecrets(t.Context(), q)
			if err != nil || !proto.Equal(plain, got) {
				t.Errorf("%v: where all may be seen, Cloudflare says %v %v, and the list is %v", q, plain, err, got)
			}
		}
	}
}

func TestAListOfStoresShowsWhatMayBeSeen(t *testing.T) {
	cf := servertest.NewCloudflare(t, &servertest.Clock{}, nil)
	s := service.New(cf.Client, change.Steps{Send: change.Send(cf.Client)}.Compose().Do, nil)
	for i := range 230 {
		cf.Store(t, servertest.Main, fmt.Sprintf("%c-%03d", 'a'+i%3, i))
	}
	shown := scope.WithVisible(t.Context(), func(name string) bool { return strings.HasPrefix(name, "b-") })
	q := &secretsstorev1.ListStoresRequest{AccountId: servertest.Main, Order: "name", Direction: "asc", PerPage: 30}
	var names []string
	for q.Page = 1; ; q.Page++ {
		got, err := s.ListStores(shown, q)
		if err != nil {
			t.Fatal(err)
		}
		info := got.GetResultInfo()
		if info.GetTotalCount() != 77 || info.GetTotalPages() != 3 || info.GetPage() != q.GetPage() || info.GetPerPage() != 30 || int(info.GetCount()) != len(got.GetStores()) {
			t.Errorf("page %d: %v", q.GetPage(), info)
		}
		if len(got.GetStores()) == 0 {
			break
		}
		for _, store := range got.GetStores() {
			names = append(names, store.GetName())
		}
	}
	if len(names) != 77 || !slices.IsSorted(names) || names[0] != "b-001" {
		t.Errorf("got %v", names)
	}
	all := scope.WithVisible(context.Background(), func(string) bool { return true })
	filtered, err := s.ListStores(all, &secretsstorev1.ListStoresRequest{AccountId: servertest.Main})
	plain, plainErr := s.ListStores(t.Context(), &secretsstorev1.ListStoresRequest{AccountId: servertest.Main})
	if err != nil || plainErr != nil || !proto.Equal(filtered, plain) {
		t.Errorf("%v %v: got %v, want %v", err, plainErr, filtered, plain)
	}
}

// TestAListThatBreaksOffShowsNothing has the second of three pages fail.
func TestAListThatBreaksOffShowsNothing(t *testing.T) {
	l := newLibrary(t, rand.New(rand.NewPCG(1, 1)), 250)
	ctx, cancel := context.WithCancel(t.Context())
	asked := 0
	got, err := l.service.ListSecrets(scope.WithVisible(ctx, func(string) bool {
		if asked++; asked == 100 {
			cancel()
		}
		return true
	}), &secretsstorev1.ListSecretsRequest{AccountId: servertest.Main, StoreId: l.store})
	if err == nil || got != nil || asked != 100 {
		t.Errorf("got %v, %v after %d", got, err, asked)
	}
}
