// Package emulator serves Cloudflare's Secrets Store API, version 4, from
// memory, and can inject faults.
//
// The emulator implements Cloudflare's published contract and the known
// behaviour of the live API. It must not know Storekeeper: it imports no other
// package of Storekeeper and shares no type with the tested code. Otherwise a
// wrong field name would be wrong on both sides and every test would pass.
//
// # Operations
//
// All paths are under /client/v4: the twelve operations of Secrets Store below
// /accounts/{account_id}/secrets_store, and the operations that clients call at
// their start: /user, /user/tokens/verify, /accounts, /memberships and
// /accounts/{account_id}/tokens/verify. Values are kept in memory, and no
// operation returns a value; tests read values with [Emulator.Value].
//
// If Cloudflare's behaviour is unknown, the emulator chooses: batches are
// all or nothing, page=0 is the first page, a scopes filter finds secrets with
// any of the scopes, search ignores case, and a changed value does not change
// the status.
//
// # Control
//
// Tests in Go call [Emulator.Inject], [Emulator.ClearFaults],
// [Emulator.Requests] and [Emulator.Reset]. Other processes and people use
// HTTP, without a credential, unless [Config.ControlOff] is set:
//
//	POST   /__emulator/faults    add a fault, or an array of them
//	GET    /__emulator/faults    the remaining faults
//	DELETE /__emulator/faults    remove all faults
//	GET    /__emulator/requests  the received requests, if Config.RequestLogLimit is set
//	DELETE /__emulator/state     remove all stores, faults and requests
//
// A fault has a kind, a filter for requests, a number of requests, and the keys
// of its kind:
//
//	{"kind":"rate_limit","operation":"secrets-store-list","times":2,"retry_after_s":3}
//	{"kind":"status","method":"POST","path":"/client/v4/accounts/*/secrets_store/stores",
//	 "status":520,"content_type":"text/html","after_commit":true}
//	{"kind":"cut","after_commit":true,"times":1}
//	{"kind":"lag","lag_ms":800,"probability":0.5}
//
// The kinds, with their keys (every kind also takes method,
// path, operation, times, probability and delay_ms):
//
//	delay            after_commit               waits delay_ms
//	lag              lag_ms                     reads serve the state of lag_ms ago
//	era_a                                       store creation takes and gives an array
//	rate_limit       retry_after_s after_commit 429 with code 971
//	status           status content_type body location retry_after_s after_commit
//	success_false    body after_commit          200 with success false
//	echo_credential  status after_commit        an error text that repeats the credential
//	cut              after_commit               the connection ends without an answer
//	truncate                                    half of the JSON, as a whole HTTP answer
//	cut_mid_body                                the connection ends in the middle of the answer
//	content_type     content_type               the true answer under another media type
//	huge_body        size                       the true answer behind size bytes of white space
//	remarks          messages errors result_info  the true answer with additional items
//
// A lag affects GET requests only, and era_a store creation only.
//
// Faults are tried in the order in which they were added. Faults of the kinds
// delay, lag and era_a add up; the first matching fault of any other kind
// determines the answer. With after_commit the request is executed before the
// fault applies; the last five kinds always execute the request.
package emulator
