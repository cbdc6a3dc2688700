package file

import (
	"encoding/binary"
	"testing"

	"platform.internal/storekeeper/internal/store/disk"
)

func indexFiles(t *testing.T) *sealedFiles {
	t.Helper()
	return &sealedFiles{fs: disk.OS(), folder: t.TempDir(), key: []byte("the key of the files")}
}

func TestAnIndexKeepsTheOrderOfTheChangesOfARecord(t *testing.T) {
	t.Parallel()
	files := indexFiles(t)
	i := &segmentIndex{segment: 7}
	for n := range 600 {
		i.add(digest{byte(n * 7), byte(n * 7 >> 8)}, framePlace{expires: 9, offset: 1, length: 5})
	}
	for n := range 300 {
		i.add(digest{byte(n * 7), byte(n * 7 >> 8)}, framePlace{})
		if n%2 == 0 {
			i.add(digest{byte(n * 7), byte(n * 7 >> 8)}, framePlace{expires: 9, offset: 2, length: 5})
		}
	}
	if err := files.writeIndex(i); err != nil {
		t.Fatal(err)
	}
	read, err := files.readIndex(7)
	if err != nil || read == nil {
		t.Fatal(read, err)
	}
	r := newRecords(make([]byte, digestKey))
	r.load([]*segmentIndex{read})
	for n := range 600 {
		want := segmentPlace{framePlace{expires: 9, offset: 1, length: 5}, 7}
		switch {
		case n < 300 && n%2 == 0:
			want.offset = 2
		case n < 300:
			want = segmentPlace{}
		}
		if got := r.places[byte(n*7)][digest{byte(n * 7), byte(n * 7 >> 8)}]; got != want {
			t.Fatalf("%d is at %v, want %v", n, got, want)
		}
	}
}

func TestAnIndexWithoutOrderIsMadeAgain(t *testing.T) {
	t.Parallel()
	files := indexFiles(t)
	text := binary.LittleEndian.AppendUint64(files.begin(indexMagic), 7)
	text = binary.LittleEndian.AppendUint64(text, 9)
	for _, first := range []byte{2, 1} {
		text = append(append(text, first), make([]byte, indexEntry-1)...)
	}
	if err := files.write(segmentFile(indexPrefix, 7), text); err != nil {
		t.Fatal(err)
	}
	if i, err := files.readIndex(7); i != nil || err != nil {
		t.Fatal(i, err)
	}
}
