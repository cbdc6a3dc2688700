package config

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
)

// Load reads the configuration file at path and its callers.file, and then applies sets, each in the form
// KEY=VALUE. An error is of type Mistakes.
func Load(path string, sets []string) (*Config, error) {
	data, err := readFile(path)
	if err != nil {
		return nil, Mistakes{{File: path, Text: "cannot be read: " + cause(err)}}
	}
	return Parse(path, data, sets)
}

// Parse is like Load for data that was already read. name is the file name: mistakes name the file, and
// relative file names are relative to its folder. An error is of type Mistakes.
func Parse(name string, data []byte, sets []string) (*Config, error) {
	return parse(input{name: name, sets: sets}, data, readRegular)
}

// parse is Parse with the function that reads callers.file.
func parse(from input, data []byte, read func(path string) ([]byte, error)) (*Config, error) {
	c := decoded(from, data, read)
	return c.finish(filepath.Dir(from.name))
}

// decoded returns the configuration in data, not checked yet.
func decoded(from input, data []byte, read func(path string) ([]byte, error)) *Config {
	c := newConfig(from.name, false)
	c.input, c.read = from, read
	if node := c.report.document(source{}, data); node != nil {
		nodeDecoder{report: c.report}.decode(node, settingTarget{value: reflect.ValueOf(c).Elem()})
	}
	return c
}

// Check reads the configuration at path like Load, and checks its files like CheckFiles, even if the
// configuration has mistakes. It returns the mistakes of both. The configuration is complete only if there
// are none.
func Check(path string, sets []string) (*Config, Mistakes) {
	data, err := readFile(path)
	if err != nil {
		return nil, Mistakes{{File: path, Text: "cannot be read: " + cause(err)}}
	}
	c := decoded(input{name: path, sets: sets}, data, readRegular)
	c.prepare(filepath.Dir(path))
	c.complete(filepath.Dir(path))
	for _, f := range c.files(section{report: c.report}) {
		// A mistake in the name was reported with the key.
		if !c.report.hasMistake(f.at.key) {
			f.check()
		}
	}
	if err := c.report.err(); err != nil {
		return c, c.report.found
	}
	return c, nil
}

// Dev returns the configuration of dev mode with sets applied: the emulator in place of Cloudflare, loopback
// listeners, one account and one public API key. It refuses a listener that is not on loopback, since the key
// is public. An error is of type Mistakes.
func Dev(sets []string) (*Config, error) { return dev(input{sets: sets}, readRegular) }

func dev(from input, read func(path string) ([]byte, error)) (*Config, error) {
	c := newConfig("dev", true)
	c.input, c.read = from, read
	c.Accounts = []Account{{ID: DevAccount, Name: "dev"}}
	c.Callers.APIKeys = []APIKey{{Name: DevCaller, SHA256: devDigest()}}
	return c.finish(".")
}

// newConfig returns the default configuration. name is the file name.
func newConfig(name string, dev bool) *Config {
	c := &Config{Dev: dev, report: newReport(name)}
	c.Listen.setDefaults()
	c.Audit.setDefaults()
	c.Budget.setDefaults()
	c.Store.setDefaults()
	c.Idempotency.setDefaults()
	c.Reads.setDefaults()
	c.Telemetry.setDefaults()
	return c
}

// finish validates and completes the configuration. Relative file names are relative to dir.
func (c *Config) finish(dir string) (*Config, error) {
	c.prepare(dir)
	if err := c.report.err(); err != nil {
		return nil, err
	}
	c.complete(dir)
	return c, nil
}

// prepare applies --set, reads callers.file and checks the configuration.
func (c *Config) prepare(dir string) {
	for _, set := range c.input.sets {
		setter{report: c.report, dev: c.Dev}.apply(set, reflect.ValueOf(c).Elem())
	}
	if c.Store.Kind == StorePostgres && c.Audit.Sink == "" {
		c.Audit.Sink = AuditStore
	}
	k := section{report: c.report, dev: c.Dev}
	c.readCallers(dir, k.field("callers"))
	c.validate(k)
}

// complete sets values that depend on other keys, and makes file names absolute or relative to the working
// folder.
func (c *Config) complete(dir string) {
	for i := range c.Accounts {
		c.Accounts[i].complete()
	}
	c.Listen.complete(section{report: c.report}.field("listen"))
	c.Store.complete(c.Audit, c.Dev)
	for _, f := range c.files(section{}) {
		if !c.resolved[f.name] {
			f.resolve(dir)
		}
	}
}

// readCallers reads callers.file, if configured.
func (c *Config) readCallers(dir string, k section) {
	if k.field("file").suppressed() {
		return
	}
	fileSetting{name: &c.Callers.File}.resolve(dir)
	c.callersFile, c.resolved = c.Callers.File, map[*string]bool{&c.Callers.File: true}
	if c.Callers.File == "" && !c.moved() {
		return
	}
	for _, key := range names(reflect.TypeFor[Callers]()) {
		if at := k.field(key); key != "file" && at.isSet() && !c.moved() {
			at.fail("must not stand beside callers.file; put it into that file, at its top level")
			c.report.reported[k.key] = true
		}
	}
	if c.moved() {
		c.Callers.File = c.input.running.Callers.File
		if c.Callers.File == "" {
			// The callers were in the configuration file, and are not any more.
			c.Callers = *c.input.inForce
			for _, f := range c.callerFiles(section{}) {
				c.resolved[f.name] = true
			}
			return
		}
	}
	data, err := c.read(c.Callers.File)
	if err != nil {
		k.field("file").fail("must name a file that can be read: " + cause(err))
		c.report.reported[k.key] = true
		return
	}
	c.decodeCallers(source{file: c.Callers.File, key: k.key}, data, k)
}

// moved reports whether callers.file was changed while the service runs. The file
// in use stays then.
func (c *Config) moved() bool {
	return c.input.running != nil && c.input.running.Callers.File != c.callersFile
}

// decodeCallers copies the content of callers.file into the section callers.
func (c *Config) decodeCallers(from source, data []byte, k section) {
	named := c.report.positions[k.field("file").key]
	delete(c.report.positions, k.field("file").key)
	section := Callers{File: c.Callers.File}
	if node := c.report.document(from, data); node != nil {
		nodeDecoder{report: c.report, source: from}.decode(node, settingTarget{value: reflect.ValueOf(&section).Elem(), key: k.key})
	}
	if k.field("file").isSet() {
		k.field("file").fail("must not stand in the file that it names")
	}
	section.File = c.Callers.File
	c.Callers, c.report.positions[k.field("file").key] = section, named
}

// readRegular is readFile for a regular file. A pipe would block.
func readRegular(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("it is not a regular file")
	}
	return readFile(path)
}

// readFile reads a file of at most maxFileBytes.
func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // opened for reading: nothing can be lost
	data, err := io.ReadAll(io.LimitReader(f, maxFileBytes+1))
	if err != nil {
		return nil, err
	}
	if len(data) > maxFileBytes {
		return nil, fmt.Errorf("must be at most %d bytes", maxFileBytes)
	}
	return data, nil
}
