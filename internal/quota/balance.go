package quota

import (
	"time"

	"platform.internal/storekeeper/internal/records"
)

const (
	// readingAge is how long a reading of an account's quota is used. What is
	// made elsewhere meanwhile does no harm: Cloudflare has the last word.
	readingAge = 5 * time.Minute
	// balanceAge is how long the record of an account outlives its last change.
	// It is longer than any claim and any reading.
	balanceAge = time.Hour
)

// balance is the record of an account: how many secrets it may have, and who is
// about to make some.
type balance struct {
	// Quota and Usage are what Cloudflare said, in a reading that began at Read.
	Quota int64     `json:"quota"`
	Usage int64     `json:"usage"`
	Read  time.Time `json:"read"`
	// Made counts the secrets that were made through this record, and Base those
	// of them that a reading must have found. Those between may be in Usage too,
	// so the sum is never too low.
	Made int64 `json:"made"`
	Base int64 `json:"base"`
	// Reserved are the places of changes that are not known to have ended.
	Reserved map[string]claim `json:"reserved,omitempty"`
}

func readBalance(e records.Entry, now time.Time) (balance, error) {
	b := balance{}
	if err := read(e, &b); err != nil {
		return b, err
	}
	b.Reserved = current(b.Reserved, now)
	return b, nil
}

// known reports whether there is a reading that can be used.
func (b balance) known(now time.Time) bool {
	return !b.Read.IsZero() && now.Sub(b.Read) < readingAge
}

// found is how many secrets the account has at most, but for those that are
// being made.
func (b balance) found() int64 { return b.Usage + b.Made - b.Base }

// room judges n more secrets for an operation.
func (b balance) room(n int, op string) error {
	others := int64(reserved(b.Reserved, secrets, op))
	switch {
	case b.found()+others+int64(n) <= b.Quota:
		return nil
	case others > 0 && b.found()+int64(n) <= b.Quota:
		// The others may be in Usage already, or may fail.
		return errContended
	}
	return errAccountFull
}

func (b balance) entry(now time.Time) *records.Entry {
	return &records.Entry{Value: written(b), Expires: now.Add(balanceAge)}
}
