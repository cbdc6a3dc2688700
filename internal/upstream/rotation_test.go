package upstream_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"platform.internal/storekeeper/internal/upstream"
)

const (
	first  = "first-token-0001"
	second = "second-token-002"
	third  = "third-token-0003"
)

// write replaces a file atomically, so that no reader sees a partial file.
func write(t testing.TB, file, content string) {
	t.Helper()
	writeInSteps(t, file+".new", content)
	if err := os.Rename(file+".new", file); err != nil {
		t.Fatal(err)
	}
}

// writeInSteps writes into the file itself, which is empty for a moment.
func writeInSteps(t testing.TB, file, content string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// overwrite changes bytes of a file without a change of the length.
func overwrite(t testing.TB, file, content string) {
	t.Helper()
	f, err := os.OpenFile(file, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err = f.WriteAt([]byte(content), 0); err == nil {
		err = f.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
}

// credentialFile makes a file that holds the first credential.
func credentialFile(t testing.TB) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "credential")
	write(t, file, first+"\r\n")
	return file
}

// mount changes a file as Kubernetes does: token -> ..data/token, and ..data -> ..<version>, which
// is replaced by a rename of another link.
type mount struct{ dir string }

func (m mount) file() string { return filepath.Join(m.dir, "token") }

func (m mount) swap(t testing.TB, version, content string) {
	t.Helper()
	folder, link := filepath.Join(m.dir, ".."+version), filepath.Join(m.dir, "..data")
	old, _ := os.Readlink(link)
	steps := []error{os.Mkdir(folder, 0o700), os.WriteFile(filepath.Join(folder, "token"), []byte(content), 0o600)}
	// Same size, same time: the identity of the file alone differs.
	when := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	steps = append(steps,
		os.Chtimes(filepath.Join(folder, "token"), when, when),
		os.Symlink(".."+version, link+"_tmp"),
		os.Rename(link+"_tmp", link))
	if old == "" {
		steps = append(steps, os.Symlink(filepath.Join("..data", "token"), m.file()))
	} else {
		steps = append(steps, os.RemoveAll(filepath.Join(m.dir, old)))
	}
	for _, err := range steps {
		if err != nil {
			t.Fatal(err)
		}
	}
}

// A new credential of each kind is used after a successful test, and the old credential until then,
// for all methods of changing the file.
func TestNewCredentialIsTriedBeforeItIsUsed(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		kind   string
		change func(t testing.TB, file, content string)
		costs  []string
	}{
		"a user's token in another file": {usersToken, write, []string{askUser, askQuota}},
		"a user's token in place":        {usersToken, overwrite, []string{askUser, askQuota}},
		"an account's token":             {accountsToken, overwrite, []string{askUser, askAccount, askQuota}},
		"a global key":                   {globalKey, write, []string{askQuota}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := credentialFile(t)
			r := rotateFrom(t, tt.kind, file, first)
			r.use(first)
			r.costs(first)
			for _, next := range []struct{ old, now string }{{first, second}, {second, third}} {
				r.api.allow(next.now, tt.kind)
				tt.change(t, file, next.now+"\n")
				r.use(next.old)
				r.told("ok")
				r.use(next.now)
				r.costs(next.now, tt.costs...)
			}
			r.clock.move(time.Hour)
			r.use(third)
			r.costs(third, tt.costs...)
			r.quiet()
		})
	}
}

func TestCredentialFollowsASymlinkSwap(t *testing.T) {
	m := mount{t.TempDir()}
	m.swap(t, "2026_01", first)
	r := rotateFrom(t, usersToken, m.file(), first)
	r.use(first)
	r.api.allow(second, usersToken)
	m.swap(t, "2026_02", second)
	r.use(first)
	r.told("ok")
	r.use(second)
	r.quiet()
}

// A change at the very start that size, time and identity of the file do not show, because the file
// is younger than a tick of the file system's clock.
func TestYoungFileIsReadAgain(t *testing.T) {
	file := credentialFile(t)
	info, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	r := rotateFrom(t, usersToken, file, first)
	r.api.allow("other-token-0001", usersToken)
	overwrite(t, file, "other-token-0001")
	if err := os.Chtimes(file, info.ModTime(), info.ModTime()); err != nil {
		t.Fatal(err)
	}
	r.use(first)
	r.told("ok")
	r.use("other-token-0001")
}

func TestBadContentKeepsTheOldCredential(t *testing.T) {
	file := credentialFile(t)
	r := rotateFrom(t, usersToken, file, first)
	for _, step := range []struct{ content, event string }{
		{"\n", "empty"},
		{strings.Repeat("x", 5000), "4096"},
		{"a bad token", "blank"},
	} {
		write(t, file, step.content)
		r.use(first)
		r.told(step.event)
		r.use(first)
		time.Sleep(60 * time.Millisecond) // is not told again
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	r.use(first)
	r.told("no such file")
	write(t, file, first)
	r.use(first)
	r.told("ok")
	r.api.allow(second, usersToken)
	write(t, file, second)
	r.use(first)
	r.told("ok")
	r.use(second)
	r.quiet()
}

// A slow write in place exposes the empty and the partial file.
func TestSlowlyWrittenFile(t *testing.T) {
	file := credentialFile(t)
	r := rotateFrom(t, usersToken, file, first)
	r.api.allow(second, usersToken)
	for _, step := range []struct{ content, event, use string }{
		{"", "empty", first},
		{second[:3], "refused", first},
		{second[:12], "refused", first},
		{second, "ok", second},
	} {
		write(t, file, step.content)
		r.use(first)
		r.told(step.event)
		r.use(step.use)
	}
	r.costs(second, askUser, askQuota)
}

func TestNewNeedsNoNetwork(t *testing.T) {
	config := configFor("http://127.0.0.1:1")
	useFiles(upstream.CredentialFiles{APITokenFile: credentialFile(t)})(&config.Accounts[0])
	config.Transport = failing{os.ErrClosed}
	asked := &witness{}
	config.Observe = asked.observe
	newClient(t, config)
	if len(asked.attempts) != 0 {
		t.Errorf("New made %d calls", len(asked.attempts))
	}
}
