package upstream

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"platform.internal/storekeeper/internal/filewatch"
)

const (
	// maxKnown is how many credentials of an account are remembered, so that
	// none of them comes back in an answer.
	maxKnown = 8
	// maxTurns is how many candidates a call that was refused waits for. There
	// is more than one where a file is written in steps.
	maxTurns = 3
)

// keeper holds the credential of an account. Content of the credential's file
// that changed is left to a rotation in the background.
type keeper struct {
	email    string
	clock    func() time.Time
	watch    *filewatch.Watch // nil: the credential is not from a file
	events   *events
	rotation *rotation

	current atomic.Pointer[liveCredential]
	known   atomic.Pointer[[]knownCredential] // the newest credentials, that in use among them
	resting atomic.Bool                       // the candidate must not be tried now

	// changed says that the file changed during the turn or the rest of a
	// candidate, hurry that the credential in use is refused.
	changed, hurry signal

	mu sync.Mutex
	// start runs the rotation. It says no when the client is closed. Nil: the
	// client is not ready yet.
	start     func(func(context.Context)) bool
	offered   string // what the file held when it was loaded last
	refused   string // the candidate that was refused last
	refusedAt time.Time
	turn      chan struct{} // closed when the candidate's turn is over; nil: there is none
}

func newKeeper(given Account, c Config) (*keeper, error) {
	k := &keeper{clock: c.Clock, email: given.Credential.Email, changed: newSignal(), hurry: newSignal()}
	files, file := given.Credential, ""
	switch {
	case files == CredentialFiles{} && given.Token.reveal() != "":
		k.install(liveCredential{Token: given.Token})
		return k, checkCredential(given.Token.reveal())
	case given.Token.text != nil:
		return nil, errors.New("credential must have exactly one form")
	case files.APITokenFile != "" && files.Email == "" && files.APIKeyFile == "":
		file = files.APITokenFile
	case files.APITokenFile == "" && files.Email != "" && files.APIKeyFile != "":
		file = files.APIKeyFile
	default:
		return nil, errors.New("credential must be either an API token file, or an e-mail address with an API key file")
	}
	if strings.ContainsFunc(files.Email, notHeaderSafe) {
		return nil, errors.New("credential e-mail address holds a character that no header may carry")
	}
	k.events = &events{tell: func(err error) { c.OnCredential(CredentialEvent{Account: given.ID, Err: err}) }}
	k.rotation = &rotation{keeper: k, events: k.events}
	var err error
	k.watch, err = c.Files.Add(context.Background(), filewatch.FileGroup{
		Kind: "credential", Files: []string{file}, MaxBytes: maxFile, ReloadOnTouch: true,
		Load: func(contents [][]byte) error { return k.load(file, contents[0]) }, Report: k.report,
	})
	return k, err
}

// load takes the content of the file. The first is put in force untried, since
// the service must start while Cloudflare is down. Any other is a candidate.
func (k *keeper) load(file string, content []byte) error {
	text := strings.TrimRight(string(content), "\r\n")
	if err := checkCredential(text); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	switch {
	case k.current.Load() == nil:
		k.install(k.credentialOf(text))
	case k.refusedLately(text):
		return errRefusedLately
	}
	k.offered = text
	k.begin()
	return nil
}

// errRefusedLately lets a credential that was refused rest, although its file
// changed. It is tried again when the rest is over.
var errRefusedLately = errors.New("the credential was refused a moment ago")

// refusedLately says whether a credential must not be tried again yet. k.mu is
// held.
func (k *keeper) refusedLately(text string) bool {
	return text == k.refused && k.clock().Sub(k.refusedAt) < refusalHolds
}

// begin lets the rotation deal with what the file holds, unless that is in
// force. k.mu is held.
func (k *keeper) begin() {
	switch {
	case k.turn != nil:
		k.changed.give()
	case k.offered != k.current.Load().reveal() && k.start != nil && k.start(k.rotation.run):
		k.turn = make(chan struct{})
	}
}

// enable lets rotations run from now on.
func (k *keeper) enable(start func(func(context.Context)) bool, prove func(context.Context, *candidate) error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.start, k.rotation.prove = start, prove
	k.begin()
}

// report hears of the file: why it cannot be read, or that it was loaded.
func (k *keeper) report(err error) {
	switch {
	case errors.Is(err, errRefusedLately): // told when it was refused
	case err != nil:
		k.events.complain(err.Error(), err)
	case k.offer() == k.current.Load().reveal():
		k.events.well(false)
	}
}

// offer is what the file holds.
func (k *keeper) offer() string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.offered
}

// close ends the watch of the file.
func (k *keeper) close() {
	if k.watch != nil {
		k.watch.Stop()
	}
}

func (k *keeper) credentialOf(text string) liveCredential {
	return liveCredential{Token: NewToken(text), email: k.email}
}

// install puts a credential in force.
func (k *keeper) install(c liveCredential) {
	k.current.Store(&c)
	k.remember(c.reveal())
}

// credential gives the credential to use now.
func (k *keeper) credential() liveCredential { return *k.current.Load() }

// replaced says whether another credential is in force than one that was
// refused. If a candidate waits, its turn comes at once, and is waited for: a
// credential that is revoked as soon as its successor is there costs no call.
func (k *keeper) replaced(ctx context.Context, refused liveCredential) bool {
	for range maxTurns {
		if k.current.Load().reveal() != refused.reveal() {
			return true
		}
		turn := k.urge(ctx)
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
func (k *keeper) urge(ctx context.Context) <-chan struct{} {
	if k.watch == nil {
		return nil
	}
	k.watch.Check(ctx)
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.turn == nil || k.resting.Load() {
		return nil
	}
	k.hurry.give()
	return k.turn
}

// refuse notes that Cloudflare refused a candidate.
func (k *keeper) refuse(text string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.refused, k.refusedAt = text, k.clock()
}

// candidate is what the file holds, where that has to be tried.
func (k *keeper) candidate() (text string, ok bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.offered, k.offered != k.current.Load().reveal() && !k.refusedLately(k.offered)
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
	current := k.current.Load().reveal()
	known := []knownCredential{newKnownCredential(current)}
	if text != current {
		known = append(known, newKnownCredential(text))
	}
	if before := k.known.Load(); before != nil {
		for _, old := range *before {
			if old.text != text && old.text != current && len(known) < maxKnown {
				known = append(known, old)
			}
		}
	}
	k.known.Store(&known)
}
