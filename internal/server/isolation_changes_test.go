package server_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	storekeeperv1 "platform.internal/storekeeper/gen/storekeeper/v1"
)

// listChanges asks for changes of anybody.
func (c *caller) listChanges() *attempt {
	r := &storekeeperv1.ListChangesRequest{PageSize: int32(c.r.IntN(30))}
	at := c.anyStore()
	if c.chance(40) && at.store != "" {
		r.Store = at.store
	}
	if c.chance(40) && len(c.items) > 0 {
		it := choose(c.r, c.items)
		r.Secret = choose(c.r, []string{it.name, it.id})
	}
	if c.chance(20) {
		r.Tenant = fmt.Sprintf("tenant-%d", c.r.IntN(7))
	}
	if c.chance(20) {
		r.Caller = fmt.Sprintf("caller-%d", c.r.IntN(7))
	}
	if c.chance(10) {
		r.Account = choose(c.r, []string{main, other, otherID})
	}
	a := (&attempt{method: "ListChanges", request: r}).expect(ok)
	a.check = func(reply proto.Message) string {
		for _, change := range reply.(*storekeeperv1.ListChangesResponse).GetChanges() {
			if wrong := c.mayKnow(a, change); wrong != "" {
				return wrong
			}
		}
		return ""
	}
	return a
}

// mayKnow returns the reason why a caller may not see a change, or "" if the caller may. In that
// case the words of the change are accepted in the answer.
func (c *caller) mayKnow(a *attempt, change *storekeeperv1.Change) string {
	own := change.GetBy().GetTenant() == c.Tenant
	// A store that was not created has a name and no identifier. A refused call may name a store
	// that never existed, or a store of another account: only a right in the whole account covers
	// such a store, and only a right without a prefix covers a secret that was not found.
	about := place{account: change.GetAccount(), store: change.GetStore().GetName()}
	if store := c.storesByID[change.GetStore().GetId()]; store != nil && store.account == change.GetAccount() {
		about.store = store.name
	}
	for _, s := range change.GetSecrets() {
		at := place{about.account, about.store, s.GetName()}
		if !own && !c.may(c.Principal, "secret.get", at) && !c.may(c.Principal, "change.get", at) {
			return fmt.Sprintf("it holds a change of %v, which the caller may not see: %v", at, change)
		}
	}
	if !own && len(change.GetSecrets()) == 0 && !c.may(c.Principal, "change.get", about) {
		return fmt.Sprintf("it holds another's change of a store: %v", change)
	}
	collect(change.ProtoReflect(), &a.accepted)
	return ""
}

// readNative reads an answer of Storekeeper's own API.
func (m rpcMethod) readNative(status int, body []byte, reply proto.Message) codes.Code {
	if status == http.StatusOK {
		if err := protojson.Unmarshal(body, reply); err != nil {
			return codes.DataLoss
		}
		return codes.OK
	}
	if status == http.StatusNotFound {
		// Also of a path that leads nowhere.
		return codes.NotFound
	}
	var st struct{ Code codes.Code }
	if err := json.Unmarshal(body, &st); err != nil || st.Code == codes.OK {
		return codes.DataLoss
	}
	return st.Code
}

// accepts says whether a word is in a part of the answer that was found to be the
// caller's to see.
func (a *attempt) accepts(word string) bool { return slices.Contains(a.accepted, word) }
