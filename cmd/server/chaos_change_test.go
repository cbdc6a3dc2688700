package main

import (
	"encoding/json"
	"net/http"
	"strings"
)

// chaosKind is a sort of change.
type chaosKind string

// The seven changes, creates as one and as several. The last three are about
// what must be refused: a name that is in use, a secret that is not there, and
// two callers who want one name.
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

// kinds are those that must succeed.
var kinds = []chaosKind{kindStore, kindNoStore, kindSecret, kindBatch, kindValue, kindGone, kindBulk, kindCopy}

// chaosDoor is how a caller calls and says that it calls again.
type chaosDoor string

// The doors.
const (
	// doorREST is REST with the header Idempotency-Key.
	doorREST chaosDoor = "REST with a key"
	// doorSDK is REST as an SDK does it: no key, and a count of retries.
	doorSDK chaosDoor = "REST as an SDK"
	// doorGRPC is gRPC with the key as metadata.
	doorGRPC chaosDoor = "gRPC with metadata"
	// doorField is gRPC with the field request_id.
	doorField chaosDoor = "gRPC with request_id"
)

var doors = []chaosDoor{doorREST, doorSDK, doorGRPC, doorField}

// chaosChange is one change that a caller wants.
type chaosChange struct {
	kind chaosKind
	door chaosDoor
	key  string
	// twins says that two callers send it at the same time with one key.
	twins bool
	cut   chaosCut

	// store is the identifier of the store, or the name of a new one.
	store string
	// names are those of new secrets, or of the secrets it is about.
	names []string
	// ids are the secrets it is about.
	ids []string
	// values are those that the secrets with the names have afterwards.
	values []string
}

// creates reports whether it makes something new.
func (c *chaosChange) creates() bool {
	switch c.kind {
	case kindStore, kindSecret, kindBatch, kindCopy, kindTaken, kindRival:
		return true
	default:
		return false
	}
}

// marks are the texts by which its requests to Cloudflare are known.
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

// secrets are the new ones, as every door takes them.
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

// wanted is the word for the refusal that must come, "" where none must.
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
