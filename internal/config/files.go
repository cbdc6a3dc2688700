package config

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// fileSetting is a file that the configuration names.
type fileSetting struct {
	at   section
	name *string
	kind fileAccess
}

// fileAccess determines the allowed readers of a file. In every case only the owner and the group may write
// to the file.
type fileAccess int

const (
	// public files may be readable for all users.
	public fileAccess = iota
	// secret files may be readable only for their owner and group.
	secret
	// created files are secret files that Storekeeper creates if missing.
	created
	// folder is a folder that Storekeeper creates if missing. Only its owner and group may read the folder.
	folder
)

// String returns "file" or "folder".
func (a fileAccess) String() string {
	if a == folder {
		return "folder"
	}
	return "file"
}

// files lists the files of the configuration. k is the check of the whole
// configuration.
func (c *Config) files(k section) []fileSetting {
	tls, at := &c.Listen.TLS, k.field("listen").field("tls")
	all := []fileSetting{
		{at.field("cert_file"), &tls.CertFile, public},
		{at.field("key_file"), &tls.KeyFile, secret},
		{at.field("client_ca_file"), &tls.ClientCAFile, public},
	}
	for i := range c.Accounts {
		credential, at := &c.Accounts[i].Credential, k.field("accounts").item(i).field("credential")
		all = append(all, fileSetting{at.field("api_token_file"), &credential.APITokenFile, secret}, fileSetting{at.field("api_key_file"), &credential.APIKeyFile, secret})
	}
	all = append(all, c.callerFiles(k)...)
	all = append(all, c.Store.files(k.field("store"))...)
	return append(all,
		fileSetting{k.field("policy").field("file"), &c.Policy.File, public},
		fileSetting{k.field("audit").field("file"), &c.Audit.File, created},
		fileSetting{k.field("audit").field("stream_file"), &c.Audit.StreamFile, created},
		fileSetting{k.field("audit").field("key_file"), &c.Audit.KeyFile, secret})
}

// callerFiles lists the files of the section callers.
func (c *Config) callerFiles(k section) []fileSetting {
	k = k.field("callers")
	all := []fileSetting{{k.field("file"), &c.Callers.File, public}}
	for i := range c.Callers.Issuers {
		issuer, at := &c.Callers.Issuers[i], k.field("issuers").item(i)
		all = append(all, fileSetting{at.field("jwks_file"), &issuer.JWKSFile, public}, fileSetting{at.field("ca_file"), &issuer.CAFile, public},
			// A kubelet makes the file readable for all if the containers of a pod run as different users.
			fileSetting{at.field("token_file"), &issuer.TokenFile, public})
	}
	return all
}

// resolve makes a relative name relative to dir.
func (f fileSetting) resolve(dir string) {
	if *f.name != "" && !filepath.IsAbs(*f.name) {
		*f.name = filepath.Join(dir, *f.name)
	}
}

// CheckFiles checks the files that the configuration names. Each must exist, be a regular file or a link to a
// regular file, not be empty, and be readable for this process. Users other than owner and group must not be
// able to read secrets or write any file. For files that Storekeeper creates, such as the audit file, only
// the folder must exist. CheckFiles reads no content. An error is of type Mistakes.
func (c *Config) CheckFiles() error {
	r := newReport("configuration")
	if c.report != nil {
		r = c.report.withoutMistakes()
	}
	for _, f := range c.files(section{report: r}) {
		f.check()
	}
	return r.err()
}

// check checks a file. An empty name is no file. The mistake does not repeat the name, because a token may
// have been given in place of a file name.
func (f fileSetting) check() {
	if *f.name == "" {
		return
	}
	info, err := os.Stat(*f.name)
	switch {
	case errors.Is(err, fs.ErrNotExist) && f.kind >= created:
		f.checkFolder()
	case errors.Is(err, fs.ErrNotExist):
		f.at.fail("must name a file that exists; there is none of this name in " + filepath.Dir(*f.name))
	case err != nil:
		f.at.fail("must name a file that can be read: " + cause(err))
	case f.kind == folder && info.IsDir():
		f.checkMode(info)
	case f.kind == folder && info.Mode().IsRegular():
		// The start of the service reports this case in more detail.
	case f.kind == folder:
		f.at.fail("must name a folder, not a device")
	case !info.Mode().IsRegular():
		f.at.fail("must name a regular file, not a folder or device")
	default:
		f.checkContent(info)
	}
}

// checkContent checks a file that exists.
func (f fileSetting) checkContent(info fs.FileInfo) {
	if info.Size() == 0 && f.kind != created {
		f.at.fail("must name a file that is not empty")
	}
	f.checkMode(info)
	if err := tryOpen(*f.name); err != nil {
		f.at.fail("must name a file that can be read: " + cause(err))
	}
}

// checkMode checks the rights of other users on a file or folder.
func (f fileSetting) checkMode(info fs.FileInfo) {
	what := f.kind.String()
	switch mode := info.Mode(); {
	case f.kind != public && mode&0o007 != 0:
		f.at.fail("must name a " + what + " that is closed to other users of this machine; chmod o= closes it")
	case mode&0o002 != 0:
		f.at.fail("must name a " + what + " that other users of this machine cannot change; chmod o-w closes it")
	}
}

// checkFolder checks the folder of a file or folder that will be created. The creation shows whether the
// folder is writable.
func (f fileSetting) checkFolder() {
	if info, err := os.Stat(filepath.Dir(*f.name)); err != nil || !info.IsDir() {
		f.at.fail("must name a " + f.kind.String() + " in a folder that exists")
	}
}

// tryOpen returns the error of opening a file.
func tryOpen(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	return f.Close()
}

// cause returns the error of the operating system without the name of the file.
func cause(err error) string {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Err.Error()
	}
	return err.Error()
}
