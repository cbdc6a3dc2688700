package file

import (
	"bytes"
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"platform.internal/storekeeper/internal/audit"
	"platform.internal/storekeeper/internal/store/wal"
)

// content is a frame with an entry of each kind.
func content() []byte {
	var hash [32]byte
	for i := range hash {
		hash[i] = byte(i)
	}
	at := audit.PlaceAt(7, hash)
	b := appendPut(nil, "key", []byte("value"))
	b = appendExpire(b, "key", []byte("value"), 1_700_000_000_000, newSealer([]byte("the key of seals")))
	b = appendDelete(b, "key")
	start := len(b)
	b = append(beginLine(b, 3), "{}\n"...)
	endLine(b, start)
	b = appendChain(b, chainState{generation: 3, origin: audit.OriginOf("id", true), at: at, path: "/audit.log"})
	b = appendSynced(b, synced{generation: 3, size: 4096, at: at, frame: wal.Position{Segment: 2, Offset: 512}})
	return appendOldest(b, 2)
}

// TestTheFormatOfEntries fails if the format changes. In that case, Format must change too.
func TestTheFormatOfEntries(t *testing.T) {
	t.Parallel()
	want := strings.Join([]string{
		"50" + "0300" + "05000000" + "6b6579" + "76616c7565",
		"45" + "0300" + "05000000" + "0068e5cf8b010000" + "8ef361d6c30898b7" + "6b6579" + "76616c7565",
		"44" + "0300" + "6b6579",
		"4c" + "03000000" + "03000000" + "7b7d0a",
		"48" + "03000000" + "01" + "0700000000000000" + "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f" + "0200" + "6964" + "0a00" + "2f61756469742e6c6f67",
		"54" + "03000000" + "0010000000000000" + "0700000000000000" + "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f" + "0200000000000000" + "0002000000000000",
		"47" + "0200000000000000",
	}, "\n")
	var lines []string
	b := content()
	err := entries(b, func(e *frameEntry) error {
		lines = append(lines, hex.EncodeToString(b[e.at:e.at+e.length]))
		return nil
	})
	if got := strings.Join(lines, "\n"); err != nil || got != want {
		t.Errorf("the entries are\n%s\n%v, want\n%s", got, err, want)
	}
}

func TestAnEntryThatIsCutIsNoEntry(t *testing.T) {
	t.Parallel()
	b := content()
	whole := map[int]bool{0: true}
	if err := entries(b, func(e *frameEntry) error { whole[e.at+e.length] = true; return nil }); err != nil {
		t.Fatal(err)
	}
	for n := range b {
		if err := entries(b[:n], func(*frameEntry) error { return nil }); (err == nil) != whole[n] || err != nil && !errors.Is(err, errEntry) {
			t.Errorf("cut at byte %d: %v", n, err)
		}
	}
}

func TestASealIsThatOfOneRecord(t *testing.T) {
	t.Parallel()
	s := newSealer([]byte("the key of seals"))
	whole := appendExpire(nil, "key", []byte("value"), 5, s)
	if value, expires, ok := s.open(whole, "key"); !ok || string(value) != "value" || expires != 5 {
		t.Fatalf("%q until %d, %v", value, expires, ok)
	}
	for i := range whole {
		changed := bytes.Clone(whole)
		changed[i] ^= 1
		if _, _, ok := s.open(changed, "key"); ok {
			t.Errorf("a change of byte %d is not noticed", i)
		}
	}
	if _, _, ok := s.open(whole, "kex"); ok {
		t.Error("it is opened with another key")
	}
}

// FuzzEntries decodes arbitrary input.
func FuzzEntries(f *testing.F) {
	f.Add(content())
	f.Add([]byte("P\xff\xff\xff\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, b []byte) {
		end := 0
		_ = entries(b, func(e *frameEntry) error { // invalid entries give an error and no panic
			if e.at != end {
				t.Fatalf("an entry begins at %d, and the one before ends at %d", e.at, end)
			}
			end = e.at + e.length
			if len(e.key)+len(e.value) > e.length {
				t.Fatal("an entry has more than its bytes")
			}
			return nil
		})
	})
}
