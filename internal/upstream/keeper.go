package upstream

import (
	"context"
	"errors"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// checkEvery is how long a credential is used before its file is looked
	// at again.
	checkEvery = time.Second
	// maxKnown is how many credentials of an account are remembered, so that
	// none of them comes back in an answer.
	maxKnown = 8
	// maxTurns is how many candidates a call that was refused waits for. There
	// is more than one where a file is written in steps.
	maxTurns = 3
)

// keeper holds the credential of an account. It looks at the credential's file
// on use, and leaves a file that changed to a rotation in the background.
type keeper struct {
	file, email string
	clock       func() time.Time
	made        time.Time
	rotation    *rotation
	// start runs the rotation. It says no when the client is closed.
	start func(func(context.Context)) bool

	current atomic.Pointer[credential]
	known   atomic.Pointer[[]string] // the newest credentials, that in use among them
	next    atomic.Int64             // when to look again, as time since made
	resting atomic.Bool              // the candidate must not be tried now

	// changed says that the file changed during the turn or the rest of a
	// candidate, hurry that the credential in use is refused.
	changed, hurry signal

	mu   sync.Mutex
	seen os.FileInfo   // the file that is or was dealt with; nil: deal with it again
	turn chan struct{} // closed when the candidate's turn is over; nil: there is none
}

func newKeeper(given Account, c Config) (*keeper, error) {
	k := &keeper{clock: c.Clock, made: c.Clock(), email: given.Credential.Email, changed: newSignal(), hurry: newSignal()}
	files := given.Credential
	switch {
	case files == CredentialFiles{} && given.Token.reveal() != "":
		k.install(credential{Token: given.Token})
		return k, checkCredential(given.Token.reveal())
	case given.Token.text != nil:
		return nil, errors.New("credential must have exactly one form")
	case files.APITokenFile != "" && files.Email == "" && files.APIKeyFile == "":
		k.file = files.APITokenFile
	case files.APITokenFile == "" && files.Email != "" && files.APIKeyFile != "":
		k.file = files.APIKeyFile
	default:
		return nil, errors.New("credential must be either an API token file, or an e-mail address with an API key file")
	}
	if strings.ContainsFunc(files.Email, notHeaderSafe) {
		return nil, errors.New("credential e-mail address holds a character that no header may carry")
	}
	k.rotation = &rotation{keeper: k, tell: func(err error) {
		c.OnCredential(CredentialEvent{Account: given.ID, Err: err})
	}}
	return k, k.begin()
}

// begin puts in force what the file holds, untried: the service must start
// while Cloudflare is down.
func (k *keeper) begin() error {
	found := readCredential(k.file)
	if found.err != nil {
		return found.err
	}
	if time.Since(found.info.ModTime()) > checkEvery {
		// A younger file may still be in the middle of being written.
		k.seen = found.info
	}
	k.install(k.credentialOf(found.text))
	return nil
}

func (k *keeper) credentialOf(text string) credential {
	return credential{Token: NewToken(text), email: k.email}
}

// install puts a credential in force.
func (k *keeper) install(c credential) {
	k.current.Store(&c)
	k.remember(c.reveal())
}

// credential gives the credential to use now.
func (k *keeper) credential() credential {
	if k.file != "" {
		k.refresh()
	}
	return *k.current.Load()
}

// refresh looks at the file, at most once in checkEvery. Who comes while
// somebody else looks uses what is there.
func (k *keeper) refresh() {
	now, due := int64(k.clock().Sub(k.made)), k.next.Load()
	if now >= due && k.next.CompareAndSwap(due, now+int64(checkEvery)) {
		k.look()
	}
}

// look sees to it that a file that changed is dealt with. It gives the end of
// the turn of the candidate that is dealt with, or nil if there is none.
func (k *keeper) look() <-chan struct{} {
	info, err := os.Stat(k.file)
	k.mu.Lock()
	defer k.mu.Unlock()
	changed := err != nil || !unchanged(k.seen, info)
	switch {
	case k.turn != nil && changed:
		k.changed.give()
	case k.turn == nil && changed && k.start(k.rotation.run):
		k.turn = make(chan struct{})
	}
	return k.turn
}

// replaced says whether another credential is in force than one that was
// refused. If a candidate waits, its turn comes at once, and is waited for: a
// credential that is revoked as soon as its successor is there costs no call.
func (k *keeper) replaced(ctx context.Context, refused credential) bool {
	for range maxTurns {
		if k.current.Load().reveal() != refused.reveal() {
			return true
		}
		turn := k.urge()
		if turn == nil {
			break
		}
		select {
		case <-turn:
		case <-ctx.Done():
			return false
		}
	}
	return k.current.Load().reveal() != refused.reveal()
}

// urge hurries a candidate and gives the end of its turn, or nil where none can
// be tried now.
func (k *keeper) urge() <-chan struct{} {
	if k.file == "" {
		return nil
	}
	turn := k.look()
	if turn == nil || k.resting.Load() {
		return nil
	}
	k.hurry.give()
	return turn
}

// saw notes which file is dealt with.
func (k *keeper) saw(info os.FileInfo) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.seen = info
	// That a file changed was said of this very one, as a rule.
	k.changed.take()
	if now, err := os.Stat(k.file); err != nil || !unchanged(info, now) {
		k.changed.give()
	}
}

// forget lets the next look take the file for one that changed.
func (k *keeper) forget() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.seen = nil
}

// over ends a turn, for those who wait for it. It says whether there is another
// one: the candidate needs it, or the file changed.
func (k *keeper) over(again bool) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	close(k.turn)
	k.turn = nil
	again = again || len(k.changed) > 0
	if again {
		k.turn = make(chan struct{})
	}
	return again
}

// remember keeps a credential among the known ones. There is one writer at a
// time: first newKeeper, then the rotation.
func (k *keeper) remember(text string) {
	known := []string{k.current.Load().reveal()}
	if text != known[0] {
		known = append(known, text)
	}
	if before := k.known.Load(); before != nil {
		for _, old := range *before {
			if old != text && old != known[0] && len(known) < maxKnown {
				known = append(known, old)
			}
		}
	}
	k.known.Store(&known)
}
