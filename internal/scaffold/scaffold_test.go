package scaffold_test

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"platform.internal/storekeeper/internal/config"
	"platform.internal/storekeeper/internal/scaffold"
)

func options(folder string) scaffold.Options {
	return scaffold.Options{Folder: folder, Account: config.DevAccount, AccountName: "main", Caller: "admin"}
}

func TestWhatIsWrittenIsGoodAndClosedToOthers(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "deep", "storekeeper")
	r, err := scaffold.Write(options(folder))
	if err != nil {
		t.Fatal(err)
	}
	c, mistakes := config.Check(r.Config, nil)
	if mistakes != nil || len(c.Callers.APIKeys) != 1 || c.Accounts[0].BaseURL != "http://"+r.Emulator+"/client/v4" {
		t.Fatalf("%v: %+v", mistakes, c)
	}
	found, err := os.ReadDir(folder)
	if err != nil || len(found) != len(r.Files) {
		t.Fatalf("%v: %v", found, err)
	}
	for _, entry := range found {
		info, err := entry.Info()
		text, readErr := os.ReadFile(filepath.Join(folder, entry.Name()))
		if err != nil || readErr != nil || info.Mode().Perm() != 0o600 || strings.Contains(string(text), r.Key) {
			t.Errorf("%s: %v %v, mode %v, or it holds the key", entry.Name(), err, readErr, info.Mode())
		}
	}
	if info, err := os.Stat(folder); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the folder: %v %v", info.Mode(), err)
	}
	if left, err := os.ReadDir(filepath.Dir(folder)); err != nil || len(left) != 1 {
		t.Errorf("beside the folder: %v %v", left, err)
	}
}

func TestKeysAreNewEachTime(t *testing.T) {
	keys := map[string]bool{}
	for range 3 {
		folder := filepath.Join(t.TempDir(), "x")
		r, err := scaffold.Write(options(folder))
		if err != nil {
			t.Fatal(err)
		}
		trail, err := os.ReadFile(filepath.Join(folder, "audit.key"))
		if err != nil || keys[r.Key] || keys[string(trail)] || len(r.Key) != 51 || len(trail) != 65 {
			t.Errorf("%v: %s and %s", err, r.Key, trail)
		}
		keys[r.Key], keys[string(trail)] = true, true
	}
}

func TestNothingIsOverwritten(t *testing.T) {
	folder := t.TempDir()
	// An empty folder is fine.
	if _, err := scaffold.Write(options(folder)); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(filepath.Join(folder, "config.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := scaffold.Write(options(folder)); !errors.Is(err, scaffold.ErrExists) {
		t.Errorf("the folder again: %v", err)
	}
	if after, err := os.ReadFile(filepath.Join(folder, "config.yaml")); err != nil || string(after) != string(before) {
		t.Errorf("the file is another: %v", err)
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := scaffold.Write(options(file)); !errors.Is(err, scaffold.ErrExists) {
		t.Errorf("a file of that name: %v", err)
	}
}

func TestAWrongOptionWritesNothing(t *testing.T) {
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	for key, change := range map[string]func(*scaffold.Options){
		"accounts[0].id":                        func(o *scaffold.Options) { o.Account = `x", name: "y` },
		"accounts[0].name":                      func(o *scaffold.Options) { o.AccountName = "Main\nx" },
		"callers.api_keys[0].name":              func(o *scaffold.Options) { o.Caller = "a: b" },
		"accounts[0].credential.api_token_file": func(o *scaffold.Options) { o.TokenFile = token },
	} {
		parent := t.TempDir()
		o := options(filepath.Join(parent, "x"))
		change(&o)
		_, err := scaffold.Write(o)
		mistakes, ok := errors.AsType[config.Mistakes](err)
		if !ok || len(mistakes) != 1 || mistakes[0].Key != key {
			t.Errorf("%s: %v", key, err)
		}
		if left, err := os.ReadDir(parent); err != nil || len(left) != 0 {
			t.Errorf("%s: %v is left: %v", key, left, err)
		}
	}
}

func TestCloudflareIsUsedWithATokenThatStaysWhereItIs(t *testing.T) {
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "token"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Chdir(folder)
	o := options("storekeeper")
	o.TokenFile = "token"
	r, err := scaffold.Write(o)
	if err != nil {
		t.Fatal(err)
	}
	c, mistakes := config.Check(r.Config, nil)
	if mistakes != nil || c.Accounts[0].BaseURL != config.DefaultBaseURL || c.Accounts[0].Credential.APITokenFile != filepath.Join(folder, "token") || r.Emulator != "" {
		t.Errorf("%v: %+v", mistakes, c.Accounts)
	}
}

func TestAPortThatIsInUseIsNotChosen(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:8080")
	if err == nil {
		defer func() { _ = l.Close() }()
	}
	// The port is in use by any program.
	r, err := scaffold.Write(options(filepath.Join(t.TempDir(), "x")))
	if err != nil || r.REST == "127.0.0.1:8080" {
		t.Errorf("%v: %s", err, r.REST)
	}
}
