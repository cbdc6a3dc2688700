package valkey

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"

	client "github.com/valkey-io/valkey-go"

	"platform.internal/storekeeper/internal/records"
)

// epochName is the key of the epoch: the form of all records, a blank, and a
// random text that was made with the first of them. It changes or is gone when
// the server has lost its records, or is another server.
const (
	epochName = "records-epoch"
	epochForm = "1"
)

var errEpoch = errors.New("the server does not hold the records that this replica began with: they were lost, or it is another server. " +
	"Put the server's data back, or restart all replicas to begin with what is there, which forgets earlier changes (docs/state.md)")

// ErrForm is the cause of a fault where a later build wrote the records.
var ErrForm = errors.New("the records on the server are in a form that this build cannot read: run the build that wrote them, or a later one")

// begin returns the epoch, and makes it where there are no records yet.
const begin = `
local epoch = redis.call('GET', KEYS[1])
if not epoch then
  epoch = ARGV[1]
  redis.call('SET', KEYS[1], epoch)
end
return epoch
`

// Join remembers which records the server holds. Each change is refused from
// then on where it holds others. Without it the first change does so.
func (s *Store) Join(ctx context.Context) error {
	_, err := s.join(ctx)
	return err
}

func (s *Store) join(ctx context.Context) (string, error) {
	if known := s.epoch.Load(); known != nil {
		return *known, nil
	}
	found, err := s.askEpoch(ctx)
	if err != nil {
		return "", s.failed(ctx, err)
	}
	if form, _, _ := strings.Cut(found, " "); form != epochForm {
		return "", records.Unavailable(fmt.Errorf("%w (form %.20q, not %s)", ErrForm, form, epochForm))
	}
	if !s.epoch.CompareAndSwap(nil, &found) {
		return *s.epoch.Load(), nil
	}
	return found, nil
}

// askEpoch asks for the epoch, again where a connection turns out to be dead: it may
// be asked any number of times.
func (s *Store) askEpoch(ctx context.Context) (string, error) {
	limited, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	fresh := epochForm + " " + rand.Text()
	for attempt := 1; ; attempt++ {
		if s.closed.Load() {
			return "", records.ErrClosed
		}
		result := s.begin.Exec(limited, s.client, []string{s.Key(epochName)}, []string{fresh})
		if result.NonValkeyError() == nil || attempt == reads || pause(limited, attempt) != nil {
			return result.ToString()
		}
	}
}

// Healthy returns an error where the server answers and does not hold the
// records that this store began with.
func (s *Store) Healthy(ctx context.Context) error {
	known := s.epoch.Load()
	if known == nil {
		return nil
	}
	found, err := s.ask(ctx, func(b client.Builder) client.Completed { return b.Get().Key(s.Key(epochName)).Build() }).ToString()
	if client.IsValkeyNil(err) || err == nil && found != *known {
		return errEpoch
	}
	return nil // a server that is away may still have all of it
}
