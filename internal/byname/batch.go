package byname

import (
	"context"
	"errors"
	"strings"

	"golang.org/x/sync/errgroup"

	secretsstorev1 "platform.internal/storekeeper/gen/secretsstore/v1"
	storekeeperv1 "platform.internal/storekeeper/gen/storekeeper/v1"
	"platform.internal/storekeeper/internal/cache"
	"platform.internal/storekeeper/internal/change"
	"platform.internal/storekeeper/internal/fault"
)

// updatesAtOnce is the number of secrets of a batch that are updated at the same
// time. Each update is a call to Cloudflare.
const updatesAtOnce = 10

// PutSecrets puts several secrets. Each secret has its own outcome.
func (s *Service) PutSecrets(ctx context.Context, r *storekeeperv1.PutSecretsRequest) (*storekeeperv1.PutSecretsResponse, error) {
	defer forgetAge(ctx)
	keyed, err := s.c.Calls.Keyed(ctx, r)
	if err == nil && keyed {
		err = noKey()
	}
	if err != nil {
		return nil, err
	}
	b := &batch{Service: s, dry: r.GetValidateOnly(), results: make([]*storekeeperv1.SecretPutResult, len(r.GetSecrets()))}
	for i, put := range r.GetSecrets() {
		b.results[i] = &storekeeperv1.SecretPutResult{Name: put.GetName()}
		b.left = append(b.left, batchItem{at: i, put: put})
	}
	age := cache.Bounded
	for round := 0; len(b.left) > 0; round++ {
		if round == maxRounds {
			b.fail(ctx, b.left, busy())
			break
		}
		failed := b.round(ctx, r, age, round == 0)
		switch {
		case failed == nil:
		case round == 0:
			return nil, failed
		default:
			b.fail(ctx, b.left, failed)
			b.left = nil
		}
		age = cache.Now
		if len(b.left) > 0 {
			backOff(ctx, round, b.again)
		}
	}
	return &storekeeperv1.PutSecretsResponse{Results: b.results}, nil
}

// batchItem is one secret of a batch.
type batchItem struct {
	// at is the position in the request.
	at  int
	put *storekeeperv1.SecretPut
	// call is the change, shared by the items to create. Method is "" if there is nothing to do.
	call InnerCall
}

// batch is a put of several secrets.
type batch struct {
	*Service

	dry     bool
	results []*storekeeperv1.SecretPutResult
	// left are the items without a result. again is the fault of the last of them.
	left  []batchItem
	again error
}

// plan is the work of a round: one call for the items to create, and one call for each item to update.
type plan struct {
	created []batchItem
	create  InnerCall
	updated []batchItem
}

// round decides and makes the changes for the remaining items. first says that no change was made before. A
// call that is not authorised is then refused as a whole.
func (b *batch) round(ctx context.Context, r *storekeeperv1.PutSecretsRequest, age cache.Age, first bool) error {
	p, err := b.place(ctx, r.GetAccount(), r.GetStore())
	if err != nil {
		return err
	}
	puts := make([]*storekeeperv1.SecretPut, len(b.left))
	for i, one := range b.left {
		puts[i] = one.put
	}
	seen, err := b.look(ctx, p, puts, age)
	if err != nil {
		return err
	}
	todo := b.decide(p, seen)
	if first {
		if err := b.judge(ctx, todo); err != nil {
			return err
		}
	}
	todo.updated = b.skipUnchanged(todo.updated, seen)
	b.left = nil
	b.make(ctx, todo)
	return nil
}

// decide divides the items into those to create and those to update.
func (b *batch) decide(p place, seen sight) plan {
	var todo plan
	var puts []*storekeeperv1.SecretPut
	for _, one := range b.left {
		old, exists := seen.found[one.put.GetName()]
		if !exists {
			todo.created, puts = append(todo.created, one), append(puts, one.put)
			continue
		}
		one.call = b.update(p, one.put, old)
		if b.dry {
			b.results[one.at].Secret = fromCloudflare(old)
		}
		todo.updated = append(todo.updated, one)
	}
	if len(puts) > 0 {
		todo.create = b.create(p, puts...)
	}
	return todo
}

// judge refuses the whole call if one of its changes is not authorised.
func (b *batch) judge(ctx context.Context, todo plan) error {
	calls := make([]InnerCall, 0, 1+len(todo.updated))
	if len(todo.created) > 0 {
		calls = append(calls, todo.create)
	}
	for _, one := range todo.updated {
		calls = append(calls, one.call)
	}
	for _, call := range calls {
		call.JudgeOnly = true
		if _, err := b.c.Calls.Call(ctx, call); err != nil {
			return err
		}
	}
	return nil
}

// skipUnchanged sets the result of items that already have the wanted state, and returns the others.
func (b *batch) skipUnchanged(items []batchItem, seen sight) []batchItem {
	var left []batchItem
	for _, one := range items {
		if !seen.unchanged[one.put.GetName()] {
			left = append(left, one)
			continue
		}
		result := b.results[one.at]
		result.Outcome, result.Secret = storekeeperv1.PutSecretResponse_UNCHANGED, fromCloudflare(seen.found[one.put.GetName()])
	}
	return left
}

// make makes the changes. Items that need a new decision go to b.left.
func (b *batch) make(ctx context.Context, todo plan) {
	errs := make([]error, len(todo.updated))
	var refused error
	var all errgroup.Group
	all.SetLimit(1 + updatesAtOnce)
	all.Go(func() error {
		if len(todo.created) > 0 {
			refused = b.createAll(ctx, todo)
		}
		return nil
	})
	for i, one := range todo.updated {
		all.Go(func() error {
			errs[i] = b.updateOne(ctx, one)
			return nil
		})
	}
	// Each item has its error in errs.
	_ = all.Wait()
	for i, one := range todo.updated {
		b.conclude(ctx, []batchItem{one}, inRequest(errs[i], "", createdField(one.at)))
	}
	blamed := b.blame(ctx, todo.created, refused)
	if len(blamed) < len(todo.created) && len(blamed) > 0 {
		// The other items have not failed. The next round tries them without the blamed items.
		b.left = append(b.left, without(todo.created, blamed)...)
		return
	}
	if len(blamed) == 0 {
		b.conclude(ctx, todo.created, refused)
	}
}

// updateOne updates an item that exists.
func (b *batch) updateOne(ctx context.Context, one batchItem) error {
	one.call.DryRun = b.dry
	answer, err := b.c.Calls.Call(ctx, one.call)
	if err != nil {
		return err
	}
	result := b.results[one.at]
	result.Outcome = storekeeperv1.PutSecretResponse_UPDATED
	if made, ok := answer.(*secretsstorev1.UpdateSecretResponse); ok {
		result.Secret = fromMessage(made.GetSecret())
	}
	return nil
}

// createAll creates the items that do not exist.
func (b *batch) createAll(ctx context.Context, todo plan) error {
	todo.create.DryRun = b.dry
	answer, err := b.c.Calls.Call(ctx, todo.create)
	if err != nil {
		return err
	}
	made, _ := answer.(*secretsstorev1.CreateSecretsResponse)
	for i, one := range todo.created {
		result := b.results[one.at]
		result.Outcome = storekeeperv1.PutSecretResponse_CREATED
		if i < len(made.GetSecrets()) {
			result.Secret = fromMessage(made.GetSecrets()[i])
		}
	}
	return nil
}

// conclude sets the result of failed items. Items that need a new decision go to b.left.
func (b *batch) conclude(ctx context.Context, items []batchItem, err error) {
	switch {
	case err == nil:
	case errors.Is(err, change.ErrAgain):
		b.left, b.again = append(b.left, items...), err
	default:
		b.fail(ctx, items, err)
	}
}

// fail sets the result of failed items.
func (b *batch) fail(ctx context.Context, items []batchItem, err error) {
	for _, one := range items {
		b.results[one.at].Secret, b.results[one.at].Error = nil, b.c.Status(ctx, err)
	}
}

// blame sets the result of those created items that Cloudflare's refusal names, and returns their positions.
func (b *batch) blame(ctx context.Context, created []batchItem, err error) map[int]bool {
	blamed := map[int]bool{}
	f := &fault.Error{}
	if err == nil || errors.Is(err, change.ErrAgain) || !errors.As(err, &f) || f.Kind != fault.BadInput {
		return blamed
	}
	for i, one := range created {
		own := *f
		own.Fields, own.Errors, own.Notices = nil, aboutItem(f.Errors, i), aboutItem(f.Notices, i)
		for _, field := range f.Fields {
			if rest, ok := strings.CutPrefix(field.Path, createdField(i)); ok {
				field.Path, field.Pointer = createdField(one.at)+rest, ""
				own.Fields = append(own.Fields, field)
			}
		}
		if len(own.Fields) > 0 {
			blamed[one.at] = true
			b.fail(ctx, []batchItem{one}, &own)
		}
	}
	return blamed
}

// without returns the items at other positions.
func without(items []batchItem, at map[int]bool) []batchItem {
	var others []batchItem
	for _, one := range items {
		if !at[one.at] {
			others = append(others, one)
		}
	}
	return others
}
