package service_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	secretsstorev1 "platform.internal/storekeeper/gen/secretsstore/v1"
	"platform.internal/storekeeper/internal/change"
	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/service"
	"platform.internal/storekeeper/internal/upstream"
)

// cloudflare is an upstream that records requests. Methods that no test needs are missing.
type cloudflare struct {
	upstream.Reader
	change.Cloudflare

	secrets []upstream.Secret
	info    *upstream.ResultInfo
	err     error

	updated *upstream.UpdateSecretParams
	created upstream.CreateSecretsParams
	paging  upstream.Paging
}

func (c *cloudflare) GetSecret(context.Context, upstream.SecretParams) (upstream.Answer[upstream.Secret], error) {
	return upstream.Answer[upstream.Secret]{Result: c.secrets[0]}, c.err
}

func (c *cloudflare) UpdateSecret(_ context.Context, p upstream.UpdateSecretParams) (upstream.Answer[upstream.Secret], error) {
	c.updated = &p
	return upstream.Answer[upstream.Secret]{Result: c.secrets[0]}, c.err
}

func (c *cloudflare) CreateSecrets(_ context.Context, p upstream.CreateSecretsParams) (upstream.Answer[[]upstream.Secret], error) {
	c.created = p
	return upstream.Answer[[]upstream.Secret]{Result: c.secrets}, c.err
}

func (c *cloudflare) ListSecrets(_ context.Context, p upstream.ListSecretsParams) (upstream.Answer[[]upstream.Secret], error) {
	c.paging = p.Paging
	return upstream.Answer[[]upstream.Secret]{Result: c.secrets, Info: c.info}, c.err
}

func (c *cloudflare) DuplicateSecret(context.Context, upstream.DuplicateSecretParams) (upstream.Answer[upstream.Secret], error) {
	return upstream.Answer[upstream.Secret]{}, c.err
}

// serving is the service in front of a cloudflare.
func serving(c *cloudflare) *service.Service {
	return service.New(c, change.Steps{Send: change.Send(c)}.Compose().Do, nil)
}

func TestASecretIsConvertedWhole(t *testing.T) {
	moment := time.Date(2026, 11, 22, 1, 2, 3, 456789000, time.UTC)
	scopes := []string{"workers", "access", "dex"}
	c := &cloudflare{secrets: []upstream.Secret{{
		ID: "i", StoreID: "s", Name: "n", Comment: proto.String(""), Scopes: scopes, Created: moment, Modified: moment.Add(time.Hour), Status: "frozen",
	}, {}}}
	got, err := serving(c).CreateSecrets(t.Context(), &secretsstorev1.CreateSecretsRequest{})
	if err != nil {
		t.Fatal(err)
	}
	s := got.GetSecrets()[0]
	if s.GetId() != "i" || s.GetStoreId() != "s" || s.GetName() != "n" || s.GetStatus() != "frozen" || s.Comment == nil || s.GetComment() != "" ||
		!s.GetCreated().AsTime().Equal(moment) || !s.GetModified().AsTime().Equal(moment.Add(time.Hour)) {
		t.Errorf("got %v", s)
	}
	if !slices.Equal(s.GetScopes(), []string{"access", "dex", "workers"}) || scopes[0] != "workers" {
		t.Errorf("scopes %v of %v", s.GetScopes(), scopes)
	}
	if got.GetSecrets()[1].Comment != nil {
		t.Error("no comment became one")
	}
}

func TestAnswersShareTheMessageOfASecretInTheCache(t *testing.T) {
	c := &cloudflare{secrets: []upstream.Secret{{ID: "a", Form: &atomic.Value{}}, {ID: "b"}, {ID: "c", Form: &atomic.Value{}}, {ID: "d"}}}
	list := func() []*secretsstorev1.Secret {
		got, err := serving(c).ListSecrets(t.Context(), &secretsstorev1.ListSecretsRequest{})
		if err != nil {
			t.Fatal(err)
		}
		return got.GetSecrets()
	}
	first, second := list(), list()
	for i, s := range c.secrets {
		if first[i].GetId() != s.ID || second[i].GetId() != s.ID || (first[i] == second[i]) != (s.Form != nil) {
			t.Errorf("%s: %v, then %v", s.ID, first[i], second[i])
		}
	}
	if one, err := serving(c).GetSecret(t.Context(), &secretsstorev1.GetSecretRequest{}); err != nil || one.GetSecret() != first[0] {
		t.Errorf("got %v, %v", one, err)
	}
}

func TestNewSecretsArePassedOnAsTheyAre(t *testing.T) {
	c := &cloudflare{}
	_, err := serving(c).CreateSecrets(t.Context(), &secretsstorev1.CreateSecretsRequest{
		AccountId: "a", StoreId: "s", Secrets: []*secretsstorev1.NewSecret{{Name: "A", Value: "v", Scopes: []string{"b", "a"}, Comment: proto.String("")}, {Name: "B"}},
	})
	if err != nil || c.created.Account != "a" || c.created.StoreID != "s" || len(c.created.Secrets) != 2 {
		t.Fatalf("%v %v", c.created, err)
	}
	first := c.created.Secrets[0]
	if first.Name != "A" || first.Value != "v" || !slices.Equal(first.Scopes, []string{"b", "a"}) || first.Comment == nil || c.created.Secrets[1].Comment != nil {
		t.Errorf("got %s %q %v %v", first.Name, string(first.Value), first.Scopes, first.Comment)
	}
}

func TestAnUpdateChangesWhatIsNamed(t *testing.T) {
	for _, tc := range []struct {
		name    string
		request *secretsstorev1.UpdateSecretRequest
		want    string
	}{
		{"a value without a mask", &secretsstorev1.UpdateSecretRequest{Value: proto.String("v")}, "value v"},
		{"scopes without a mask", &secretsstorev1.UpdateSecretRequest{Scopes: []string{"dex"}}, "scopes [dex]"},
		{"an empty comment without a mask", &secretsstorev1.UpdateSecretRequest{Comment: proto.String("")}, `comment ""`},
		{"everything", &secretsstorev1.UpdateSecretRequest{Value: proto.String("v"), Scopes: []string{"dex"}, Comment: proto.String("c")}, `value v scopes [dex] comment "c"`},
		{"no comment by a mask", &secretsstorev1.UpdateSecretRequest{UpdateMask: mask("comment")}, "no comment"},
		{"a part of what is set", &secretsstorev1.UpdateSecretRequest{Value: proto.String("v"), Comment: proto.String("c"), UpdateMask: mask("value")}, "value v"},
		{"the name that it has", &secretsstorev1.UpdateSecretRequest{Name: proto.String("taken"), Value: proto.String("v")}, "value v"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := &cloudflare{secrets: []upstream.Secret{{Name: "taken"}}}
			if _, err := serving(c).UpdateSecret(t.Context(), tc.request); err != nil {
				t.Fatal(err)
			}
			if got := describe(*c.updated); got != tc.want {
				t.Errorf("changed %s, want %s", got, tc.want)
			}
		})
	}
}

func mask(paths ...string) *fieldmaskpb.FieldMask { return &fieldmaskpb.FieldMask{Paths: paths} }

func describe(p upstream.UpdateSecretParams) string {
	text := ""
	if p.Value != nil {
		text += " value " + string(*p.Value)
	}
	if p.Scopes != nil {
		text += fmt.Sprintf(" scopes %v", p.Scopes)
	}
	switch {
	case p.Comment.Change && p.Comment.Text == nil:
		text += " no comment"
	case p.Comment.Change:
		text += fmt.Sprintf(" comment %q", *p.Comment.Text)
	}
	return text[1:]
}

func TestANameIsNotChanged(t *testing.T) {
	c := &cloudflare{secrets: []upstream.Secret{{Name: "taken"}}}
	_, err := serving(c).UpdateSecret(t.Context(), &secretsstorev1.UpdateSecretRequest{Name: proto.String("other"), Value: proto.String("v")})
	f, ok := errors.AsType[*fault.Error](err)
	if !ok || f.Kind != fault.BadInput || f.Reason != "SECRET_NAME_IMMUTABLE" || c.updated != nil {
		t.Errorf("%v, changed %v", err, c.updated)
	}
}

func TestWhatCloudflarePointedAtIsAPlaceInTheRequest(t *testing.T) {
	ask := map[string]func(*service.Service) error{
		"an array": func(s *service.Service) error {
			_, err := s.CreateSecrets(t.Context(), &secretsstorev1.CreateSecretsRequest{})
			return err
		},
		"an object": func(s *service.Service) error {
			_, err := s.DuplicateSecret(t.Context(), &secretsstorev1.DuplicateSecretRequest{})
			return err
		},
	}
	for _, tc := range []struct{ body, pointer, path, want string }{
		{"an array", "/0/scopes/1", "", "secrets[0].scopes[1]"},
		{"an array", "/12", "", "secrets[12]"},
		{"an array", "", "", ""},
		{"an array", "/0", "kept", "kept"},
		{"an object", "/scopes/0", "", "scopes[0]"},
		{"an object", "/name", "", "name"},
	} {
		c := &cloudflare{err: fault.Invalid(fault.Field{Pointer: tc.pointer, Path: tc.path})}
		f, ok := errors.AsType[*fault.Error](ask[tc.body](serving(c)))
		if !ok || f.Fields[0].Path != tc.want {
			t.Errorf("%s of %s is %v, want %s", tc.pointer, tc.body, f, tc.want)
		}
	}
	plain := errors.New("not a fault")
	if err := ask["an array"](serving(&cloudflare{err: plain})); !errors.Is(err, plain) {
		t.Errorf("got %v", err)
	}
}

func TestAListIsCloudflaresWhereAllMayBeSeen(t *testing.T) {
	pages := 7
	c := &cloudflare{secrets: make([]upstream.Secret, 3), info: &upstream.ResultInfo{Count: 3, Page: 2, PerPage: 5, TotalCount: 33, TotalPages: &pages}}
	got, err := serving(c).ListSecrets(t.Context(), &secretsstorev1.ListSecretsRequest{PerPage: 5, Order: "name", Direction: "asc"})
	info := got.GetResultInfo()
	if err != nil || len(got.GetSecrets()) != 3 || info.GetCount() != 3 || info.GetPage() != 2 || info.GetPerPage() != 5 || info.GetTotalCount() != 33 || info.GetTotalPages() != 7 {
		t.Errorf("%v %v", got, err)
	}
	if want := (upstream.Paging{PerPage: 5, Order: "name", Direction: "asc"}); c.paging != want {
		t.Errorf("asked for %v", c.paging)
	}
}
