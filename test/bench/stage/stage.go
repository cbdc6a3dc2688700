package stage

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"platform.internal/storekeeper/test/bench/process"
)

// Stage creates worlds. It is not safe for concurrent use.
type Stage struct {
	programs *Programs
	issuer   *Issuer
	folder   string
	rules    int
	made     int
}

// New returns a stage that keeps its files in a folder. rules is the default
// number of rules.
func New(programs *Programs, issuer *Issuer, folder string, rules int) *Stage {
	return &Stage{programs: programs, issuer: issuer, folder: folder, rules: rules}
}

// Programs returns the available programs.
func (s *Stage) Programs() *Programs { return s.programs }

// World is a contender in front of an upstream, both just started.
type World struct {
	// Name is the contender.
	Name string
	// REST is the base URL of the API, GRPC the gRPC address, empty if the
	// contender has none. Admin is the address of metrics.
	REST, GRPC, Admin string
	// Upstream is the base URL behind.
	Upstream string
	// Tokens are the tokens of the callers, empty if the contender does not authenticate.
	Tokens []string
	// Process is the contender, nil for a direct client.
	Process *process.Process

	upstream *process.Process
	host     string
	folder   string
	// keep says that the folder outlives the world.
	keep bool
}

// Start starts a world. Stop it at the end.
func (s *Stage) Start(ctx context.Context, name string, set Settings) (*World, error) {
	set.Rules = cmp.Or(set.Rules, s.rules)
	set = set.filled()
	var w *World
	var err error
	// A free address may be in use by the time of the listen.
	const tries = 3
	for range tries {
		if w, err = s.try(ctx, name, set); err == nil || ctx.Err() != nil {
			break
		}
	}
	return w, err
}

func (s *Stage) try(ctx context.Context, name string, set Settings) (*World, error) {
	s.made++
	w := &World{Name: name}
	var err error
	if w.folder, w.keep = set.Folder, set.Folder != ""; !w.keep {
		if w.folder, err = s.makeFolder(name); err != nil {
			return nil, err
		}
	}
	if err := s.startUpstream(ctx, w, set); err != nil {
		return nil, err
	}
	if err := s.startContender(ctx, w, set); err != nil {
		w.Stop()
		return nil, err
	}
	return w, nil
}

// Folder makes a folder for Settings, on the disk of the worlds.
func (s *Stage) Folder() (string, error) { return os.MkdirTemp(s.folder, "kept-") }

// Disk is the folder that worlds are made in.
func (s *Stage) Disk() string { return s.folder }

// makeFolder makes the folder of a world.
func (s *Stage) makeFolder(name string) (string, error) {
	if name == Diskless {
		return os.MkdirTemp(memoryFolder, "bench-")
	}
	folder := filepath.Join(s.folder, fmt.Sprintf("world-%d", s.made))
	return folder, os.Mkdir(folder, 0o700)
}

func (s *Stage) startUpstream(ctx context.Context, w *World, set Settings) error {
	at, err := process.FreeAddress()
	if err != nil {
		return err
	}
	w.host, w.Upstream = at, "http://"+at+"/client/v4"
	w.upstream, err = process.Start(ctx, process.Spec{
		Name: "upstream", Path: s.programs.upstream, Folder: w.folder, Ready: answers(http.MethodGet, "http://"+at+"/counts"),
		Args: []string{"-listen", at, "-latency", set.Latency.String(), "-calls", fmt.Sprint(set.Calls), "-window", set.Window.String()},
	})
	return err
}

// Stop ends both programs and removes their files.
func (w *World) Stop() {
	if w.Process != nil {
		w.Process.Stop()
	}
	w.upstream.Stop()
	if !w.keep {
		_ = os.RemoveAll(w.folder) // Nothing is lost where it stays.
	}
}

// Counts returns the number of calls at the upstream and the number of 429 answers.
func (w *World) Counts(ctx context.Context) (calls, refused float64, err error) {
	var counts struct {
		Calls   float64 `json:"calls"`
		Refused float64 `json:"refused"`
	}
	text, err := fetch(ctx, "http://"+w.host+"/counts")
	if err == nil {
		err = json.Unmarshal(text, &counts)
	}
	return counts.Calls, counts.Refused, err
}

// Token returns the credential of a worker: its token, or the platform's.
func (w *World) Token(worker int) string {
	if len(w.Tokens) == 0 {
		return platformToken
	}
	return w.Tokens[worker%len(w.Tokens)]
}

// answers asks whether a URL answers with 200.
func answers(method, url string) func(context.Context) error {
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 5 * time.Second}
	return func(ctx context.Context) error {
		r, err := http.NewRequestWithContext(ctx, method, url, http.NoBody)
		if err != nil {
			return err
		}
		r.Header.Set("Authorization", "Bearer "+platformToken)
		answer, err := client.Do(r)
		if err != nil {
			return err
		}
		_ = answer.Body.Close()
		if answer.StatusCode != http.StatusOK {
			return fmt.Errorf("%s answers %s", url, answer.Status)
		}
		return nil
	}
}
