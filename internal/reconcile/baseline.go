package reconcile

import (
	"context"
	"slices"
	"time"

	"platform.internal/storekeeper/internal/change"
	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/upstream"
)

// Baseline reads the state before a change. It accepts listings of any age, and reads a fresh listing only if
// an object to change is missing. A missing object is not an error.
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

// survey reads at any age. It reads once more, fresh, if objects are missing and enough is false.
func (s *Reconciler) survey(enough bool, read func(notBefore time.Time) (bool, error)) error {
	all, err := read(time.Time{})
	if !all && !enough && (err == nil || isNotFound(err)) {
		_, err = read(s.clock())
	}
	if isNotFound(err) {
		// The change itself returns the fault.
		return nil
	}
	return err
}

func isNotFound(err error) bool { return err != nil && fault.From(err).Kind == fault.NotFound }

// storesOf returns at least the stores that a change concerns.
func (s *Reconciler) storesOf(ctx context.Context, op *change.Op, notBefore time.Time) ([]upstream.Store, error) {
	if finder, ok := s.listings.(Finder); ok && notBefore.IsZero() {
		return finder.FindStores(ctx, op.Account, oneOf(op.StoreName), oneOf(op.StoreID))
	}
	return s.listings.Stores(ctx, op.Account, notBefore)
}

// oneOf returns a list of one text, or nil for "".
func oneOf(text string) []string {
	if text == "" {
		return nil
	}
	return []string{text}
}

// secretsOf returns at least the secrets that a change concerns.
func (s *Reconciler) secretsOf(ctx context.Context, op *change.Op, notBefore time.Time) ([]upstream.Secret, error) {
	if finder, ok := s.listings.(Finder); ok && notBefore.IsZero() {
		return finder.FindSecrets(ctx, op.Account, op.StoreID, op.Names(), op.SecretIDs)
	}
	return s.listings.Secrets(ctx, op.Account, op.StoreID, notBefore)
}
