package names_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"platform.internal/storekeeper/internal/emulator"
	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/names"
	"platform.internal/storekeeper/internal/server/servertest"
	"platform.internal/storekeeper/internal/upstream"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	main    = servertest.Main
	nowhere = "ffffffffffffffffffffffffffffffff"
)

func open(t *testing.T) (*names.Resolver, *servertest.Cloudflare) {
	t.Helper()
	cf := servertest.NewCloudflare(t, &servertest.Clock{}, nil)
	r, err := names.New(cf.Client, nil)
	if err != nil {
		t.Fatal(err)
	}
	return r, cf
}

func kind(err error) fault.Kind {
	f, _ := errors.AsType[*fault.Error](err)
	if f == nil {
		return -1
	}
	return f.Kind
}

func TestAnAccountIsFoundByIdentifierAndByName(t *testing.T) {
	r, cf := open(t)
	for given, want := range map[string]string{
		main: main, servertest.MainID: main, servertest.OtherID: servertest.Other,
		servertest.UnservedID: "", "": "", "MAIN": "", main + " ": "",
	} {
		if got, served := r.Account(given); got != want || served != (want != "") {
			t.Errorf("%q is %q, %t", given, got, served)
		}
	}
	if seen := cf.Seen(); len(seen) > 0 {
		t.Errorf("Cloudflare was asked: %v", seen)
	}
	if kind(names.NotServed()) != fault.Denied {
		t.Error("an account that is not served is not denied")
	}
}

func TestAStoreIsAskedForOnce(t *testing.T) {
	r, cf := open(t)
	id := cf.Store(t, main, "default")
	for range 3 {
		if name, err := r.Store(t.Context(), main, id); err != nil || name != "default" {
			t.Fatalf("got %q, %v", name, err)
		}
	}
	if seen := cf.Seen(); len(seen) != 1 {
		t.Errorf("asked %v", seen)
	}
	if name, err := r.Store(t.Context(), servertest.Other, id); kind(err) != fault.NotFound || name != "" {
		t.Errorf("in another account: %q, %v", name, err)
	}
}

// TestWhatFailsIsNotRemembered has faults of every sort before the answer.
func TestWhatFailsIsNotRemembered(t *testing.T) {
	r, cf := open(t)
	store := cf.Store(t, main, "default")
	secret := cf.Secret(t, main, store, "A")
	in := upstream.StoreParams{Account: main, StoreID: store}
	fail := func() {
		if err := cf.Inject(emulator.Fault{Kind: emulator.KindStatus, Status: 503, Times: 1}); err != nil {
			t.Fatal(err)
		}
	}
	fail()
	if _, err := r.Store(t.Context(), main, store); kind(err) != fault.Unavailable {
		t.Errorf("got %v", err)
	}
	if name, err := r.Store(t.Context(), main, store); err != nil || name != "default" {
		t.Errorf("then %q, %v", name, err)
	}
	fail()
	if _, err := r.Secrets(t.Context(), in, []string{secret}); kind(err) != fault.Unavailable {
		t.Errorf("got %v", err)
	}
	fail()
	if _, err := r.Secrets(t.Context(), in, []string{secret, nowhere}); kind(err) != fault.Unavailable {
		t.Errorf("got %v", err)
	}
	for range 2 {
		if _, err := r.Secrets(t.Context(), in, []string{nowhere}); kind(err) != fault.NotFound {
			t.Errorf("got %v", err)
		}
	}
	if names, err := r.Secrets(t.Context(), in, []string{secret}); err != nil || !slices.Equal(names, []string{"A"}) {
		t.Errorf("then %q, %v", names, err)
	}
}

func TestAnIdentifierThatIsNoneIsNotAskedFor(t *testing.T) {
	r, cf := open(t)
	store := cf.Store(t, main, "default")
	for _, id := range []string{"", "x", "../" + store, store + "/secrets", "FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF"} {
		if _, err := r.Store(t.Context(), main, id); kind(err) != fault.NotFound {
			t.Errorf("store %q: %v", id, err)
		}
		if _, err := r.Secrets(t.Context(), upstream.StoreParams{Account: main, StoreID: store}, []string{id}); kind(err) != fault.NotFound {
			t.Errorf("secret %q: %v", id, err)
		}
	}
	if seen := cf.Seen(); len(seen) > 0 {
		t.Errorf("asked %v", seen)
	}
}

func TestAStoreIsNoSecretOfItself(t *testing.T) {
	r, cf := open(t)
	store := cf.Store(t, main, "default")
	if _, err := r.Store(t.Context(), main, store); err != nil {
		t.Fatal(err)
	}
	names, err := r.Secrets(t.Context(), upstream.StoreParams{Account: main, StoreID: store}, []string{""})
	if kind(err) != fault.NotFound || names != nil {
		t.Errorf("got %q, %v", names, err)
	}
}

func TestSeveralSecretsAreLearntPageByPage(t *testing.T) {
	r, cf := open(t)
	store := cf.Store(t, main, "default")
	var ids, names []string
	for i := range 250 {
		names = append(names, fmt.Sprintf("S%03d", i))
		ids = append(ids, cf.Secret(t, main, store, names[i]))
	}
	in := upstream.StoreParams{Account: main, StoreID: store}
	for _, c := range []struct {
		name  string
		ids   []string
		want  []string
		asked int
	}{
		{"none", nil, []string{}, 0},
		{"one is asked for by itself", ids[7:8], names[7:8], 1},
		{"one that is known and one that is not", ids[7:9], names[7:9], 1},
		{"several cost the pages of the store", ids[100:200], names[100:200], 3},
		{"which tell of all", ids, names, 0},
		{"in any order, and twice", []string{ids[249], ids[0], ids[249]}, []string{names[249], names[0], names[249]}, 0},
	} {
		got, err := r.Secrets(t.Context(), in, c.ids)
		if seen := cf.Seen(); err != nil || !slices.Equal(got, c.want) || len(seen) != c.asked {
			t.Errorf("%s: got %v, %v with %d requests, want %d", c.name, got, err, len(seen), c.asked)
		}
	}
	late := cf.Secret(t, main, store, "LATE")
	if got, err := r.Secrets(t.Context(), in, []string{ids[0], late}); err != nil || got[1] != "LATE" {
		t.Errorf("one that was made since: %v, %v", got, err)
	}
	if got, err := r.Secrets(t.Context(), in, []string{nowhere, ids[1], nowhere}); kind(err) != fault.NotFound || got != nil {
		t.Errorf("one that does not exist: %v, %v", got, err)
	}
	other := upstream.StoreParams{Account: main, StoreID: cf.Store(t, main, "other")}
	if got, err := r.Secrets(t.Context(), other, ids[:1]); kind(err) != fault.NotFound {
		t.Errorf("in another store: %v, %v", got, err)
	}
}

func TestManyMayAskAtOnce(t *testing.T) {
	r, cf := open(t)
	store := cf.Store(t, main, "default")
	var ids []string
	for i := range 20 {
		ids = append(ids, cf.Secret(t, main, store, fmt.Sprintf("S%02d", i)))
	}
	var all sync.WaitGroup
	for i := range 16 {
		all.Go(func() {
			in := upstream.StoreParams{Account: main, StoreID: store}
			names, err := r.Secrets(context.Background(), in, ids[i:i+3])
			if err != nil || names[0] != fmt.Sprintf("S%02d", i) {
				t.Errorf("got %v, %v", names, err)
			}
			if name, err := r.Store(context.Background(), main, store); err != nil || name != "default" {
				t.Errorf("got %q, %v", name, err)
			}
		})
	}
	all.Wait()
}

// fakeLookup is a Lookup with one store and one secret.
type fakeLookup struct {
	store  upstream.Store
	secret upstream.Secret
	err    error
}

func (s fakeLookup) FindStores(_ context.Context, _ string, _, ids []string) ([]upstream.Store, error) {
	if slices.Contains(ids, s.store.ID) {
		return []upstream.Store{s.store}, s.err
	}
	return nil, s.err
}

func (s fakeLookup) FindSecrets(_ context.Context, _, _ string, _, ids []string) ([]upstream.Secret, error) {
	if slices.Contains(ids, s.secret.ID) {
		return []upstream.Secret{s.secret}, s.err
	}
	return nil, s.err
}

func TestWhatIsKnownAtAnyAgeCostsNoCall(t *testing.T) {
	cf := servertest.NewCloudflare(t, &servertest.Clock{}, nil)
	id := cf.Store(t, main, "default")
	known := fakeLookup{store: upstream.Store{ID: id, Name: "default"}, secret: upstream.Secret{ID: nowhere, Name: "GONE_SINCE"}}
	r, err := names.New(cf.Client, known)
	if err != nil {
		t.Fatal(err)
	}
	in := upstream.StoreParams{Account: main, StoreID: id}
	if name, err := r.Store(t.Context(), main, id); err != nil || name != "default" {
		t.Errorf("the store is %q, %v", name, err)
	}
	if names, err := r.Secrets(t.Context(), in, []string{nowhere}); err != nil || !slices.Equal(names, []string{"GONE_SINCE"}) {
		t.Errorf("the secret is %v, %v", names, err)
	}
	if seen := cf.Seen(); len(seen) > 0 {
		t.Errorf("Cloudflare was asked: %v", seen)
	}
	known.err = errors.New("away")
	if r, err = names.New(cf.Client, known); err != nil {
		t.Fatal(err)
	}
	if name, err := r.Store(t.Context(), main, id); err != nil || name != "default" {
		t.Errorf("where the finder fails the store is %q, %v", name, err)
	}
	if _, err := r.Secrets(t.Context(), in, []string{nowhere}); kind(err) != fault.NotFound {
		t.Errorf("where the finder fails Cloudflare's answer counts, not %v", err)
	}
}

func TestAStoreThatIsNotKnownToBeThereIsAskedForOnce(t *testing.T) {
	cf := servertest.NewCloudflare(t, &servertest.Clock{}, nil)
	r, err := names.New(cf.Client, fakeLookup{err: fault.New(fault.NotFound, "STORE_NOT_FOUND", "No such store.")})
	if err != nil {
		t.Fatal(err)
	}
	in := upstream.StoreParams{Account: main, StoreID: nowhere}
	if _, err := r.Secrets(t.Context(), in, []string{nowhere}); kind(err) != fault.NotFound {
		t.Errorf("got %v", err)
	}
	if seen := cf.Seen(); len(seen) > 0 {
		t.Errorf("Cloudflare was asked again: %v", seen)
	}
}
