package valkey

import (
	"context"
	"slices"

	client "github.com/valkey-io/valkey-go"

	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/records"
)

// pageEntries is how many records a scan holds at once.
const pageEntries = 64

// Get returns those of the records that exist, all as of one moment.
func (s *Store) Get(ctx context.Context, keys ...string) (map[string]records.Entry, error) {
	if err := records.CheckKeys(keys); err != nil {
		return nil, err
	}
	stored, err := s.read(ctx, keys)
	if err != nil {
		return nil, err
	}
	return entries(stored), nil
}

// read gets those of the records that exist, with their versions.
func (s *Store) read(ctx context.Context, keys []string) (map[string]stored, error) {
	if err := ctx.Err(); err != nil {
		return nil, fault.From(err)
	}
	if len(keys) == 0 {
		return nil, nil
	}
	answers, err := s.ask(ctx, func(b client.Builder) client.Completed {
		return b.Mget().Key(s.recordKeys(keys)...).Build()
	}).ToArray()
	if err != nil {
		return nil, s.failed(ctx, err)
	}
	found := make(map[string]stored, len(keys))
	for i, answer := range answers {
		if answer.IsNil() {
			continue
		}
		text, err := answer.ToString()
		if err != nil {
			return nil, records.Unavailable(err)
		}
		if found[keys[i]], err = decode(text); err != nil {
			return nil, records.Unavailable(err)
		}
	}
	return found, nil
}

// Scan does as records.Store says. It reads some records at a time, so visit
// may use the store, and what changes meanwhile is seen or not.
func (s *Store) Scan(ctx context.Context, prefix string, visit func(key string, e records.Entry) error) error {
	from, to := span(prefix)
	for from != "" {
		keys, err := s.keysBetween(ctx, from, to)
		if err != nil {
			return err
		}
		if err := s.visitAll(ctx, keys, visit); err != nil {
			return err
		}
		from = ""
		if len(keys) == pageEntries {
			from = "(" + keys[len(keys)-1]
		}
	}
	return nil
}

// keysBetween reads one page of the index of records without an end.
func (s *Store) keysBetween(ctx context.Context, from, to string) ([]string, error) {
	if err := ctx.Err(); err != nil {
		return nil, fault.From(err)
	}
	keys, err := s.ask(ctx, func(b client.Builder) client.Completed {
		return b.Zrange().Key(s.Key(indexName)).Min(from).Max(to).Bylex().Limit(0, pageEntries).Build()
	}).AsStrSlice()
	return keys, s.failed(ctx, err)
}

// visitAll visits those of the records that still exist and have no end.
func (s *Store) visitAll(ctx context.Context, keys []string, visit func(string, records.Entry) error) error {
	found, err := s.read(ctx, keys)
	if err != nil {
		return err
	}
	for _, key := range keys {
		if err := ctx.Err(); err != nil {
			return fault.From(err)
		}
		r, ok := found[key]
		if !ok || !r.entry.Expires.IsZero() {
			continue
		}
		if err := visit(key, r.entry); err != nil {
			return err
		}
	}
	return nil
}

// span is the range of an index that holds the keys with a prefix.
func span(prefix string) (from, to string) {
	if prefix == "" {
		return "-", "+"
	}
	end := []byte(prefix)
	for len(end) > 0 && end[len(end)-1] == 0xff {
		end = end[:len(end)-1]
	}
	if len(end) == 0 {
		return "[" + prefix, "+"
	}
	end[len(end)-1]++
	return "[" + prefix, "(" + string(end)
}

// recordKeys are the server's keys for some records.
func (s *Store) recordKeys(keys []string) []string {
	named := make([]string, len(keys))
	for i, key := range keys {
		named[i] = s.Key(recordName + key)
	}
	return named
}

// unique is the keys in order, each once.
func unique(keys []string) []string {
	return slices.Compact(slices.Sorted(slices.Values(keys)))
}

// entries leaves the versions away.
func entries(found map[string]stored) map[string]records.Entry {
	plain := make(map[string]records.Entry, len(found))
	for key, r := range found {
		plain[key] = r.entry
	}
	return plain
}

// answered tells whether the server itself refused, so that it did nothing.
func answered(err error) bool {
	_, ok := client.IsValkeyErr(err)
	return ok
}
