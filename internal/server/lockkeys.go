package server

import (
	"context"
	"crypto/sha256"
	"encoding/hex"

	"platform.internal/storekeeper/internal/contract"
	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/upstream"
)

// lockKeysOf returns the keys of the objects that a change locks, so that two
// changes of one object do not run at the same time. An existing secret is
// locked by its identifier and by its name: a deletion must wait for a create
// of the same name whose answer was lost. The source of a duplicate is not
// locked. lockKeysOf also returns the names of the existing secrets by their
// identifiers.
func (c Chain) lockKeysOf(ctx context.Context, account string, about contract.Target) (objects []string, names map[string]string, err error) {
	store := storeKey(account, about)
	for _, s := range about.Secrets {
		objects = append(objects, secretNameKey(store, s.Name))
	}
	if about.StoreName != "" {
		objects = append(objects, storeNameKey(account, about.StoreName))
	}
	if len(objects) > 0 {
		return objects, nil, nil
	}
	if len(about.SecretIDs) == 0 {
		name, err := c.Rights.Names.Store(ctx, account, about.StoreID)
		if err == nil {
			objects = append(objects, storeNameKey(account, name))
		}
		return append(objects, store), nil, ignoreNotFound(err)
	}
	names, err = c.Rights.Names.Known(ctx, upstream.StoreParams{Account: account, StoreID: about.StoreID}, distinct(about.SecretIDs))
	for _, id := range about.SecretIDs {
		objects = append(objects, store+"/id/"+id)
	}
	for _, name := range names {
		objects = append(objects, secretNameKey(store, name))
	}
	return objects, names, err
}

// storeKey is the lock key of the store of a change.
func storeKey(account string, about contract.Target) string { return account + "/" + about.StoreID }

// secretNameKey is the lock key of the name of a secret in the store of a key.
func secretNameKey(store, name string) string { return store + "/name/" + name }

// storeNameKey is the lock key of the name of a store. It is hashed, since the
// name may be longer than a key of the store of records.
func storeNameKey(account, name string) string {
	sum := sha256.Sum256([]byte(name))
	var digits [2 * sha256.Size]byte
	hex.Encode(digits[:], sum[:])
	return account + "/store-name/" + string(digits[:])
}

// ignoreNotFound drops a NotFound error: the change itself will report it.
func ignoreNotFound(err error) error {
	if err != nil && fault.From(err).Kind == fault.NotFound {
		return nil
	}
	return err
}
