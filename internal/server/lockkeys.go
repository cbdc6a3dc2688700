package server

import (
	"context"
	"crypto/sha256"
	"fmt"

	"platform.internal/storekeeper/internal/contract"
	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/upstream"
)

// lockKeysOf names what a change is about, so that two changes of the same thing
// do not run at the same time. A secret that exists goes by its name too: who
// deletes it must wait for whoever is not sure yet of having made it. What a
// copy is made of is not changed by that. It also gives the names of the
// secrets that exist, by their identifiers.
func (c Chain) lockKeysOf(ctx context.Context, account string, about contract.Target) (objects []string, names map[string]string, err error) {
	store := storeKey(account, about)
	for _, s := range about.Secrets {
		objects = append(objects, store+"/name/"+s.Name)
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
		objects = append(objects, store+"/name/"+name)
	}
	return objects, names, err
}

// storeKey names the store that a change is about.
func storeKey(account string, about contract.Target) string { return account + "/" + about.StoreID }

// storeNameKey names a store that is made. Its name may be longer than that of a
// record.
func storeNameKey(account, name string) string {
	return fmt.Sprintf("%s/store-name/%x", account, sha256.Sum256([]byte(name)))
}

// ignoreNotFound lets pass that an object does not exist: the change itself says so.
func ignoreNotFound(err error) error {
	if err != nil && fault.From(err).Kind == fault.NotFound {
		return nil
	}
	return err
}
