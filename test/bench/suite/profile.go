package suite

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"platform.internal/storekeeper/test/bench/client"
	"platform.internal/storekeeper/test/bench/load"
	"platform.internal/storekeeper/test/bench/stage"
)

// Profile runs the hot paths one after the other against Storekeeper and writes
// two profiles of each into a folder: CPU and allocations. It returns the names
// of the files.
func (s *Suite) Profile(ctx context.Context, folder string) ([]string, error) {
	var files []string
	for _, path := range []struct {
		name string
		call func(context.Context, *stage.World) (load.Call, func(), error)
	}{
		{"rest-create", s.hotCreate}, {"rest-secret", s.hotSecret}, {"grpc-create", s.hotRPC}, {"rest-get", s.hotGet}, {"rest-list", s.hotList},
	} {
		made, err := s.profileOne(ctx, filepath.Join(folder, path.name), path.call)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path.name, err)
		}
		files = append(files, made...)
	}
	return files, nil
}

func (s *Suite) profileOne(ctx context.Context, base string, prepare func(context.Context, *stage.World) (load.Call, func(), error)) ([]string, error) {
	w, err := s.stage.Start(ctx, stage.Storekeeper, stage.Settings{})
	if err != nil {
		return nil, err
	}
	defer w.Stop()
	call, done, err := prepare(ctx, w)
	if err != nil {
		return nil, err
	}
	defer done()
	seconds := max(1, int(s.options.Length/time.Second))
	p := load.Plan{Workers: s.middle(), Length: time.Duration(seconds+2) * time.Second}
	loaded := make(chan *load.Result, 1)
	go func() { loaded <- load.Closed(ctx, p, call) }()
	cpu, err := w.Profile(ctx, "/debug/pprof/profile?seconds="+strconv.Itoa(seconds))
	result := <-loaded
	if err = errors.Join(err, result.Bad()); err != nil {
		return nil, err
	}
	allocs, err := w.Profile(ctx, "/debug/pprof/allocs")
	if err != nil {
		return nil, err
	}
	s.say("%s: %d calls, %.0f a second", filepath.Base(base), result.Done, result.Rate())
	files := []string{base + ".cpu.pprof", base + ".allocs.pprof"}
	return files, errors.Join(os.WriteFile(files[0], cpu, 0o600), os.WriteFile(files[1], allocs, 0o600))
}

func (s *Suite) hotCreate(_ context.Context, w *stage.World) (load.Call, func(), error) {
	c := client.NewREST(w, s.middle())
	return c.CreateStore, c.Close, nil
}

func (s *Suite) hotSecret(ctx context.Context, w *stage.World) (load.Call, func(), error) {
	c := client.NewREST(w, s.middle())
	store, err := c.NewStore(ctx, 0)
	return c.CreateSecrets(store, 1), c.Close, err
}

func (s *Suite) hotRPC(_ context.Context, w *stage.World) (load.Call, func(), error) {
	c, err := client.NewRPC(w, s.middle())
	if err != nil {
		return nil, nil, err
	}
	return c.CreateStore, c.Close, nil
}

func (s *Suite) hotGet(ctx context.Context, w *stage.World) (load.Call, func(), error) {
	c := client.NewREST(w, s.middle())
	store, err := c.NewStore(ctx, 0)
	return c.Read("/" + store), c.Close, err
}

func (s *Suite) hotList(ctx context.Context, w *stage.World) (load.Call, func(), error) {
	c := client.NewREST(w, s.middle())
	store, err := c.NewStore(ctx, 0)
	if err != nil {
		return nil, nil, err
	}
	_, err = c.NewSecrets(ctx, store, secretsInStore, 0)
	return c.Read("/" + store + "/secrets"), c.Close, err
}

// IsProfileOfTime tells the two kinds of file apart.
func IsProfileOfTime(file string) bool { return strings.HasSuffix(file, ".cpu.pprof") }
