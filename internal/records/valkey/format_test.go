package valkey_test

import (
	"testing"

	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/records"
	"platform.internal/storekeeper/internal/records/valkey"
	"platform.internal/storekeeper/internal/records/valkeytest"
)

// refuses wants a change and nothing of it done.
func refuses(t *testing.T, s *valkey.Store) {
	t.Helper()
	keys := []string{"new", "old"}
	err := s.Change(t.Context(), keys, func(map[string]records.Entry) (map[string]*records.Entry, error) {
		return map[string]*records.Entry{"new": {}, "old": nil}, nil
	})
	if err == nil || fault.From(err).Kind != fault.Unavailable {
		t.Fatalf("got %v, want a fault of the store", err)
	}
	found, err := s.Get(t.Context(), "new", "old")
	if err != nil || len(found) != 1 || string(found["old"].Value) != "x" {
		t.Errorf("half a change was made: %v (%v)", found, err)
	}
}

func TestForeignKeysAreNotTaken(t *testing.T) {
	t.Parallel()
	server := valkeytest.Start(t)
	s := open(t, valkey.Config{Address: server.Address()})
	set(t, s, "old", &records.Entry{Value: []byte("x")})
	c := s.Client()
	for _, value := range []string{"", "short", "a text that is long enough to have a header before it"} {
		err := c.Do(t.Context(), c.B().Set().Key(s.Key("records:foreign")).Value(value).Build()).Error()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Get(t.Context(), "foreign"); err == nil || fault.From(err).Kind != fault.Unavailable {
			t.Errorf("got %v for a value of someone else", err)
		}
	}
	if err := c.Do(t.Context(), c.B().Set().Key(s.Key("records-index")).Value("x").Build()).Error(); err != nil {
		t.Fatal(err)
	}
	refuses(t, s)
}

func TestReceiptsEnd(t *testing.T) {
	t.Parallel()
	server := valkeytest.Start(t)
	s := open(t, valkey.Config{Address: server.Address()})
	set(t, s, "a", &records.Entry{})
	c := s.Client()
	keys, err := c.Do(t.Context(), c.B().Keys().Pattern(s.Key("records-receipt:*")).Build()).AsStrSlice()
	if err != nil || len(keys) != 1 {
		t.Fatalf("%d receipts (%v), want 1", len(keys), err)
	}
	left, err := c.Do(t.Context(), c.B().Ttl().Key(keys[0]).Build()).AsInt64()
	if err != nil || left <= 0 {
		t.Errorf("a receipt ends in %d s (%v)", left, err)
	}
}
