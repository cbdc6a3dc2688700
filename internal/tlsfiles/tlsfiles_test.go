package tlsfiles_test

import (
	"crypto/tls"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"platform.internal/storekeeper/internal/authn/authntest"
	"platform.internal/storekeeper/internal/filewatch"
	"platform.internal/storekeeper/internal/tlsfiles"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func watcher() *filewatch.Watcher { return filewatch.New(filewatch.Config{Debounce: time.Millisecond}) }

// mount is a folder like a Kubernetes secret mount: each name is a link into ..data, which is a
// link to the folder of a version.
type mount struct {
	testing.TB

	folder  string
	version int
}

func newMount(t *testing.T) *mount {
	t.Helper()
	m := &mount{TB: t, folder: t.TempDir()}
	for _, name := range []string{"tls.crt", "tls.key", "ca.crt"} {
		m.must(os.Symlink(filepath.Join("..data", name), filepath.Join(m.folder, name)))
	}
	return m
}

func (m *mount) must(err error) {
	m.Helper()
	if err != nil {
		m.Fatal(err)
	}
}

// put atomically makes a version with all files the current version.
func (m *mount) put(pair tls.Certificate, authority []byte) {
	m.Helper()
	m.version++
	version := filepath.Join(m.folder, "..version"+strings.Repeat("x", m.version))
	m.must(os.Mkdir(version, 0o700))
	authntest.WriteFiles(m, version, pair)
	m.must(os.WriteFile(filepath.Join(version, "ca.crt"), authority, 0o600))
	link := filepath.Join(m.folder, "..data")
	m.must(os.Symlink(version, link+"_tmp"))
	m.must(os.Rename(link+"_tmp", link))
}

func (m *mount) config() tlsfiles.Config {
	return tlsfiles.Config{
		CertFile: filepath.Join(m.folder, "tls.crt"), KeyFile: filepath.Join(m.folder, "tls.key"), ClientCAFile: filepath.Join(m.folder, "ca.crt"),
	}
}

// leafOf returns the certificate that a configuration would show.
func leafOf(t *testing.T, c *tls.Config) string {
	t.Helper()
	now, err := c.GetConfigForClient(nil)
	if err != nil {
		t.Fatal(err)
	}
	return now.Certificates[0].Leaf.SerialNumber.String()
}

func TestChangedFilesAreUsed(t *testing.T) {
	authority := authntest.NewAuthority(t)
	one, two := authority.Sign(authntest.Leaf{}), authority.Sign(authntest.Leaf{NotAfter: time.Now().Add(2 * time.Hour)})
	m, w := newMount(t), watcher()
	m.put(one, authority.PEM)
	var told []error
	config := m.config()
	config.Watcher, config.OnReload = w, func(err error) { told = append(told, err) }
	f, err := tlsfiles.New(config)
	if err != nil {
		t.Fatal(err)
	}
	first, second := one.Leaf.SerialNumber.String(), two.Leaf.SerialNumber.String()
	m.put(two, authority.PEM)
	if got := leafOf(t, f.WithClients()); got != first {
		t.Errorf("before the files were looked at: %s", got)
	}
	w.Recheck(t.Context())
	for _, side := range []*tls.Config{f.WithClients(), f.ServerOnly()} {
		if got := leafOf(t, side); got != second {
			t.Errorf("afterwards: %s", got)
		}
	}
	w.Recheck(t.Context())
	if len(told) != 1 || told[0] != nil {
		t.Errorf("told %v", told)
	}
}

func TestUnusableFilesLeaveTheOldInUse(t *testing.T) {
	authority := authntest.NewAuthority(t)
	one := authority.Sign(authntest.Leaf{})
	other := authority.Sign(authntest.Leaf{})
	mixed := one
	mixed.PrivateKey = other.PrivateKey
	for name, test := range map[string]struct {
		spoil func(m *mount)
		want  string
	}{
		"a key of another": {func(m *mount) { m.put(mixed, authority.PEM) }, "private key does not match"},
		"an expired certificate": {func(m *mount) {
			m.put(authority.Sign(authntest.Leaf{NotAfter: time.Now().Add(-time.Minute)}), authority.PEM)
		}, "is valid from"},
		"one of tomorrow": {func(m *mount) {
			m.put(authority.Sign(authntest.Leaf{NotBefore: time.Now().Add(30 * time.Minute)}), authority.PEM)
		}, "is valid from"},
		"no authority":       {func(m *mount) { m.put(one, []byte("none")) }, "holds no certificate"},
		"a key as authority": {func(m *mount) { m.put(one, []byte("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")) }, "certificates only"},
		"a broken authority": {func(m *mount) {
			m.put(one, append([]byte("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"), authority.PEM...))
		}, "certificate 1 cannot be read"},
		"a workload as authority": {func(m *mount) { m.put(one, pemOf(m, one)) }, "not that of an authority"},
		"no files":                {func(m *mount) { m.must(os.Remove(filepath.Join(m.folder, "..data"))) }, "no such file"},
		"a folder":                {func(m *mount) { folderFor(m, "tls.key") }, "not a regular file"},
		"a file without end":      {func(m *mount) { m.put(one, make([]byte, 1<<20+1)) }, "at most 1048576 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			m, w := newMount(t), watcher()
			m.put(one, authority.PEM)
			var told []error
			config := m.config()
			config.Watcher, config.OnReload = w, func(err error) { told = append(told, err) }
			f, err := tlsfiles.New(config)
			if err != nil {
				t.Fatal(err)
			}
			test.spoil(m)
			for range 3 {
				w.Recheck(t.Context())
				if got := leafOf(t, f.WithClients()); got != one.Leaf.SerialNumber.String() {
					t.Errorf("got %s", got)
				}
			}
			if len(told) != 1 || told[0] == nil || !strings.Contains(told[0].Error(), test.want) {
				t.Fatalf("told %v, want %q once", told, test.want)
			}
			if _, err := tlsfiles.New(config); err == nil || err.Error() != told[0].Error() {
				t.Errorf("a start with them says %v", err)
			}
			m.must(os.RemoveAll(filepath.Join(m.folder, "tls.key")))
			m.must(os.Symlink(filepath.Join("..data", "tls.key"), filepath.Join(m.folder, "tls.key")))
			m.put(other, authority.PEM)
			w.Recheck(t.Context())
			if got := leafOf(t, f.WithClients()); got != other.Leaf.SerialNumber.String() || len(told) != 2 || told[1] != nil {
				t.Errorf("after healing: %s, told %v", got, told)
			}
		})
	}
}

func pemOf(m *mount, pair tls.Certificate) []byte {
	m.Helper()
	file, _ := authntest.WriteFiles(m, m.TempDir(), pair)
	text, err := os.ReadFile(file)
	m.must(err)
	return text
}

func folderFor(m *mount, name string) {
	m.Helper()
	m.must(os.Remove(filepath.Join(m.folder, name)))
	m.must(os.Mkdir(filepath.Join(m.folder, name), 0o700))
}

func TestClientsCannotBeRequiredWithoutAnAuthority(t *testing.T) {
	m := newMount(t)
	authority := authntest.NewAuthority(t)
	m.put(authority.Sign(authntest.Leaf{}), authority.PEM)
	config := m.config()
	config.ClientCAFile, config.RequireClient = "", true
	if _, err := tlsfiles.New(config); err == nil || !strings.Contains(err.Error(), "no authority is named") {
		t.Errorf("got %v", err)
	}
}
