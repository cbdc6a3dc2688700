package upstream

import (
	"errors"
	"fmt"
	"io"
	"net/http"
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
	// maxCredential is the most bytes that a credential file may hold.
	maxCredential = 4 << 10

	redacted = "[redacted]"
)

// CredentialFiles says where a credential is read from. Exactly one of the two
// forms is given: APITokenFile, or Email with APIKeyFile.
type CredentialFiles struct {
	// APITokenFile holds an API token, user owned or account owned.
	APITokenFile string
	// Email is the address of the user whose global key APIKeyFile holds.
	Email string
	// APIKeyFile holds a global API key.
	APIKeyFile string
}

// CredentialEvent says what became of a re-read of a credential file.
type CredentialEvent struct {
	// Account is the identifier of the account.
	Account string
	// Err says why the new content cannot be used; the old one stays in use.
	// Nil means that what the file holds is in use now. It holds nothing of
	// the content.
	Err error
}

// Token is a text that prints as "[redacted]", whatever prints it.
type Token struct {
	// text is behind a pointer because fmt ignores methods when it prints an
	// unexported field of another struct, and a nested pointer prints as an
	// address.
	text *string
}

// NewToken makes a token of its text.
func NewToken(text string) Token { return Token{text: &text} }

// String gives "[redacted]".
func (Token) String() string { return redacted }

// GoString gives "[redacted]".
func (Token) GoString() string { return redacted }

// Format prints "[redacted]" for every verb.
func (Token) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, redacted) }

// MarshalJSON gives "[redacted]" as a JSON string.
func (Token) MarshalJSON() ([]byte, error) { return []byte(`"` + redacted + `"`), nil }

func (t Token) reveal() string {
	if t.text == nil {
		return ""
	}
	return *t.text
}

// credential is what proves to Cloudflare who we are. Without an e-mail
// address it is an API token, with one a global key. It prints like a Token.
type credential struct {
	Token
	email string
}

func (c credential) put(h http.Header) {
	if c.email == "" {
		h.Set("Authorization", "Bearer "+c.reveal())
		return
	}
	h.Set("X-Auth-Email", c.email)
	h.Set("X-Auth-Key", c.reveal())
}

// keeper holds the credential of an account and reads its file again when the
// file changes. It needs no goroutine: the file is looked at on use.
type keeper struct {
	file, email string
	tell        func(error)
	clock       func() time.Time
	made        time.Time

	current atomic.Pointer[credential]
	next    atomic.Int64 // when to look again, as time since made

	mu   sync.Mutex
	seen os.FileInfo // of the content in use; nil: read it again
	last string      // the failure that was told last
}

func newKeeper(given Account, c Config) (*keeper, error) {
	k := &keeper{clock: c.Clock, made: c.Clock(), email: given.Credential.Email}
	k.tell = func(err error) { c.OnCredential(CredentialEvent{Account: given.ID, Err: err}) }
	files := given.Credential
	switch {
	case files == CredentialFiles{} && given.Token.reveal() != "":
		cred := credential{Token: given.Token}
		k.current.Store(&cred)
		return k, checkCredential(cred.reveal())
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
	return k, k.read()
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
	now := int64(k.clock().Sub(k.made))
	if now < k.next.Load() || !k.mu.TryLock() {
		return
	}
	defer k.mu.Unlock()
	k.next.Store(now + int64(checkEvery))
	before := k.current.Load()
	if err := k.read(); err != nil {
		if err.Error() != k.last {
			k.last = err.Error()
			k.tell(err)
		}
		return
	}
	if k.last != "" || k.current.Load().reveal() != before.reveal() {
		k.last = ""
		k.tell(nil)
	}
}

// read reads the file unless it is the one that was read before. Kubernetes
// changes a mounted secret by pointing a symbolic link at another directory, so
// the path is followed anew each time and the file's identity is compared too.
func (k *keeper) read() error {
	info, err := os.Stat(k.file)
	if err == nil && unchanged(k.seen, info) {
		return nil
	}
	k.seen = nil
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%s is not a regular file", k.file)
	}
	text, err := readCredential(k.file)
	if err != nil {
		return err
	}
	k.seen = info
	k.current.Store(&credential{Token: NewToken(text), email: k.email})
	return nil
}

func unchanged(old, now os.FileInfo) bool {
	return old != nil && os.SameFile(old, now) && old.Size() == now.Size() && old.ModTime().Equal(now.ModTime())
}

func readCredential(file string) (string, error) {
	f, err := os.Open(file)
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }()
	content, err := io.ReadAll(io.LimitReader(f, maxCredential+1))
	if err != nil {
		return "", err
	}
	text := strings.TrimRight(string(content), "\r\n")
	if err := checkCredential(text); err != nil {
		return "", fmt.Errorf("%s: %w", file, err)
	}
	return text, nil
}

func checkCredential(text string) error {
	switch {
	case text == "":
		return errors.New("credential is empty")
	case len(text) > maxCredential:
		return errors.New("credential has more than 4096 bytes")
	case strings.ContainsFunc(text, notHeaderSafe):
		return errors.New("credential holds a blank or a character that no header may carry")
	}
	return nil
}

func notHeaderSafe(r rune) bool { return r <= ' ' || r > '~' }
