package config_test

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"platform.internal/storekeeper/internal/config"
)

func TestCredentialFilesAreChecked(t *testing.T) {
	for name, test := range map[string]struct {
		make func(t *testing.T, path string)
		want string
	}{
		"closed file":         {make: file("token", 0o600)},
		"open to the group":   {make: file("token", 0o640)},
		"link to a file":      {make: link(0o600)},
		"open to others":      {make: file("token", 0o644), want: "must name a file that is closed to other users of this machine; chmod o= closes it"},
		"link to open file":   {make: link(0o604), want: "must name a file that is closed to other users"},
		"writable for others": {make: file("token", 0o602), want: "must name a file that is closed to other users"},
		"empty":               {make: file("", 0o600), want: "must name a file that is not empty"},
		"folder":              {make: folder, want: "must name a regular file, not a folder or device"},
		"missing":             {make: nothing, want: "must name a file that exists; there is none of this name in "},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			file("rules: []", 0o644)(t, filepath.Join(dir, "policy.yaml"))
			test.make(t, filepath.Join(dir, "token"))
			c, err := config.Parse(filepath.Join(dir, "a.yaml"), read(t, minimal), nil)
			if err != nil {
				t.Fatal(err)
			}
			err = c.CheckFiles()
			if test.want == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			want := filepath.Join(dir, "a.yaml") + ":5: accounts[0].credential.api_token_file: " + test.want
			if err == nil || !strings.HasPrefix(err.Error(), want) {
				t.Errorf("got %v, want it to start with %s", err, want)
			}
		})
	}
}

func TestAllFilesAreCheckedAtOnce(t *testing.T) {
	c := &config.Config{Accounts: []config.Account{
		{Credential: config.Credential{APITokenFile: "none/a"}},
		{Credential: config.Credential{Email: "a@example.com", APIKeyFile: "none/b"}},
	}}
	err := c.CheckFiles()
	if got, _ := errors.AsType[config.Mistakes](err); len(got) != 2 || got[1].Key != "accounts[1].credential.api_key_file" {
		t.Errorf("got %v, want a mistake for each file", err)
	}
	if again := c.CheckFiles(); again == nil || again.Error() != err.Error() {
		t.Errorf("the second check says %v", again)
	}
}

func TestOtherFilesAreChecked(t *testing.T) {
	const (
		closed = "must name a file that is closed to other users of this machine"
		fixed  = "must name a file that other users of this machine cannot change"

		postgres    = "store.postgres."
		issuerToken = "callers.issuers[1].token_file"
	)
	all := map[string]map[os.FileMode]string{
		"listen.tls.key_file":          {0o600: "", 0o640: "", 0o644: closed, 0o602: closed},
		"listen.tls.cert_file":         {0o644: "", 0o646: fixed},
		"listen.tls.client_ca_file":    {0o644: "", 0o602: fixed},
		"callers.issuers[0].jwks_file": {0o644: "", 0o666: fixed},
		"callers.issuers[1].ca_file":   {0o644: "", 0o666: fixed},
		issuerToken:                    {0o600: "", 0o640: "", 0o644: "", 0o622: fixed},
		"policy.file":                  {0o644: "", 0o646: fixed},
		"audit.file":                   {0o600: "", 0o640: "", 0o644: closed, 0o602: closed},
		"audit.key_file":               {0o600: "", 0o640: "", 0o644: closed},
		"store.key_file":               {0o600: "", 0o640: "", 0o644: closed, 0o602: closed},
		postgres + "password_file":     {0o600: "", 0o640: "", 0o644: closed},
		postgres + "ca_file":           {0o644: "", 0o646: fixed},
		postgres + "cert_file":         {0o644: "", 0o646: fixed},
		postgres + "key_file":          {0o600: "", 0o640: "", 0o644: closed},
		postgres + "memory_file":       {0o600: "", 0o640: "", 0o644: closed, 0o602: closed},
	}
	for key, rules := range all {
		for mode, want := range rules {
			dir := t.TempDir()
			sets := []string{"accounts[0].credential.api_token_file=" + filepath.Join(dir, "token")}
			file("token", 0o600)(t, filepath.Join(dir, "token"))
			for _, named := range slices.Sorted(maps.Keys(all)) {
				path := filepath.Join(dir, named)
				file("x", 0o600)(t, path)
				sets = append(sets, named+"="+path)
			}
			if err := os.Chmod(filepath.Join(dir, key), mode); err != nil {
				t.Fatal(err)
			}
			for i, name := range []string{"a", "b"} {
				at := fmt.Sprintf("callers.issuers[%d].", i)
				sets = append(sets, at+"name="+name, at+"issuer=https://"+name+".example.com", at+"audiences[0]=here", at+"subjects[0].match=x")
			}
			c, err := config.Load(minimal, sets)
			if err != nil {
				t.Fatal(err)
			}
			err = c.CheckFiles()
			if want == "" && err != nil || want != "" && (err == nil || !strings.HasPrefix(err.Error(), "--set "+key+": "+want)) {
				t.Errorf("%s with mode %o: got %v, want %q", key, mode, err, want)
			}
		}
	}
}

// TestStoreFolderNeedNotExistButIsClosedToOthers: Storekeeper creates the folder, but its volume must exist.
func TestStoreFolderNeedNotExistButIsClosedToOthers(t *testing.T) {
	for name, test := range map[string]struct {
		make func(t *testing.T, path string)
		name string
		want string
	}{
		"missing":             {make: nothing, name: "state"},
		"there":               {make: folder, name: "state"},
		"open to others":      {make: openFolder, name: "state", want: "must name a folder that is closed to other users"},
		"file":                {make: file("x", 0o600), name: "state"}, // The start says which file it is.
		"nowhere to make it":  {make: nothing, name: "none/state", want: "must name a folder in a folder that exists"},
		"file for the folder": {make: file("x", 0o600), name: "state/x", want: "must name a file that can be read"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			test.make(t, filepath.Join(dir, "state"))
			c := &config.Config{Store: config.Store{Kind: config.StoreFile, Folder: filepath.Join(dir, test.name)}}
			err := c.CheckFiles()
			if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), "store.folder: "+test.want)) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
	c := &config.Config{Store: config.Store{Kind: config.StoreFile, Folder: "/dev/null"}}
	if err := c.CheckFiles(); err == nil || !strings.Contains(err.Error(), "must name a folder, not a device") {
		t.Errorf("a device: %v", err)
	}
}

// TestAuditFileNeedNotExistButItsFolderMust: Storekeeper creates the file, but its volume must exist.
func TestAuditFileNeedNotExistButItsFolderMust(t *testing.T) {
	for name, test := range map[string]struct {
		make func(t *testing.T, path string)
		name string
		want string
	}{
		"missing":               {make: nothing, name: "audit.log"},
		"empty":                 {make: file("", 0o600), name: "audit.log"},
		"empty, open to others": {make: file("", 0o644), name: "audit.log", want: "must name a file that is closed to other users"},
		"folder missing":        {make: nothing, name: "none/audit.log", want: "must name a file in a folder that exists"},
		"folder for the file":   {make: folder, name: "audit.log", want: "must name a regular file"},
		"file for the folder":   {make: file("x", 0o600), name: "audit.log/x", want: "must name a file"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			test.make(t, filepath.Join(dir, "audit.log"))
			c := &config.Config{Audit: config.Audit{Sink: config.AuditFile, File: filepath.Join(dir, test.name)}}
			err := c.CheckFiles()
			if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), "audit.file: "+test.want)) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

func nothing(*testing.T, string) {}

func file(text string, mode os.FileMode) func(*testing.T, string) {
	return func(t *testing.T, path string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
	}
}

func link(mode os.FileMode) func(*testing.T, string) {
	return func(t *testing.T, path string) {
		t.Helper()
		file("token", mode)(t, path+"-target")
		if err := os.Symlink(path+"-target", path); err != nil {
			t.Fatal(err)
		}
	}
}

func folder(t *testing.T, path string) {
	t.Helper()
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
}

func openFolder(t *testing.T, path string) {
	t.Helper()
	folder(t, path)
	if err := os.Chmod(path, 0o755); err != nil {
		t.Fatal(err)
	}
}
