package change_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"platform.internal/storekeeper/internal/change"
	"platform.internal/storekeeper/internal/change/changetest"
	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/upstream"
)

// cloudflare records the requests and returns the error err.
type cloudflare struct {
	asked []string
	err   error
}

func ask[T any](c *cloudflare, name string, p any, result T) (upstream.Answer[T], error) {
	text, err := json.Marshal(p)
	if err != nil {
		return upstream.Answer[T]{}, err
	}
	c.asked = append(c.asked, name+" "+string(text))
	return upstream.Answer[T]{Result: result, Ray: "ray", Notices: []upstream.Notice{{Message: "said"}}, Info: &upstream.ResultInfo{Count: 1}}, c.err
}

func (c *cloudflare) CreateStore(_ context.Context, p upstream.CreateStoreParams) (upstream.Answer[upstream.Store], error) {
	return ask(c, "CreateStore", p, upstream.Store{ID: "s"})
}

func (c *cloudflare) DeleteStore(_ context.Context, p upstream.DeleteStoreParams) (upstream.Answer[upstream.None], error) {
	return ask(c, "DeleteStore", p, upstream.None{})
}

func (c *cloudflare) CreateSecrets(_ context.Context, p upstream.CreateSecretsParams) (upstream.Answer[[]upstream.Secret], error) {
	for _, s := range p.Secrets {
		c.asked = append(c.asked, "value "+string(s.Value))
	}
	return ask(c, "CreateSecrets", p, []upstream.Secret{{ID: "1"}, {ID: "2"}})
}

func (c *cloudflare) UpdateSecret(_ context.Context, p upstream.UpdateSecretParams) (upstream.Answer[upstream.Secret], error) {
	if p.Value != nil {
		c.asked = append(c.asked, "value "+string(*p.Value))
	}
	return ask(c, "UpdateSecret", p, upstream.Secret{ID: p.SecretID})
}

func (c *cloudflare) DeleteSecret(_ context.Context, p upstream.SecretParams) (upstream.Answer[upstream.None], error) {
	return ask(c, "DeleteSecret", p, upstream.None{})
}

func (c *cloudflare) DeleteSecrets(_ context.Context, p upstream.DeleteSecretsParams) (upstream.Answer[upstream.None], error) {
	return ask(c, "DeleteSecrets", p, upstream.None{})
}

func (c *cloudflare) DuplicateSecret(_ context.Context, p upstream.DuplicateSecretParams) (upstream.Answer[upstream.Secret], error) {
	return ask(c, "DuplicateSecret", p, upstream.Secret{ID: "copy"})
}

// op is a change with its values and the identifiers that it creates or changes.
type op struct {
	change.Op

	values change.Values
	ids    []string
}

func ops() []op {
	comment, none := "of it", ""
	in := change.Op{Account: "main", StoreID: "s", Caller: "ci", Tenant: "payments"}
	with := func(kind change.Kind, set func(*change.Op)) change.Op {
		o := in
		o.Kind = kind
		set(&o)
		return o
	}
	return []op{
		{Op: change.Op{Kind: change.CreateStore, Account: "main", StoreName: "S"}, ids: []string{"s"}},
		{Op: with(change.DeleteStore, func(o *change.Op) { o.Force = true })},
		{Op: with(change.CreateSecrets, func(o *change.Op) {
			o.Secrets = []change.NewSecret{{Name: "A", Scopes: []string{"workers"}, Comment: &comment}, {Name: "B", Comment: &none}}
		}), values: change.Values{"canary one", "canary two"}, ids: []string{"1", "2"}},
		{Op: with(change.UpdateSecret, func(o *change.Op) {
			o.SecretIDs, o.Update = []string{"1"}, change.Update{Value: true, Comment: upstream.CommentChange{Change: true}}
		}), values: change.Values{"canary"}, ids: []string{"1"}},
		{Op: with(change.UpdateSecret, func(o *change.Op) {
			o.SecretIDs, o.Update = []string{"1"}, change.Update{Scopes: []string{}, Comment: upstream.CommentChange{Change: true, Text: &none}}
		}), ids: []string{"1"}},
		{Op: with(change.DeleteSecret, func(o *change.Op) { o.SecretIDs = []string{"1"} })},
		{Op: with(change.DeleteSecrets, func(o *change.Op) { o.SecretIDs = []string{"1", "2"} })},
		{Op: with(change.DuplicateSecret, func(o *change.Op) {
			o.SecretIDs, o.Secrets = []string{"1"}, []change.NewSecret{{Name: "COPY", Scopes: []string{"dex"}}}
		}), ids: []string{"copy"}},
	}
}

// TestAChangeIsSentAsTheCallThatItDescribes compares each change with the request that has the same
// parameters.
func TestAChangeIsSentAsTheCallThatItDescribes(t *testing.T) {
	for _, o := range ops() {
		c := &cloudflare{}
		a := &change.Attempt{Op: o.Op, Values: o.values}
		r, err := change.Send(c)(t.Context(), a)
		if err != nil || !slices.Equal(r.IDs(), o.ids) && len(o.ids)+len(r.IDs()) > 0 || r.Ray != "ray" || len(r.Notices) != 1 || r.Info == nil {
			t.Errorf("%s: %+v, %v, want %v", o.Kind, r, err, o.ids)
		}
		// The other way round: the call makes the same change.
		again := &change.Attempt{}
		send := change.Send(changetest.Calls{Next: func(_ context.Context, a *change.Attempt) (change.Result, error) {
			*again = *a
			return change.Result{}, nil
		}})
		if _, err := send(t.Context(), a); err != nil || !reflect.DeepEqual(again.Op, a.Op) || !slices.Equal(again.Values, a.Values) {
			t.Errorf("%s: %v, got %+v, want %+v", o.Kind, err, again.Op, a.Op)
		}
		if !strings.HasPrefix(c.asked[len(c.asked)-1], string(o.Kind)+" ") || len(c.asked) != 1+len(o.values) {
			t.Errorf("%s: Cloudflare was asked for %q", o.Kind, c.asked)
		}
		c.err = fault.New(fault.NotFound, "SECRET_NOT_FOUND", "none")
		if r, err := change.Send(c)(t.Context(), a); !errors.Is(err, c.err) || !reflect.DeepEqual(r, change.Result{}) {
			t.Errorf("%s: a refusal is %+v, %v", o.Kind, r, err)
		}
	}
}

// TestAChangeIsReadAsItWasWritten encodes and decodes each change as JSON, without its values.
func TestAChangeIsReadAsItWasWritten(t *testing.T) {
	for _, o := range ops() {
		text, err := json.Marshal(o.Op)
		if err != nil {
			t.Fatal(err)
		}
		var read change.Op
		if err := json.Unmarshal(text, &read); err != nil || !reflect.DeepEqual(read, o.Op) {
			t.Errorf("%s reads as %+v, %v", text, read, err)
		}
		c := &cloudflare{}
		_, err = change.Send(c)(t.Context(), &change.Attempt{Op: read})
		if refused := err != nil && fault.From(err).Kind == fault.Internal; refused != (len(o.values) > 0) || refused != (len(c.asked) == 0) {
			t.Errorf("%s without its values: %v, and Cloudflare was asked for %q", o.Kind, err, c.asked)
		}
	}
}

// TestAChangeThatNamesNothingIsNotSent has changes that no request describes.
func TestAChangeThatNamesNothingIsNotSent(t *testing.T) {
	for _, o := range []change.Op{
		{}, {Kind: "PutSecret"}, {Kind: change.UpdateSecret}, {Kind: change.DeleteSecret, SecretIDs: []string{"1", "2"}},
		{Kind: change.DuplicateSecret, SecretIDs: []string{"1"}},
	} {
		c := &cloudflare{}
		if _, err := change.Send(c)(t.Context(), &change.Attempt{Op: o}); fault.From(err).Kind != fault.Internal || len(c.asked) > 0 {
			t.Errorf("%+v: %v, and Cloudflare was asked for %q", o, err, c.asked)
		}
	}
}

// TestNothingPrintsAValue prints an attempt in every way.
func TestNothingPrintsAValue(t *testing.T) {
	a := change.Attempt{Op: change.Op{Kind: change.UpdateSecret}, Values: change.Values{"canary"}}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		for _, it := range []any{a, &a, a.Values} {
			if text := fmt.Sprintf(verb, it); strings.Contains(text, "canary") || strings.Contains(text, "63616e617279") {
				t.Errorf("%s prints %s", verb, text)
			}
		}
	}
	if text, err := json.Marshal(a.Values); err != nil || strings.Contains(string(text), "canary") {
		t.Errorf("as JSON: %s, %v", text, err)
	}
}

// TestEveryChangeOfARequestMustBeHeld sends three changes in one request. The lease of the last change has
// ended.
func TestEveryChangeOfARequestMustBeHeld(t *testing.T) {
	if err := change.MayLeave(t.Context()); err != nil {
		t.Errorf("a request of no change: %v", err)
	}
	held := true
	batch := &change.Attempt{Together: []*change.Attempt{{}, {Held: func() bool { return true }}, {Held: func() bool { return held }}}}
	ctx := change.With(t.Context(), batch)
	if err := change.MayLeave(ctx); err != nil {
		t.Errorf("with all leases: %v", err)
	}
	held = false
	if err := change.MayLeave(ctx); fault.From(err).Reason != "STATE_UNAVAILABLE" || fault.From(err).Kind != fault.Unavailable {
		t.Errorf("without one: %v", err)
	}
}

// TestAPartOfAChangeKeepsItsValues takes some of the secrets of a change.
func TestAPartOfAChangeKeepsItsValues(t *testing.T) {
	o := change.Op{Kind: change.CreateSecrets, StoreID: "s", Secrets: []change.NewSecret{{Name: "A"}, {Name: "B"}, {Name: "C"}}}
	part, values := change.Part(&o, change.Values{"a", "b", "c"}, []int{2, 0})
	if !slices.Equal(part.Names(), []string{"C", "A"}) || !slices.Equal(values, change.Values{"c", "a"}) || part.StoreID != "s" || len(o.Secrets) != 3 {
		t.Errorf("got %v with %q of %v", part.Names(), string(values[0]), o.Names())
	}
}

// TestTheStepsOfAChange runs steps that only tell when they begin and end.
func TestTheStepsOfAChange(t *testing.T) {
	var told []string
	step := func(name string) change.Step {
		return func(ctx context.Context, a *change.Attempt, next change.Next) (change.Result, error) {
			told = append(told, name)
			r, err := next(ctx, a)
			told = append(told, name+" ends")
			return r, err
		}
	}
	steps := change.Steps{Publish: step("publish"), Reconcile: step("reconcile"), Batch: step("batch"), Send: change.Send(&cloudflare{})}.Compose()
	r, err := steps.Apply(t.Context(), &change.Attempt{Op: change.Op{Kind: change.CreateStore, StoreName: "S"}})
	want := []string{"publish", "reconcile", "batch", "batch ends", "reconcile ends", "publish ends"}
	if err != nil || r.Store == nil || !slices.Equal(told, want) {
		t.Errorf("got %+v, %v, after %v", r, err, told)
	}
}
