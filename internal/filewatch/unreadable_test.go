package filewatch_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"

	"platform.internal/storekeeper/internal/filewatch"
)

const unreadableFile = "FILEWATCH_TEST_UNREADABLE"

// watchUnreadable watches a file in a separate process without root's rights, and prints each report and the
// content in use.
func watchUnreadable(file string) int {
	w, u := quick(), &user{}
	g := filewatch.FileGroup{Kind: "policy", Files: []string{file}, Load: u.load, Report: func(err error) {
		fmt.Println(err == nil, u.now()) //nolint:forbidigo // The parent reads it.
	}}
	if _, err := w.Add(context.Background(), g); err != nil {
		fmt.Println(err) //nolint:forbidigo // The parent reads it.
		return 1
	}
	fmt.Println("watching") //nolint:forbidigo // The parent reads it.
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { w.Run(ctx) })
	_, _ = io.Copy(io.Discard, os.Stdin) // ends with the parent
	cancel()
	running.Wait()
	return 0
}

// TestAFileThatBecomesReadableLaterIsLoaded: the content of the replacement does not change after the first
// poll. Only the mode changes.
func TestAFileThatBecomesReadableLaterIsLoaded(t *testing.T) {
	folder := t.TempDir()
	file := filepath.Join(folder, "file")
	must(t, os.WriteFile(file, []byte("old"), 0o600))
	self, err := os.Executable()
	must(t, err)
	child := exec.Command(self)
	child.Env, child.Stderr = append(os.Environ(), unreadableFile+"="+file), os.Stderr
	if os.Getuid() == 0 {
		const nobody = 65534
		program := filepath.Join(folder, "program")
		text, err := os.ReadFile(self)
		must(t, err)
		must(t, os.WriteFile(program, text, 0o755))
		child.Path = program
		must(t, os.Chmod(folder, 0o755))
		must(t, os.Chmod(filepath.Dir(folder), 0o755)) // the folder of the test, which TempDir made
		must(t, os.Chown(file, nobody, nobody))
		child.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	}
	in, err := child.StdinPipe()
	must(t, err)
	out, err := child.StdoutPipe()
	must(t, err)
	must(t, child.Start())
	lines := bufio.NewScanner(out)
	next := func(want string) {
		t.Helper()
		if !lines.Scan() || lines.Text() != want {
			t.Fatalf("the child said %q, want %q", lines.Text(), want)
		}
	}
	next("watching")
	must(t, os.WriteFile(file+".new", []byte("new"), 0o600))
	must(t, os.Chmod(file+".new", 0))
	must(t, os.Rename(file+".new", file))
	next("false old")
	must(t, os.Chmod(file, 0o644))
	next("true new")
	must(t, in.Close())
	must(t, child.Wait())
}
