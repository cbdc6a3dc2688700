package quota

import (
	"time"

	"platform.internal/storekeeper/internal/store"
	"platform.internal/storekeeper/internal/store/fields"
)

const (
	// readingAge is the time for which a reading of an account's quota is used. Objects created elsewhere in
	// that time do no harm, because Cloudflare checks the quota too.
	readingAge = 5 * time.Minute
	// balanceAge is the time for which the record of an account is kept after its last change. It is longer
	// than readingAge. A record with reservations does not expire.
	balanceAge = time.Hour
)

// balance is the record of an account: its quota and usage of secrets, and the reserved places.
type balance struct {
	// Quota and Usage are Cloudflare's figures. Their reading began at Read.
	Quota int64
	Usage int64
	Read  time.Time
	// Made counts the secrets that were created through this record. Base counts those that Usage certainly
	// includes. The rest may be in Usage too, so the sum is never too low.
	Made int64
	Base int64
	// Held is the number of places reserved by open changes.
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

// known reports whether there is a recent reading.
func (b balance) known(now time.Time) bool {
	return !b.Read.IsZero() && now.Sub(b.Read) < readingAge
}

// found returns an upper bound of the secrets in the account, without reserved places.
func (b balance) found() int64 { return b.Usage + b.Made - b.Base }

// room returns an error if there is no room for n more secrets.
func (b balance) room(n int) error {
	switch {
	case b.found()+b.Held+int64(n) <= b.Quota:
		return nil
	case b.Held > 0 && b.found()+int64(n) <= b.Quota:
		// The reserved secrets may be in Usage already, or may fail.
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
