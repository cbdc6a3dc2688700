package bolt

import (
	"bytes"
	"errors"
	"fmt"

	"go.etcd.io/bbolt"
)

var errTally = errors.New("records in it are missing, or are there that were not written to it, so it is damaged")

// verify reads all records of the file. It returns the keys of records with an
// end whose values are not what was written: these are answers, which are never
// given, and the others go on. Any other damage is an error: what the store
// forgot or what is under way cannot be known then.
func (f *file) verify() (bad []string, err error) {
	err = f.read(func(t *table) error {
		var found tally
		if err := t.each(t.lasting, &found, func(key []byte) error { return damaged{key: string(key)} }); err != nil {
			return err
		}
		err := t.each(t.ending, &found, func(key []byte) error {
			bad = append(bad, string(key))
			return nil
		})
		if err == nil && found != t.tally {
			err = errTally
		}
		return err
	})
	return bad, err
}

// each reads the records of a table. Each must be found by its key, as a reader
// looks for it. changed is told of those whose values were changed.
func (t *table) each(b *bbolt.Bucket, found *tally, changed func(key []byte) error) error {
	c, search := b.Cursor(), b.Cursor()
	for k, v := c.First(); k != nil; k, v = c.Next() {
		_, keyed, whole := t.seal.open(k, v)
		if !keyed {
			return fmt.Errorf("%w: %w", errTally, damaged{key: string(k)})
		}
		if same, _ := search.Seek(k); !bytes.Equal(same, k) {
			return errTally
		}
		found.add(v)
		if !whole || b == t.ending && len(v) < endSize+sealSize {
			if err := changed(k); err != nil {
				return err
			}
		}
	}
	return nil
}
