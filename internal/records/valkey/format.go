package valkey

import (
	"encoding/binary"
	"errors"

	client "github.com/valkey-io/valkey-go"

	"platform.internal/storekeeper/internal/records"
)

// The names of the server's keys, each behind the prefix of the store.
const (
	// recordName begins the key of a record.
	recordName = "records:"
	// indexName is the sorted set of the keys of records without an end. All
	// have score 0, which puts them in the order of their bytes.
	indexName = "records-index"
	// receiptName begins the key of a receipt.
	receiptName = "records-receipt:"
)

// A stored value is a byte for its form, the version, the end in milliseconds
// and then the record's own value. The script compares the bytes from 1 to 16.
const (
	form        = 1
	versionSize = 16
	headerSize  = 1 + versionSize + 8
)

var errForeign = errors.New("a value on the server was not written by this store")

// stored is a record with the version that it has.
type stored struct {
	version string
	entry   records.Entry
}

// encode writes a record.
func encode(version string, e records.Entry) string {
	b := make([]byte, 0, headerSize+len(e.Value))
	b = append(b, form)
	b = append(b, version...)
	//nolint:gosec // records.Until is never negative.
	b = binary.BigEndian.AppendUint64(b, uint64(records.Until(e.Expires)))
	return client.BinaryString(append(b, e.Value...))
}

// decode reads what encode wrote.
func decode(text string) (stored, error) {
	if len(text) < headerSize || text[0] != form {
		return stored{}, errForeign
	}
	b := []byte(text)
	//nolint:gosec // Written by encode from an int64.
	end := int64(binary.BigEndian.Uint64(b[1+versionSize:]))
	return stored{
		version: text[1 : 1+versionSize],
		entry:   records.Entry{Value: b[headerSize:], Expires: records.End(end)},
	}, nil
}
