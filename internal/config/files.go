package config

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// CheckFiles looks at the files that the configuration names: each must exist,
// be a regular file or a link to one, not be empty, be readable for this
// process and closed to every user outside its owner and group. It reads none
// of them. An error is of type Mistakes.
func (c *Config) CheckFiles() error {
	r := newReport("configuration")
	if c.report != nil {
		r = c.report.again()
	}
	k := check{report: r}.of("accounts")
	for i, a := range c.Accounts {
		checkFile(a.Credential.APITokenFile, k.item(i).of("credential").of("api_token_file"))
		checkFile(a.Credential.APIKeyFile, k.item(i).of("credential").of("api_key_file"))
	}
	return r.err()
}

// checkFile checks one file; no name is no file. The name stays out of the
// mistake: it is where a token lands that was taken for a file name.
func checkFile(name string, k check) {
	if name == "" {
		return
	}
	info, err := os.Stat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		k.fail("must name a file that exists; there is none of this name in " + filepath.Dir(name))
		return
	case err != nil:
		k.fail("must name a file that can be read: " + cause(err))
		return
	case !info.Mode().IsRegular():
		k.fail("must name a regular file, not a folder or device")
		return
	}
	if info.Size() == 0 {
		k.fail("must name a file that is not empty")
	}
	if info.Mode()&0o007 != 0 {
		k.fail("must name a file that is closed to other users of this machine; chmod o= closes it")
	}
	if err := tryOpen(name); err != nil {
		k.fail("must name a file that can be read: " + cause(err))
	}
}

// tryOpen reports why a file cannot be read, without reading it.
func tryOpen(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	return f.Close()
}

// cause gives what the system said about a file, without the file's name.
func cause(err error) string {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Err.Error()
	}
	return err.Error()
}
