// Package emulator serves Cloudflare's Secrets Store API, version 4, from
// memory, together with faults that can be ordered beforehand.
//
// It reads Cloudflare's published contract and what is known of the live API,
// and nothing else. It must not know Storekeeper: it imports no package of
// ours and shares no type with the code that it is there to test, or one wrong
// field name would be wrong on both sides and every test would pass.
//
// # What is served
//
// Everything stands under /client/v4: the twelve operations of Secrets Store
// below /accounts/{account_id}/secrets_store, and what clients ask for when
// they start: /user, /user/tokens/verify, /accounts, /memberships and
// /accounts/{account_id}/tokens/verify. Values are kept in memory, and no
// operation returns one; tests read them with [Emulator.Value].
//
// Where Cloudflare's behaviour is not known, the emulator chooses: batches are
// all or nothing, page=0 is the first page, a scopes filter finds secrets with
// any of the scopes, search ignores case, and a changed value leaves the
// status as it is.
//
// # Control
//
// Tests in Go call [Emulator.Inject], [Emulator.ClearFaults],
// [Emulator.Requests] and [Emulator.Reset]. Other processes and people use
// HTTP, without a credential, unless [Config.ControlOff] is set:
//
//	POST   /__emulator/faults    add a fault, or an array of them
//	GET    /__emulator/faults    those that are left
//	DELETE /__emulator/faults    forget them all
//	GET    /__emulator/requests  what was received, when Config.RequestLogLimit is set
//	DELETE /__emulator/state     start afresh: no stores, faults or requests
//
// A fault names its kind, what it matches, how often it strikes, and what the
// kind needs:
//
//	{"kind":"rate_limit","operation":"secrets-store-list","times":2,"retry_after_s":3}
//	{"kind":"status","method":"POST","path":"/client/v4/accounts/*/secrets_store/stores",
//	 "status":520,"content_type":"text/html","after_commit":true}
//	{"kind":"cut","after_commit":true,"times":1}
//	{"kind":"lag","lag_ms":800,"probability":0.5}
//
// The kinds, with the keys that belong to each (every kind also takes method,
// path, operation, times, probability and delay_ms):
//
//	delay            after_commit               waits delay_ms
//	lag              lag_ms                     reads serve what was there lag_ms ago
//	era_a                                       store creation takes and gives an array
//	rate_limit       retry_after_s after_commit 429 with code 971
//	status           status content_type body location retry_after_s after_commit
//	success_false    body after_commit          200 that says success false
//	echo_credential  status after_commit        an error text that repeats the credential
//	cut              after_commit               the connection ends without an answer
//	truncate                                    half of the JSON, as a whole HTTP answer
//	cut_mid_body                                the connection ends in the middle of the answer
//	content_type     content_type               the true answer under another media type
//	huge_body        size                       the true answer behind size bytes of white space
//	remarks          messages errors result_info  the true answer with more of these
//
// A lag strikes GET requests only, and era_a store creation only.
//
// Faults are tried in the order of their arrival. Those of the kinds delay,
// lag and era_a add up; the first of any other kind that matches decides the
// answer. With after_commit the request is executed before the fault strikes;
// the last five kinds always execute it.
package emulator
