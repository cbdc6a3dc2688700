package main

import (
	"encoding/json"
	"net/http"
	"strings"
)

// chaosKind is a sort of change.
type chaosKind string

// The seven changes, with single and batch creates. The last three must be
// refused: a name in use, a missing secret, and two callers for one name.
const (
	kindStore   chaosKind = "CreateStore"
	kindNoStore chaosKind = "DeleteStore"
	kindSecret  chaosKind = "CreateSecrets of one"
	kindBatch   chaosKind = "CreateSecrets of several"
	kindValue   chaosKind = "UpdateSecret"
	kindGone    chaosKind = "DeleteSecret"
	kindBulk    chaosKind = "DeleteSecrets"
	kindCopy    chaosKind = "DuplicateSecret"
	kindTaken   chaosKind = "CreateSecrets of a name in use"
	kindMissing chaosKind = "UpdateSecret of none"
	kindRival   chaosKind = "CreateSecrets against a rival"
)

// kinds has the kinds that must succeed.
var kinds = []chaosKind{kindStore, kindNoStore, kindSecret, kindBatch, kindValue, kindGone, kindBulk, kindCopy}

// chaosDoor is the protocol of a caller and its way of marking retries.
type chaosDoor string

// The doors.
const (
	// doorREST is REST with the header Idempotency-Key.
	doorREST chaosDoor = "REST with a key"
	// doorSDK is REST like an SDK: no key, and a retry count.
	doorSDK chaosDoor = "REST as an SDK"
	// doorGRPC is gRPC with the key as metadata.
	doorGRPC chaosDoor = "gRPC with metadata"
	// doorField is gRPC with the field request_id.
	doorField chaosDoor = "gRPC with request_id"
)

var doors = []chaosDoor{doorREST, doorSDK, doorGRPC, doorField}

// chaosChange is a change of a caller.
type chaosChange struct {
	kind chaosKind
	door chaosDoor
	key  string
	// twins says that two callers send the change concurrently with one key.
	twins bool
	cut   chaosCut

	// store is the identifier of the store, or the name of a new one.
	store string
	// names are the names of new secrets, or of the secrets of the change.
	names []string
	// ids are the secrets of the change.
	ids []string
	// values are the values of the named secrets afterwards.
	values []string
}

// creates reports whether the change creates an object.
func (c *chaosChange) creates() bool {
	switch c.kind {
	case kindStore, kindSecret, kindBatch, kindCopy, kindTaken, kindRival:
		return true
	default:
		return false
	}
}

// marks returns texts that identify the change's requests to Cloudflare.
func (c *chaosChange) marks() []string {
	switch {
	case c.kind == kindStore, c.kind == kindNoStore:
		return []string{c.store}
	case c.creates():
		return c.names
	default:
		return c.ids
	}
}

// secrets returns the new secrets in the format of the API.
func (c *chaosChange) secrets() []map[string]any {
	var list []map[string]any
	for i, name := range c.names {
		list = append(list, map[string]any{"name": name, "value": c.values[i], "scopes": []string{"workers"}})
	}
	return list
}

// request is the change over REST.
func (c *chaosChange) request() (method, path string, body any) {
	secrets := "stores/" + c.store + "/secrets"
	switch c.kind {
	case kindStore:
		return http.MethodPost, "stores", map[string]any{"name": c.store}
	case kindNoStore:
		return http.MethodDelete, "stores/" + c.store + "?force=true", nil
	case kindValue, kindMissing:
		return http.MethodPatch, secrets + "/" + c.ids[0], map[string]any{"value": c.values[0]}
	case kindGone:
		return http.MethodDelete, secrets + "/" + c.ids[0], nil
	case kindBulk:
		return http.MethodDelete, secrets, map[string]any{"ids": c.ids}
	case kindCopy:
		return http.MethodPost, secrets + "/" + c.ids[0] + "/duplicate", map[string]any{"name": c.names[0], "scopes": []string{"workers"}}
	default:
		return http.MethodPost, secrets, c.secrets()
	}
}

// message is the change over gRPC, as proto JSON.
func (c *chaosChange) message() (rpc, request string) {
	fields := map[string]any{"account_id": accountID, "store_id": c.store}
	if c.door == doorField {
		fields["request_id"] = c.key
	}
	switch c.kind {
	case kindStore:
		delete(fields, "store_id")
		rpc, fields["name"] = "CreateStore", c.store
	case kindNoStore:
		rpc, fields["force"] = "DeleteStore", true
	case kindValue, kindMissing:
		rpc, fields["secret_id"], fields["value"] = "UpdateSecret", c.ids[0], c.values[0]
	case kindGone:
		rpc, fields["secret_id"] = "DeleteSecret", c.ids[0]
	case kindBulk:
		rpc, fields["ids"] = "DeleteSecrets", c.ids
	case kindCopy:
		rpc, fields["secret_id"], fields["name"], fields["scopes"] = "DuplicateSecret", c.ids[0], c.names[0], []string{"workers"}
	default:
		rpc, fields["secrets"] = "CreateSecrets", c.secrets()
	}
	text, _ := json.Marshal(fields) // texts and lists of them
	return rpc, string(text)
}

// wanted returns the reason of the wanted refusal, or "".
func (c *chaosChange) wanted() string {
	switch c.kind {
	case kindTaken:
		return "secret_name_already_exists"
	case kindMissing:
		return "secret_not_found"
	default:
		return ""
	}
}

// String names a change in findings.
func (c *chaosChange) String() string {
	text := string(c.kind) + " " + strings.Join(append([]string{c.store}, c.names...), " ") + " over " + string(c.door)
	if c.twins {
		text += ", twice"
	}
	if c.cut != cutNone {
		text += ", " + string(c.cut)
	}
	return text
}
