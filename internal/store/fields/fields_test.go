package fields_test

import (
	"bytes"
	"errors"
	"maps"
	"slices"
	"testing"
	"time"

	"platform.internal/storekeeper/internal/store/fields"
)

const version = 7

var (
	at    = time.Date(2026, 11, 29, 7, 30, 0, 123456789, time.UTC)
	names = map[string]string{"b": "2", "": "0", "a": "1"}
)

func written() []byte {
	b := fields.Begin(version, 0)
	b = fields.Int(b, -300)
	b = fields.Bool(b, true)
	b = fields.Text(b, "text")
	b = fields.Text(b, []byte{0, 1})
	b = fields.Texts(b, []string{"x", "", "z"})
	b = fields.Map(b, names)
	b = fields.Time(fields.Time(b, at), time.Time{})
	return fields.Map(fields.Texts(fields.Text(b, ""), nil), nil)
}

func TestWhatWasWrittenIsRead(t *testing.T) {
	r := fields.Read(written(), version)
	if n, is, text, raw := r.Int(), r.Bool(), r.Text(), r.Bytes(); n != -300 || !is || text != "text" || !bytes.Equal(raw, []byte{0, 1}) {
		t.Errorf("got %d, %t, %q and %v", n, is, text, raw)
	}
	if texts, m := r.Texts(), r.Map(); !slices.Equal(texts, []string{"x", "", "z"}) || !maps.Equal(m, names) {
		t.Errorf("got %q and %q", texts, m)
	}
	if now, never := r.Time(), r.Time(); !now.Equal(at) || !never.IsZero() {
		t.Errorf("got %s and %s", now, never)
	}
	if raw, texts, m := r.Bytes(), r.Texts(), r.Map(); raw != nil || texts != nil || m != nil {
		t.Errorf("of nothing came %v, %q and %q", raw, texts, m)
	}
	if err := r.End(); err != nil {
		t.Error(err)
	}
}

// TestADamagedRecordIsNotRead truncates a record at each byte, extends the record, and changes the
// version.
func TestADamagedRecordIsNotRead(t *testing.T) {
	whole := written()
	damaged := [][]byte{append(slices.Clone(whole), 0), append([]byte{version + 1}, whole[1:]...), []byte(`{"id":"1"}`)}
	for n := range whole {
		damaged = append(damaged, whole[:n])
	}
	for _, record := range damaged {
		r := fields.Read(record, version)
		_, _, _, _, _, _ = r.Int(), r.Bool(), r.Text(), r.Bytes(), r.Texts(), r.Map()
		_, _, _, _, _ = r.Time(), r.Time(), r.Bytes(), r.Texts(), r.Map()
		if err := r.End(); !errors.Is(err, fields.ErrRecord) {
			t.Errorf("%v gave %v", record, err)
		}
	}
}

// TestALengthIsNotBelieved has records that announce more than they hold.
func TestALengthIsNotBelieved(t *testing.T) {
	for _, length := range [][]byte{{5}, {0xff, 0xff, 0xff, 0xff, 0x7f}, {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1}} {
		record := append([]byte{version}, length...)
		for _, read := range []func(r *fields.Decoder){
			func(r *fields.Decoder) { r.Bytes() }, func(r *fields.Decoder) { r.Texts() }, func(r *fields.Decoder) { r.Map() },
		} {
			r := fields.Read(record, version)
			if read(r); !errors.Is(r.End(), fields.ErrRecord) {
				t.Errorf("%v was read", record)
			}
		}
	}
}
