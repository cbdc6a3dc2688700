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
	// maxKnown is the number of credentials per account that are remembered to detect them in
	// responses.
	maxKnown = 8
	// maxTurns is the maximum number of candidates for which a refused call waits. There may be
	// several if a file is written in steps.
	maxTurns = 3
)

// credentialSource holds the credential of an account. Changed content of the credential file is
// tested by a rotation in the background.
type credentialSource struct {
	email    string
	agent    string
	clock    func() time.Time
	watch    *filewatch.Watch // nil if the credential is not from a file
	events   *events
	rotation *rotation

	current atomic.Pointer[liveCredential]
	known   atomic.Pointer[[]knownCredential] // the newest credentials, including the credential in use
	resting atomic.Bool                       // the candidate must not be tested now

	// changed reports that the file changed during the test or the pause of a candidate. hurry
	// reports that the credential in use was refused.
	changed, hurry signal

	mu sync.Mutex
	// start runs the rotation. It returns false after the client is closed. Nil until the client is
	// ready.
	start     func(func(context.Context)) bool
	offered   string // the last loaded content of the file
	refused   string // the last refused candidate
	refusedAt time.Time
	turn      chan struct{} // closed at the end of the candidate's test; nil if there is no candidate
}

func newCredentialSource(given Account, c Config) (*credentialSource, error) {
	k := &credentialSource{clock: c.Clock, email: given.Credential.Email, agent: c.UserAgent, changed: newSignal(), hurry: newSignal()}
	files, file := given.Credential, ""
	switch {
	case files == CredentialFiles{} && given.Token.reveal() != "":
		k.install(newCredential(given.Token, "", k.agent))
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
	k.events = &events{notify: func(err error) { c.OnCredential(CredentialEvent{Account: given.ID, Err: err}) }}
	k.rotation = &rotation{source: k, events: k.events}
	var err error
	k.watch, err = c.Files.Add(context.Background(), filewatch.FileGroup{
		Kind: "credential", Files: []string{file}, MaxBytes: maxFile, ReloadOnTouch: true,
		Load: func(contents [][]byte) error { return k.load(file, contents[0]) }, Report: k.report,
	})
	return k, err
}

// load processes the content of the file. The first content is put in force without a test, because
// Storekeeper must start while Cloudflare is down. Any other content becomes a candidate.
func (k *credentialSource) load(file string, content []byte) error {
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

// errRefusedLately delays the test of a credential that was refused recently, even if the file
// changed.
var errRefusedLately = errors.New("the credential was refused a moment ago")

// refusedLately reports whether a credential must not be tested again yet. k.mu is held.
func (k *credentialSource) refusedLately(text string) bool {
	return text == k.refused && k.clock().Sub(k.refusedAt) < refusalHolds
}

// begin starts a rotation for the file's content, unless that content is in force. k.mu is held.
func (k *credentialSource) begin() {
	switch {
	case k.turn != nil:
		k.changed.give()
	case k.offered != k.current.Load().reveal() && k.start != nil && k.start(k.rotation.run):
		k.turn = make(chan struct{})
	}
}

// enable permits rotations from now on.
func (k *credentialSource) enable(start func(func(context.Context)) bool, prove func(context.Context, *candidate) error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.start, k.rotation.prove = start, prove
	k.begin()
}

// report handles the result of a load of the file.
func (k *credentialSource) report(err error) {
	switch {
	case errors.Is(err, errRefusedLately): // already reported at the refusal
	case err != nil:
		k.events.fail(err.Error(), err)
	case k.offer() == k.current.Load().reveal():
		k.events.recovered(false)
	}
}

// offer returns the last loaded content of the file.
func (k *credentialSource) offer() string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.offered
}

// close ends the watch of the file.
func (k *credentialSource) close() {
	if k.watch != nil {
		k.watch.Stop()
	}
}

func (k *credentialSource) credentialOf(text string) liveCredential {
	return newCredential(NewToken(text), k.email, k.agent)
}

// install puts a credential in force.
func (k *credentialSource) install(c liveCredential) {
	k.current.Store(&c)
	k.remember(c.reveal())
}

// credential returns the credential in use.
func (k *credentialSource) credential() liveCredential { return *k.current.Load() }

// replaced reports whether another credential than the refused credential is in force. If there is
// a candidate, replaced triggers its test at once and waits. So no call fails if a credential is
// revoked as soon as its successor exists.
func (k *credentialSource) replaced(ctx context.Context, refused liveCredential) bool {
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

// urge triggers the test of a candidate, and returns a channel that closes at the end of the test.
// It returns nil if no candidate can be tested now.
func (k *credentialSource) urge(ctx context.Context) <-chan struct{} {
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

// refuse records that Cloudflare refused a candidate.
func (k *credentialSource) refuse(text string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.refused, k.refusedAt = text, k.clock()
}

// candidate returns the file's content if it must be tested.
func (k *credentialSource) candidate() (text string, ok bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.offered, k.offered != k.current.Load().reveal() && !k.refusedLately(k.offered)
}

// over ends a test and wakes the waiting calls. It reports whether another test follows: for the
// same candidate, or because the file changed.
func (k *credentialSource) over(again bool) bool {
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

// remember adds a credential to the known credentials. It has one writer at a time:
// newCredentialSource, and later the rotation.
func (k *credentialSource) remember(text string) {
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
