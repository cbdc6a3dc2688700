package idempotency

import (
	"bytes"
	"encoding/json"
	"time"

	"platform.internal/storekeeper/internal/audit"
	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/store"
	"platform.internal/storekeeper/internal/store/fields"
)

// Prefixes of record names.
const (
	callPrefix    = "call/"
	openPrefix    = "open/"
	objectPrefix  = "object/"
	outcomePrefix = "outcome/"
	replicaPrefix = "replica/"
)

// callEntry is the record of a call.
type callEntry struct {
	// ID is the id of the intent.
	ID string
	// Print is the fingerprint of the request.
	Print string
	// Open says that there is no outcome yet.
	Open bool
	// Body and Fault are the outcome.
	Body  []byte
	Fault json.RawMessage
	// Intent is stored with the outcome, without the fields that only recovery needs.
	Intent *Intent
}

// openEntry is an intent without an outcome.
type openEntry struct {
	Intent Intent
	// Owner is the replica that owns the intent.
	Owner string
	// Call and Print are the identity and the fingerprint of the call.
	Call  string
	Print string
	// Keyed says that the call had a key, so the outcome is kept for the Retention.
	Keyed bool

	// reservation is the Reservation of the call. It is nil if there is none or if e was read from the store.
	reservation Reservation
	// written and writtenCall are the records of the intent and of the call as this process last wrote them,
	// without a value before.
	written, writtenCall store.Record
	// named caches the result of keys.
	named entryKeys
}

// record encodes e.
func (e *openEntry) record() *store.Record {
	e.written.Value = e.encode()
	return &e.written
}

// changeOutcome is how a change ended.
type changeOutcome struct {
	body  []byte
	fault *fault.Error
	// kept says that the outcome is recorded as the answer of the call.
	kept bool
	// changed says that the objects were changed, or may have been.
	changed bool
	// made are the identifiers of the objects that the change created.
	made []string
	// remember are records to commit with the outcome.
	remember map[string]*store.Record
	// lines holds the audit record, if there is one.
	lines []audit.Record
}

// ended converts o for Release.
func (o *changeOutcome) ended() Ended {
	return Ended{Made: o.made, Done: o.changed && o.kept && o.fault == nil, Gone: o.fault != nil && o.fault.Kind == fault.NotFound}
}

// entryKeys are the names of the records of an intent, without the separate outcome record (outcomePrefix).
type entryKeys struct {
	call, open string
	// all are all names, and objects those of the objects, in the order of Intent.Objects.
	all, objects []string
}

// spareKeys is the number of names that fit behind entryKeys.all: those of the quota that keep adds.
const spareKeys = 2

// keys returns the names of the records of e and caches them.
func (e *openEntry) keys() *entryKeys {
	k := &e.named
	if k.all != nil {
		return k
	}
	if k.call == "" {
		k.call = callPrefix + e.Call
	}
	k.open = openPrefix + e.Intent.ID
	k.all = append(make([]string, 0, 2+len(e.Intent.Objects)+spareKeys), k.call, k.open)
	for _, o := range e.Intent.Objects {
		k.all = append(k.all, objectPrefix+o)
	}
	k.objects = k.all[2:]
	return k
}

func objectKeys(objects []string) []string {
	keys := make([]string, len(objects))
	for i, o := range objects {
		keys[i] = objectPrefix + o
	}
	return keys
}

// call encodes the record of the call of e with an outcome. It omits Op and Baseline, which only recovery
// needs. Objects and Within are kept for calls without a key, to detect stale answers.
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

// result returns the recorded outcome.
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

// refusedForOthers reports whether the outcome is a refusal that is due to other objects than those of the
// change: a container that was not empty, or a limit. Changes of these objects leave no trace at the objects of
// the change, so the refusal may be out of date.
func (c *callEntry) refusedForOthers() bool {
	if len(c.Fault) == 0 {
		return false
	}
	f, err := decodeFault(c.Fault)
	return err == nil && (f.Kind == fault.NotEmpty || f.Kind == fault.LimitReached)
}

// recordVersion is the version of the layouts below.
const recordVersion = 1

// usualSize is the size in bytes that most records do not exceed. They are encoded on the stack, so that their
// copies have their exact size.
const usualSize = 1024

func (c *callEntry) encode() []byte {
	var room [usualSize]byte
	b := fields.BeginIn(room[:0], recordVersion)
	b = fields.Text(fields.Text(b, c.ID), c.Print)
	b = fields.Bool(b, c.Open)
	b = fields.Text(fields.Text(b, c.Body), c.Fault)
	if b = fields.Bool(b, c.Intent != nil); c.Intent != nil {
		b = c.Intent.append(b)
	}
	return bytes.Clone(b)
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
	var room [usualSize]byte
	b := fields.BeginIn(room[:0], recordVersion)
	b = fields.Text(fields.Text(fields.Text(b, e.Owner), e.Call), e.Print)
	return bytes.Clone(e.Intent.append(fields.Bool(b, e.Keyed)))
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

func readIntent(r *fields.Decoder) Intent {
	return Intent{
		ID: r.Text(), Method: r.Text(), Caller: r.Text(), RequestID: r.Text(), TraceID: r.Text(), Tenant: r.Text(), TenantName: r.Text(),
		Op: r.Bytes(), Baseline: r.Bytes(), Objects: r.Texts(), Within: r.Texts(),
		Names: r.Map(), Began: r.Time(), Reserved: r.Bytes(),
	}
}

// lookup decodes the record at key. It returns nil if there is none.
func lookup[T any](now map[string]store.Record, key string, decode func(raw []byte) (*T, error)) (*T, error) {
	e, ok := now[key]
	if !ok {
		return nil, nil //nolint:nilnil // no record and no error is a plain answer
	}
	return decode(e.Value)
}

// until makes a record that expires after d.
func until(raw []byte, d time.Duration) *store.Record {
	return &store.Record{Value: raw, Expires: time.Now().Add(d)}
}
