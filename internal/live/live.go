// Package live reloads the configuration of a running service. It watches the configuration file and
// callers.file, validates them completely, and applies both together.
//
// The package must not know the effect of a setting: the caller's Apply applies a configuration.
package live

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"platform.internal/storekeeper/internal/config"
	"platform.internal/storekeeper/internal/filewatch"
)

// The kinds of watched files, in metrics and the audit trail.
const (
	// KindConfiguration is the configuration file.
	KindConfiguration = "configuration"
	// KindCallers is callers.file.
	KindCallers = "callers"
)

// maxBytes is the maximum size of a file, that of package config.
const maxBytes = 1 << 20

// Config configures a Reloader.
type Config struct {
	// Running is the configuration that the service was started with.
	Running *config.Config
	// Files watches the files.
	Files *filewatch.Watcher
	// Apply applies the keys of a configuration that need no restart: all of them, or, with an error, none.
	// It is not called concurrently.
	Apply func(*config.Config) error
	// Report is called with the result of each reload. It must not block.
	Report func(Reload)
}

// Reload is the result of a reload.
type Reload struct {
	// Kind is KindConfiguration or KindCallers.
	Kind string
	// File is the file that changed.
	File string
	// Before is the digest of the content that was in force. After is the digest of the new content, "" if
	// the file could not be read.
	Before, After string
	// Err is the reason why the old content stays in force: config.Mistakes, or a read error. It holds no
	// value.
	Err error
	// Restart lists the keys that were changed since the start and take effect only at a restart.
	Restart []string
}

// FileStatus is the state of one file.
type FileStatus struct {
	// Kind and File name the file.
	Kind, File string
	// Digest is the digest of the content in force, and Loaded when it was put in
	// force.
	Digest string
	Loaded time.Time
	// Failure is the reason why the content of the file is not in force. Nil: the content is in force.
	Failure error
	// Restart are the keys that wait for a restart.
	Restart []string
}

// Reloader keeps the configuration of a service up to date.
type Reloader struct {
	c Config

	mu sync.Mutex
	// current is the configuration in force.
	current       *config.Config
	main, callers *watchedFile
	started       bool
}

// watchedFile is one watched file.
type watchedFile struct {
	kind, name string
	watch      *filewatch.Watch
	// inForce is the content in force, since loaded.
	inForce []byte
	loaded  time.Time
	// refused is the content that was refused last, nil if none was refused since loaded.
	refused []byte
	// fresh says that content was put in force, and not reported by the watcher
	// yet.
	fresh bool
}

// Start watches the configuration file and callers.file, if configured. If a file has changed since Running
// was read, Start applies its content.
func Start(ctx context.Context, c Config) (*Reloader, error) {
	r := &Reloader{c: c, current: c.Running, main: &watchedFile{kind: KindConfiguration, name: c.Running.MainFile()}, callers: &watchedFile{kind: KindCallers, name: c.Running.Callers.File}}
	for _, f := range r.files() {
		if err := r.watch(ctx, f); err != nil {
			r.Stop()
			return nil, err
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.put(r.main.inForce, r.callers.inForce); err != nil {
		r.Stop()
		return nil, err
	}
	r.started = true
	return r, nil
}

// files lists the files that there are.
func (r *Reloader) files() []*watchedFile {
	return slices.DeleteFunc([]*watchedFile{r.main, r.callers}, func(f *watchedFile) bool { return f.name == "" })
}

// watch begins to watch a file.
func (r *Reloader) watch(ctx context.Context, f *watchedFile) (err error) {
	f.watch, err = r.c.Files.Add(ctx, filewatch.FileGroup{
		Kind: f.kind, Files: []string{f.name}, MaxBytes: maxBytes,
		Load:   func(contents [][]byte) error { return r.load(f, contents[0]) },
		Report: func(err error) { r.report(f, err) },
	})
	if err != nil {
		return fmt.Errorf("%s: %w", f.kind, err)
	}
	return nil
}

// Stop ends the watch of the files.
func (r *Reloader) Stop() {
	for _, f := range r.files() {
		if f.watch != nil {
			f.watch.Stop()
		}
	}
}
