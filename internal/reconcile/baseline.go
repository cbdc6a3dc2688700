package reconcile

import (
	"context"
	"slices"
	"time"

	"platform.internal/storekeeper/internal/change"
	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/upstream"
)

// Baseline takes down what is there before a change. It asks the listings for
// what it has at any age, and for something newer only where an object that is
// to change is not in that. An object that is not there is no error.
func (s *Reconciler) Baseline(ctx context.Context, op *change.Op) (change.Baseline, error) {
	var b change.Baseline
	var err error
	if len(op.Secrets)+len(op.SecretIDs) == 0 {
		err = s.storesBefore(ctx, op, &b)
	} else {
		err = s.secretsBefore(ctx, op, &b)
	}
	b.Since = s.clock().Add(s.ahead(op.Account))
	return b, err
}

func (s *Reconciler) storesBefore(ctx context.Context, op *change.Op, b *change.Baseline) error {
	return s.survey(op.StoreID == "", func(notBefore time.Time) (bool, error) {
		stores, err := s.storesOf(ctx, op, notBefore)
		b.Stores = map[string]string{}
		for _, store := range stores {
			if store.ID == op.StoreID || op.StoreName != "" && store.Name == op.StoreName {
				b.Stores[store.Name] = store.ID
			}
		}
		return len(b.Stores) > 0, err
	})
}

func (s *Reconciler) secretsBefore(ctx context.Context, op *change.Op, b *change.Baseline) error {
	wanted := op.Names()
	return s.survey(len(op.SecretIDs) == 0, func(notBefore time.Time) (bool, error) {
		secrets, err := s.secretsOf(ctx, op, notBefore)
		b.Secrets, b.Modified = map[string]string{}, map[string]time.Time{}
		known := 0
		for _, secret := range secrets {
			if slices.Contains(wanted, secret.Name) {
				b.Secrets[secret.Name] = secret.ID
			}
			if slices.Contains(op.SecretIDs, secret.ID) {
				b.Modified[secret.ID] = secret.Modified
				known++
			}
		}
		return known >= len(op.SecretIDs), err
	})
}

// survey reads at any age, and once more anew if that did not show all and more
// is needed.
func (s *Reconciler) survey(enough bool, read func(notBefore time.Time) (bool, error)) error {
	all, err := read(time.Time{})
	if !all && !enough && (err == nil || isNotFound(err)) {
		_, err = read(s.clock())
	}
	if isNotFound(err) {
		// The change itself will say so.
		return nil
	}
	return err
}

func isNotFound(err error) bool { return err != nil && fault.From(err).Kind == fault.NotFound }

// storesOf gives the stores that a change is about, and maybe others.
func (s *Reconciler) storesOf(ctx context.Context, op *change.Op, notBefore time.Time) ([]upstream.Store, error) {
	if finder, ok := s.listings.(Finder); ok && notBefore.IsZero() {
		return finder.FindStores(ctx, op.Account, oneOf(op.StoreName), oneOf(op.StoreID))
	}
	return s.listings.Stores(ctx, op.Account, notBefore)
}

// oneOf lists a text, unless it is empty.
func oneOf(text string) []string {
	if text == "" {
		return nil
	}
	return []string{text}
}

// secretsOf gives the secrets that a change is about, and maybe others.
func (s *Reconciler) secretsOf(ctx context.Context, op *change.Op, notBefore time.Time) ([]upstream.Secret, error) {
	if finder, ok := s.listings.(Finder); ok && notBefore.IsZero() {
		return finder.FindSecrets(ctx, op.Account, op.StoreID, op.Names(), op.SecretIDs)
	}
	return s.listings.Secrets(ctx, op.Account, op.StoreID, notBefore)
}
