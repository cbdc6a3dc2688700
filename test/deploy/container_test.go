package deploy_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// patience is how long anything is waited for.
const patience = 30 * time.Second

// mount is a file that is put into a container.
type mount struct {
	path, content string
	mode          fs.FileMode
	// user and group own the file.
	user, group int
}

// container is the image with its mounts, as a read-only folder.
//
// If root runs the tests, the program has that folder as its root and runs as
// the given user, as in a real container. Otherwise the program runs as the
// user of the tests, and sees the same files under the name of the folder.
type container struct {
	t           *testing.T
	root        string
	real        bool
	user, group int
	// env is the whole environment.
	env []string
	// writable are the folders that volumes are mounted at, by their full names.
	writable []string
}

// newContainer lays out an image for a user and group.
func newContainer(t *testing.T, i *image, user, group int) *container {
	t.Helper()
	c := &container{t: t, root: t.TempDir(), real: os.Geteuid() == 0, user: user, group: group}
	if err := os.Link(i.program, filepath.Join(c.root, "server")); err != nil {
		if err := copyFile(i.program, filepath.Join(c.root, "server")); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { c.chmodFolders(0o755) })
	return c
}

// put mounts a file.
func (c *container) put(m mount) {
	c.t.Helper()
	if !c.real {
		for _, folder := range []string{"/run/secrets", "/etc/storekeeper", "/var/lib/storekeeper"} {
			m.content = strings.ReplaceAll(m.content, folder, c.path(folder))
		}
	}
	name := filepath.Join(c.root, m.path)
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		c.t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(m.content), 0o600); err != nil {
		c.t.Fatal(err)
	}
	if c.real {
		if err := os.Chown(name, m.user, m.group); err != nil {
			c.t.Fatal(err)
		}
	}
	if err := os.Chmod(name, m.mode); err != nil {
		c.t.Fatal(err)
	}
}

// volume mounts an empty volume, with the mode and owner of the folder in the
// image.
func (c *container) volume(inside string, mode fs.FileMode, user, group int) {
	c.t.Helper()
	name := filepath.Join(c.root, inside)
	err := os.MkdirAll(name, 0o755)
	if err == nil {
		err = os.Chmod(name, mode)
	}
	if err == nil && c.real {
		err = os.Chown(name, user, group)
	}
	if err != nil {
		c.t.Fatal(err)
	}
	c.writable = append(c.writable, name)
}

// rewrite changes the content and the mode of a mounted file.
func (c *container) rewrite(inside, content string, mode fs.FileMode) {
	c.t.Helper()
	name := filepath.Join(c.root, inside)
	err := os.Chmod(name, 0o600)
	if err == nil {
		err = os.WriteFile(name, []byte(content), 0o600)
	}
	if err == nil {
		err = os.Chmod(name, mode)
	}
	if err != nil {
		c.t.Fatal(err)
	}
}

// chmodFolders sets the mode of every folder of the image but the volumes.
func (c *container) chmodFolders(mode fs.FileMode) {
	_ = filepath.WalkDir(c.root, func(name string, entry fs.DirEntry, err error) error {
		if err == nil && entry.IsDir() && !slices.Contains(c.writable, name) {
			return os.Chmod(name, mode)
		}
		return err
	})
}

// path translates a path of the image to the file system of the program.
func (c *container) path(inside string) string {
	if c.real {
		return inside
	}
	return filepath.Join(c.root, inside)
}

// command makes the command that runs in the container. argv[0] is the program.
func (c *container) command(argv []string) *exec.Cmd {
	c.t.Helper()
	c.chmodFolders(0o555)
	args := make([]string, len(argv))
	for i, arg := range argv {
		if args[i] = arg; strings.HasPrefix(arg, "/") {
			args[i] = c.path(arg)
		}
	}
	cmd := &exec.Cmd{Path: args[0], Args: args, Dir: c.path("/"), Env: c.env}
	if c.env == nil {
		cmd.Env = []string{}
	}
	if c.real {
		cmd.SysProcAttr = &syscall.SysProcAttr{
			Chroot:     c.root,
			Credential: &syscall.Credential{Uid: uint32(c.user), Gid: uint32(c.group)},
		}
	}
	return cmd
}

// run runs a command to its end and gives its exit code and output.
func (c *container) run(argv ...string) (int, string) {
	c.t.Helper()
	output, err := c.command(argv).CombinedOutput()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return exit.ExitCode(), string(output)
	}
	if err != nil {
		c.t.Fatal(err)
	}
	return 0, string(output)
}

// process is a command that runs until the end of the test.
type process struct {
	t   *testing.T
	cmd *exec.Cmd
	// lines has the lines of both streams.
	lines    chan string
	out, err *syncBuffer
}

// start starts a command, and expects exit code 0 at the end of the test.
func (c *container) start(argv ...string) *process {
	c.t.Helper()
	p := &process{t: c.t, cmd: c.command(argv), lines: make(chan string, 1000), out: &syncBuffer{}, err: &syncBuffer{}}
	out, outErr := p.cmd.StdoutPipe()
	complaints, errErr := p.cmd.StderrPipe()
	if err := errors.Join(outErr, errErr, p.cmd.Start()); err != nil {
		c.t.Fatal(err)
	}
	var reading sync.WaitGroup
	reading.Go(func() { p.read(io.TeeReader(out, p.out)) })
	reading.Go(func() { p.read(io.TeeReader(complaints, p.err)) })
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		reading.Wait()
		close(p.lines)
	}()
	c.t.Cleanup(func() { p.stop(ended) })
	return p
}

// read reads the output of the program; lines beyond the buffer are dropped.
func (p *process) read(stream io.Reader) {
	for scanner := bufio.NewScanner(stream); scanner.Scan(); {
		select {
		case p.lines <- scanner.Text():
		default:
		}
	}
}

func (p *process) stop(ended <-chan struct{}) {
	hung := time.AfterFunc(patience, func() { _ = p.cmd.Process.Kill() })
	defer hung.Stop()
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	<-ended
	if err := p.cmd.Wait(); err != nil {
		p.t.Errorf("%s ended with %v: %s", strings.Join(p.cmd.Args, " "), err, p.err)
	}
}

// await reads the output of the program until a line matches. While it waits,
// it repeats the nudges.
func (p *process) await(what string, is func(line string) bool, nudges ...func()) {
	p.t.Helper()
	late, tick := time.After(patience), time.NewTicker(50*time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			for _, nudge := range nudges {
				nudge()
			}
		case line, more := <-p.lines:
			if !more {
				p.t.Fatalf("%s ended before %s: %s", strings.Join(p.cmd.Args, " "), what, p.err)
			}
			if is(line) {
				return
			}
		case <-late:
			p.t.Fatalf("%s: never %s", strings.Join(p.cmd.Args, " "), what)
		}
	}
}

// doors are the addresses of a service.
type doors struct{ REST, GRPC, Admin string }

// serving waits until the service accepts calls, and returns its addresses.
func (p *process) serving() (at doors) {
	p.t.Helper()
	p.await("it was serving", func(line string) bool {
		var entry struct{ Msg string }
		return json.Unmarshal([]byte(line), &entry) == nil && entry.Msg == "serving" && json.Unmarshal([]byte(line), &at) == nil
	})
	return at
}

// emulating waits until the emulator accepts calls and gives its base URL.
func (p *process) emulating() (url string) {
	p.t.Helper()
	p.await("it was emulating", func(line string) bool {
		for word := range strings.FieldsSeq(line) {
			if strings.HasPrefix(word, "http://") {
				url = word
			}
		}
		return url != ""
	})
	return url
}

// syncBuffer is a bytes.Buffer that is safe for concurrent use.
type syncBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *syncBuffer) Write(text []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(text)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// owner reads "user:group".
func owner(t *testing.T, text string) (user, group int) {
	t.Helper()
	first, second, _ := strings.Cut(text, ":")
	user, err := strconv.Atoi(first)
	if err == nil {
		group, err = strconv.Atoi(second)
	}
	if err != nil {
		t.Fatalf("%q is not user:group in numbers", text)
	}
	return user, group
}
