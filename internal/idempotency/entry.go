package idempotency

import (
	"encoding/json"
	"fmt"
	"time"

	"platform.internal/storekeeper/internal/audit"
	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/store"
)

// The names of records begin with what they are.
const (
	callPrefix    = "call/"
	openPrefix    = "open/"
	objectPrefix  = "object/"
	outcomePrefix = "outcome/"
	replicaPrefix = "replica/"
)

// callEntry says what became of the call with an identity.
type callEntry struct {
	// ID is that of the intent.
	ID string `json:"id"`
	// Print is the fingerprint of the request.
	Print string `json:"print"`
	// Open says that there is no outcome yet.
	Open bool `json:"open,omitempty"`
	// Body and Fault are the outcome.
	Body  []byte          `json:"body,omitempty"`
	Fault json.RawMessage `json:"fault,omitempty"`
	// Intent is kept with the outcome, without what only recovery needs.
	Intent *Intent `json:"intent,omitempty"`
}

// openEntry is an intent without an outcome.
type openEntry struct {
	Intent Intent `json:"intent"`
	// Owner is the replica that takes care of it.
	Owner string `json:"owner"`
	// Call and Print are the identity and the fingerprint of its call.
	Call  string `json:"call"`
	Print string `json:"print"`
	// Keyed says that the call had a key, so its outcome is kept for long.
	Keyed bool `json:"keyed,omitempty"`

	// reservation is that of the call, nil for none or where this is read from a
	// record.
	reservation Reservation
	// raw and rawCall are this record and that of the call as this process has
	// written them, nil before it has.
	raw, rawCall []byte
	// named is what keys returns.
	named entryKeys
}

// record writes down e.
func (e *openEntry) record() *store.Record {
	e.raw = encode(e)
	return &store.Record{Value: e.raw}
}

// outcome is how a change ended.
type outcome struct {
	body  []byte
	fault *fault.Error
	// kept says that it answers the call for good.
	kept bool
	// changed says that the objects were changed, or may have been.
	changed bool
	// made are the identifiers of what the change made.
	made []string
	// line is the audit record, nil for none.
	line *audit.Record
}

// lines is the audit record as the commit takes it.
func (o *outcome) lines() []audit.Record {
	if o.line == nil {
		return nil
	}
	return []audit.Record{*o.line}
}

// ended tells how the change ended.
func (o *outcome) ended() Ended {
	return Ended{Made: o.made, Done: o.changed && o.kept && o.fault == nil, Gone: o.fault != nil && o.fault.Kind == fault.NotFound}
}

// entryKeys are the names of the records of an intent, but for that of an outcome
// whose call has another record by now.
type entryKeys struct {
	call, open string
	// objects are in the order of Intent.Objects.
	objects []string
}

// keys returns the names of the records of e. They are made once.
func (e *openEntry) keys() *entryKeys {
	if k := &e.named; k.call == "" {
		k.call, k.open, k.objects = callPrefix+e.Call, openPrefix+e.Intent.ID, objectKeys(e.Intent.Objects)
	}
	return &e.named
}

// and returns all names, and others.
func (k *entryKeys) and(others ...string) []string {
	all := make([]string, 0, 2+len(k.objects)+len(others))
	return append(append(append(all, k.call, k.open), k.objects...), others...)
}

func objectKeys(objects []string) []string {
	keys := make([]string, len(objects))
	for i, o := range objects {
		keys[i] = objectPrefix + o
	}
	return keys
}

// call returns the record of e's call with an outcome. Op and baseline serve
// recovery alone, and the objects serve to end the answer to a call without a key.
func (e *openEntry) call(o outcome) callEntry {
	i := e.Intent
	i.Op, i.Baseline = nil, nil
	if e.Keyed {
		i.Objects, i.Within = nil, nil
	}
	c := callEntry{ID: i.ID, Print: e.Print, Body: o.body, Intent: &i}
	if o.fault != nil {
		c.Fault = encodeFault(o.fault)
	}
	return c
}

// result returns the outcome that a record holds.
func (c *callEntry) result() result {
	r := result{body: c.Body, kept: true, replayed: true}
	if c.Fault != nil {
		var err error
		if r.fault, err = decodeFault(c.Fault); err != nil {
			r.fault = fault.From(err)
		}
	}
	return r
}

// encode writes v, whose type has only fields that can be written.
func encode(v any) []byte {
	raw, err := json.Marshal(v)
	if err != nil {
		// A record that cannot be read says so to whoever reads it.
		return nil
	}
	return raw
}

func decode[T any](raw []byte) (T, error) {
	var v T
	if err := json.Unmarshal(raw, &v); err != nil {
		return v, fmt.Errorf("a record cannot be read: %w", err)
	}
	return v, nil
}

// lookup reads the record at key, nil where there is none.
func lookup[T any](now map[string]store.Record, key string) (*T, error) {
	e, ok := now[key]
	if !ok {
		return nil, nil //nolint:nilnil // no record and no error is a plain answer
	}
	v, err := decode[T](e.Value)
	if err != nil {
		return nil, err
	}
	return &v, nil
}

// until makes an entry that ends after d.
func until(v any, d time.Duration) *store.Record {
	return &store.Record{Value: encode(v), Expires: time.Now().Add(d)}
}

// lasting makes an entry without an end.
func lasting(v any) *store.Record { return &store.Record{Value: encode(v)} }
