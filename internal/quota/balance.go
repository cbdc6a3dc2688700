package quota

import (
	"time"

	"platform.internal/storekeeper/internal/store"
	"platform.internal/storekeeper/internal/store/fields"
)

const (
	// readingAge is how long a reading of an account's quota is used. What is
	// made elsewhere meanwhile does no harm: Cloudflare has the last word.
	readingAge = 5 * time.Minute
	// balanceAge is how long the record of an account outlives its last change.
	// It is longer than any reading. While places are held it does not end.
	balanceAge = time.Hour
)

// balance is the record of an account: how many secrets it may have, and who is
// about to make some.
type balance struct {
	// Quota and Usage are what Cloudflare said, in a reading that began at Read.
	Quota int64
	Usage int64
	Read  time.Time
	// Made counts the secrets that were made through this record, and Base those
	// of them that a reading must have found. Those between may be in Usage too,
	// so the sum is never too low.
	Made int64
	Base int64
	// Held are the places of changes that have not ended.
	Held int64
}

func readBalance(e store.Record) (balance, error) {
	if len(e.Value) == 0 {
		return balance{}, nil
	}
	r := fields.Read(e.Value, recordVersion)
	b := balance{Quota: r.Int(), Usage: r.Int(), Read: r.Time(), Made: r.Int(), Base: r.Int(), Held: r.Int()}
	return b, r.End()
}

// known reports whether there is a reading that can be used.
func (b balance) known(now time.Time) bool {
	return !b.Read.IsZero() && now.Sub(b.Read) < readingAge
}

// found is how many secrets the account has at most, but for those that are
// being made.
func (b balance) found() int64 { return b.Usage + b.Made - b.Base }

// room judges n more secrets.
func (b balance) room(n int) error {
	switch {
	case b.found()+b.Held+int64(n) <= b.Quota:
		return nil
	case b.Held > 0 && b.found()+int64(n) <= b.Quota:
		// The others may be in Usage already, or may fail.
		return errContended
	}
	return errAccountFull
}

func (b balance) record(now time.Time) *store.Record {
	text := fields.Int(fields.Int(fields.Begin(recordVersion, 64), b.Quota), b.Usage)
	text = fields.Int(fields.Int(fields.Int(fields.Time(text, b.Read), b.Made), b.Base), b.Held)
	r := &store.Record{Value: text}
	if b.Held == 0 {
		r.Expires = now.Add(balanceAge)
	}
	return r
}
