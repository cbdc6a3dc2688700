package idempotency

import (
	"encoding/json"
	"time"

	"platform.internal/storekeeper/internal/audit"
	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/store"
	"platform.internal/storekeeper/internal/store/fields"
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
	ID string
	// Print is the fingerprint of the request.
	Print string
	// Open says that there is no outcome yet.
	Open bool
	// Body and Fault are the outcome.
	Body  []byte
	Fault json.RawMessage
	// Intent is kept with the outcome, without what only recovery needs.
	Intent *Intent
}

// openEntry is an intent without an outcome.
type openEntry struct {
	Intent Intent
	// Owner is the replica that takes care of it.
	Owner string
	// Call and Print are the identity and the fingerprint of its call.
	Call  string
	Print string
	// Keyed says that the call had a key, so its outcome is kept for long.
	Keyed bool

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
	e.raw = e.encode()
	return &store.Record{Value: e.raw}
}

// changeOutcome is how a change ended.
type changeOutcome struct {
	body  []byte
	fault *fault.Error
	// kept says that it answers the call for good.
	kept bool
	// changed says that the objects were changed, or may have been.
	changed bool
	// made are the identifiers of what the change made.
	made []string
	// remember are records that are written with the outcome.
	remember map[string]*store.Record
	// line is the audit record, nil for none.
	line *audit.Record
}

// lines is the audit record as the commit takes it.
func (o *changeOutcome) lines() []audit.Record {
	if o.line == nil {
		return nil
	}
	return []audit.Record{*o.line}
}

// ended tells how the change ended.
func (o *changeOutcome) ended() Ended {
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
func (e *openEntry) call(o changeOutcome) []byte {
	i := e.Intent
	i.Op, i.Baseline = nil, nil
	if e.Keyed {
		i.Objects, i.Within = nil, nil
	}
	c := callEntry{ID: i.ID, Print: e.Print, Body: o.body, Intent: &i}
	if o.fault != nil {
		c.Fault = encodeFault(o.fault)
	}
	return c.encode()
}

// result returns the outcome that a record holds.
func (c *callEntry) result() callResult {
	r := callResult{body: c.Body, kept: true, replayed: true}
	if c.Fault != nil {
		var err error
		if r.fault, err = decodeFault(c.Fault); err != nil {
			r.fault = fault.From(err)
		}
	}
	return r
}

// recordVersion is the version of the layouts below.
const recordVersion = 1

func (c *callEntry) encode() []byte {
	b := fields.Begin(recordVersion, 448+len(c.Body)+len(c.Fault))
	b = fields.Text(fields.Text(b, c.ID), c.Print)
	b = fields.Bool(b, c.Open)
	b = fields.Text(fields.Text(b, c.Body), c.Fault)
	if b = fields.Bool(b, c.Intent != nil); c.Intent != nil {
		b = c.Intent.append(b)
	}
	return b
}

func decodeCall(raw []byte) (*callEntry, error) {
	r := fields.Read(raw, recordVersion)
	c := &callEntry{ID: r.Text(), Print: r.Text(), Open: r.Bool(), Body: r.Bytes(), Fault: r.Bytes()}
	if r.Bool() {
		i := readIntent(r)
		c.Intent = &i
	}
	return c, r.End()
}

func (e *openEntry) encode() []byte {
	b := fields.Begin(recordVersion, 512+len(e.Intent.Op)+len(e.Intent.Baseline))
	b = fields.Text(fields.Text(fields.Text(b, e.Owner), e.Call), e.Print)
	return e.Intent.append(fields.Bool(b, e.Keyed))
}

func decodeOpen(raw []byte) (*openEntry, error) {
	r := fields.Read(raw, recordVersion)
	e := &openEntry{Owner: r.Text(), Call: r.Text(), Print: r.Text(), Keyed: r.Bool()}
	e.Intent = readIntent(r)
	return e, r.End()
}

func (i *Intent) append(b []byte) []byte {
	for _, text := range []string{i.ID, i.Method, i.Caller, i.RequestID, i.TraceID, i.Tenant, i.TenantName} {
		b = fields.Text(b, text)
	}
	b = fields.Text(fields.Text(b, i.Op), i.Baseline)
	b = fields.Texts(fields.Texts(b, i.Objects), i.Within)
	b = fields.Time(fields.Map(b, i.Names), i.Began)
	return fields.Text(b, i.Reserved)
}

func readIntent(r *fields.Reader) Intent {
	return Intent{
		ID: r.Text(), Method: r.Text(), Caller: r.Text(), RequestID: r.Text(), TraceID: r.Text(), Tenant: r.Text(), TenantName: r.Text(),
		Op: r.Bytes(), Baseline: r.Bytes(), Objects: r.Texts(), Within: r.Texts(),
		Names: r.Map(), Began: r.Time(), Reserved: r.Bytes(),
	}
}

// lookup reads the record at key, nil where there is none.
func lookup[T any](now map[string]store.Record, key string, decode func(raw []byte) (*T, error)) (*T, error) {
	e, ok := now[key]
	if !ok {
		return nil, nil //nolint:nilnil // no record and no error is a plain answer
	}
	return decode(e.Value)
}

// until makes an entry that ends after d.
func until(raw []byte, d time.Duration) *store.Record {
	return &store.Record{Value: raw, Expires: time.Now().Add(d)}
}
