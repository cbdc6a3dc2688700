package filewatch_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"platform.internal/storekeeper/internal/filewatch"
)

func TestEachKindOfChangeIsLoaded(t *testing.T) {
	for name, change := range map[string]func(t *testing.T, file string){
		"a rename over the file":                        func(t *testing.T, file string) { swap(t, file, "new") },
		"a write in place":                              func(t *testing.T, file string) { put(t, file, "new") },
		"a write of the same size, with its time reset": func(t *testing.T, file string) { overwrite(t, file, "new") },
		"a link in place of the file": func(t *testing.T, file string) {
			put(t, file+".v2", "new")
			must(t, os.Remove(file))
			must(t, os.Symlink(file+".v2", file))
		},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "file")
			put(t, file, "old")
			w, u := quick(), &user{}
			add(t, w, u, file)
			w.Recheck(t.Context())
			u.reported(t)
			change(t, file)
			w.Recheck(t.Context())
			if got := u.now(); got != "new" {
				t.Errorf("in use is %q", got)
			}
			w.Recheck(t.Context())
			u.reported(t, "ok")
			if u.loads != 2 {
				t.Errorf("loaded %d times", u.loads)
			}
		})
	}
}

// Run has nothing but the status of a file to go by, since digests are compared
// once an hour here.
func TestRunFindsEachChangeByTheStatusOfTheFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	put(t, file, "content 0")
	w, u := quick(), &user{}
	add(t, w, u, file)
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { w.Run(ctx) })
	defer running.Wait()
	defer cancel()
	for i := range 9 {
		want := fmt.Sprintf("content %d", i+1)
		[]func(*testing.T, string, string){swap, put, overwrite}[i%3](t, file, want)
		for u.now() != want {
			time.Sleep(time.Millisecond)
		}
	}
}

// A projected volume of Kubernetes: file -> ..data/file, ..data -> a folder.
func TestFilesOfAKubernetesVolumeChangeTogether(t *testing.T) {
	folder := t.TempDir()
	version := 0
	publish := func(cert, key string) {
		version++
		next := filepath.Join(folder, fmt.Sprintf("..%d", version))
		must(t, os.Mkdir(next, 0o700))
		for name, content := range map[string]string{"cert": cert, "key": key} {
			file := filepath.Join(next, name)
			put(t, file, content)
			must(t, os.Chtimes(file, time.Unix(1, 0), time.Unix(1, 0)))
		}
		must(t, os.Symlink(next, filepath.Join(folder, "..tmp")))
		must(t, os.Rename(filepath.Join(folder, "..tmp"), filepath.Join(folder, "..data")))
	}
	publish("c1", "k1")
	files := []string{filepath.Join(folder, "cert"), filepath.Join(folder, "key")}
	for _, file := range files {
		must(t, os.Symlink(filepath.Join("..data", filepath.Base(file)), file))
	}
	w, u := quick(), &user{}
	u.refuse = func(content string) error {
		if content[1] != content[4] {
			return errors.New("the key is of another certificate")
		}
		return nil
	}
	add(t, w, u, files...)
	for i := 2; i < 5; i++ {
		publish(fmt.Sprintf("c%d", i), fmt.Sprintf("k%d", i))
		w.Recheck(t.Context())
		if want := fmt.Sprintf("c%d|k%d", i, i); u.now() != want {
			t.Errorf("in use is %q, want %q", u.now(), want)
		}
	}
	u.reported(t, "ok", "ok", "ok")
}

func TestAFailureAndItsEndAreReportedOnceEach(t *testing.T) {
	for name, test := range map[string]struct {
		spoil func(t *testing.T, file string)
		want  string
	}{
		"the file is gone": {func(t *testing.T, file string) { must(t, os.Remove(file)) }, "no such file"},
		"a folder in place of the file": {func(t *testing.T, file string) {
			must(t, os.Remove(file))
			must(t, os.Mkdir(file, 0o700))
		}, "not a regular file"},
		"a pipe in place of the file": {func(t *testing.T, file string) {
			must(t, os.Remove(file))
			must(t, syscall.Mkfifo(file, 0o600))
		}, "not a regular file"},
		"a link that leads nowhere": {func(t *testing.T, file string) {
			must(t, os.Remove(file))
			must(t, os.Symlink("nowhere", file))
		}, "no such file"},
		"a file without end":    {func(t *testing.T, file string) { put(t, file, strings.Repeat("x", 1001)) }, "at most 1000 bytes"},
		"content of no use":     {func(t *testing.T, file string) { put(t, file, "bad") }, "bad content"},
		"an empty file":         {func(t *testing.T, file string) { put(t, file, "") }, "bad content"},
		"content of no use too": {func(t *testing.T, file string) { swap(t, file, "bad") }, "bad content"},
	} {
		for _, after := range []string{"old", "new"} {
			t.Run(name+", then the "+after+" content", func(t *testing.T) {
				file := filepath.Join(t.TempDir(), "file")
				put(t, file, "old")
				w, u := quick(), &user{}
				u.refuse = func(content string) error {
					if content == "bad" || content == "" {
						return errors.New("bad content")
					}
					return nil
				}
				add(t, w, u, file)
				test.spoil(t, file)
				for range 3 {
					w.Recheck(t.Context())
				}
				u.reported(t, test.want)
				if s := w.Stats(); u.now() != "old" || len(s) != 1 || s[0].Failing != 1 || s[0].Failures == 0 {
					t.Errorf("in use is %q, state %+v", u.now(), s)
				}
				must(t, os.RemoveAll(file))
				put(t, file, after)
				for range 3 {
					w.Recheck(t.Context())
				}
				u.reported(t, "ok")
				if s := w.Stats(); u.now() != after || s[0].Failing != 0 {
					t.Errorf("in use is %q, state %+v", u.now(), s)
				}
			})
		}
	}
}

func TestAGroupThatCannotBeLoadedIsNotAdded(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	w, u := quick(), &user{}
	g := filewatch.FileGroup{Kind: "policy", Files: []string{file}, Load: u.load, Report: u.report}
	if _, err := w.Add(t.Context(), g); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
	if len(w.Stats()) != 0 {
		t.Error("it is watched")
	}
	u.reported(t)
}

func TestAWatchThatWasStoppedLoadsNothing(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	put(t, file, "old")
	w, u := quick(), &user{}
	add(t, w, u, file).Stop()
	put(t, file, "new")
	w.Recheck(t.Context())
	if u.now() != "old" {
		t.Errorf("in use is %q", u.now())
	}
}

func TestWithoutAWatcherAFileIsLoadedOnceAndAtEachCheck(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	put(t, file, "old")
	var none *filewatch.Watcher
	u := &user{}
	one := add(t, none, u, file)
	put(t, file, "another")
	none.Recheck(t.Context())
	if u.now() != "old" {
		t.Errorf("in use is %q", u.now())
	}
	one.Check(t.Context())
	if u.now() != "another" {
		t.Errorf("after a check: %q", u.now())
	}
}
