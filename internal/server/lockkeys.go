package server

import (
	"context"
	"crypto/sha256"
	"encoding/hex"

	"platform.internal/storekeeper/internal/contract"
	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/upstream"
)

// lockKeysOf returns the lock keys of a change, so that two changes of one object do not run
// concurrently. An existing secret is locked by identifier and by name: a deletion must wait for a
// create of the same name whose response was lost. The source of a duplicate is not locked.
// lockKeysOf also returns the names of the existing secrets by identifier.
func (c *Chain) lockKeysOf(ctx context.Context, account string, about *contract.Target) (objects []string, names map[string]string, err error) {
	store := storeKey(account, about.StoreID)
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
func storeKey(account, storeID string) string { return account + "/" + storeID }

// secretNameKey is the lock key of the name of a secret in the store of a key.
func secretNameKey(store, name string) string { return store + "/name/" + name }

// storeNameKey is the lock key of the name of a store. It is a hash, because the name may exceed
// the maximum length of a record key.
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
