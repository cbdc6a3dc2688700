package idempotency

import (
	"reflect"
	"testing"
	"time"

	"platform.internal/storekeeper/internal/audit"
)

// TestARecordKeepsEachField writes records in which no field is empty, so that a
// new field that is not written is found.
func TestARecordKeepsEachField(t *testing.T) {
	intent := Intent{
		ID: "id", Method: "method", Caller: "caller", RequestID: "request", TraceID: "trace", Tenant: "tenant", TenantName: "name", Op: []byte(`{"a":1}`), Baseline: []byte(`{"b":2}`),
		Objects: []string{"x", "y"}, Within: []string{"z"}, Names: map[string]string{"": "store", "1": "one"},
		Began: time.Date(2026, 11, 29, 1, 2, 3, 4, time.UTC), Reserved: []byte{1, 2},
	}
	call := callEntry{ID: "id", Print: "print", Open: true, Body: []byte("body"), Fault: []byte(`{"kind":"not_found"}`), Intent: &intent}
	open := openEntry{Intent: intent, Owner: "owner", Call: "call", Print: "print", Keyed: true}
	filled := intent
	filled.Audit = []audit.Record{{}}
	for _, v := range []any{filled, call, open} {
		for i := range reflect.TypeOf(v).NumField() {
			if f := reflect.TypeOf(v).Field(i); f.IsExported() && reflect.ValueOf(v).Field(i).IsZero() {
				t.Errorf("the test leaves %T.%s empty", v, f.Name)
			}
		}
	}
	if read, err := decodeCall(call.encode()); err != nil || !reflect.DeepEqual(*read, call) {
		t.Errorf("got %+v, %v", read, err)
	}
	if read, err := decodeOpen(open.encode()); err != nil || !reflect.DeepEqual(*read, open) {
		t.Errorf("got %+v, %v", read, err)
	}
	for _, other := range [][]byte{nil, {}, []byte(`{"id":"id"}`), call.encode()[:40]} {
		if read, err := decodeCall(other); err == nil {
			t.Errorf("%q was read as %+v", other, read)
		}
	}
}
