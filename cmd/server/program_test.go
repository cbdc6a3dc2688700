package main

import (
	"cmp"
	"context"
	"crypto/sha256"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"google.golang.org/grpc"

	"platform.internal/storekeeper/internal/emulator"
)

// Settings of the programs under test. The tests search all output of the
// program for the token and the key.
const (
	accountID     = emulator.DefaultAccountID
	accountName   = "main"
	platformToken = "cf-platform-token-Zq81vX0pT7"
	callerName    = "team-payments"
	callerKey     = "sk_caller-key-Hm52yD9wK3"
	// noSuchID has the form of an identifier and belongs to nothing.
	noSuchID = "00000000000040008000000000000000"
	patience = time.Minute
)

// Settings of some programs.
const (
	// askEachTime makes every read ask Cloudflare.
	askEachTime = "reads.max_staleness=0s"
	// manyCalls is a budget that no test spends.
	manyCalls = "budget.calls=1000000"
	// anyPace lets calls leave as fast as they come.
	anyPace = "budget.per_second=0"
)

// setup has the settings of a program under test. The zero value is the default.
type setup struct {
	// emulator is the Cloudflare behind the program. It only accepts
	// platformToken and has no call limit, unless these are set.
	emulator emulator.Config
	// wrap adds a handler between the program and its Cloudflare.
	wrap func(http.Handler) http.Handler
	// callers are more entries under callers.api_keys, each line indented.
	callers string
	// callersFile is the content of callers.file, in place of the usual callers.
	callersFile string
	// policy is a policy file in place of the usual, which allows everything.
	policy string
	// sets are given as --set.
	sets []string
	// timeout bounds calls to Cloudflare in place of the usual 30 s.
	timeout time.Duration
	// spans receives the spans of all calls.
	spans sdktrace.SpanExporter
}

// program is the real program while it runs, with an emulator behind it.
type program struct {
	t                 testing.TB
	rest, grpc, admin string
	cf                *emulator.Emulator
	cfURL             string
	folder            string
	file              string
	setup             setup
	out, err          *transcript

	http *http.Client
	conn *grpc.ClientConn

	cancel context.CancelFunc
	exited chan struct{}
	code   int
}

// start runs `server serve` with a configuration file until the end of the
// test, and then expects exit code 0.
func start(t testing.TB, s setup) *program {
	t.Helper()
	p := &program{t: t, folder: t.TempDir(), setup: s}
	p.serveCloudflare(s)
	p.file = p.writeConfig(s)
	p.serve()
	return p
}

// serve begins a life of the program on the files that are there.
func (p *program) serve() {
	p.t.Helper()
	p.begin(p.body(p.file, p.setup))
	p.arrive()
}

// body runs the program on a configuration file.
func (p *program) body(file string, s setup) func(context.Context, terminal) int {
	return func(ctx context.Context, console terminal) int {
		if s.timeout == 0 && s.spans == nil {
			return run(ctx, p.args(file, s), console)
		}
		return runWith(ctx, p.args(file, s), console, s)
	}
}

// restart stops the program and starts it on the same files.
func (p *program) restart() {
	p.t.Helper()
	if code := p.stop(); code != exitOK {
		p.t.Fatalf("the program ended with %d: %s", code, p.err)
	}
	p.serve()
}

// arrive waits until the program serves, and makes clients.
func (p *program) arrive() {
	p.t.Helper()
	log := p.out
	if slices.Contains(p.setup.sets, "audit.sink=stdout") {
		log = p.err
	}
	p.await("serving", func() bool { return log.line("serving") != nil })
	at := log.line("serving")
	p.rest, p.grpc, p.admin = "http://"+text(at["rest"]), text(at["grpc"]), "http://"+text(at["admin"])
	p.connect()
}

func (p *program) serveCloudflare(s setup) {
	c := s.emulator
	if c.Tokens == nil {
		c.Tokens = []string{platformToken}
	}
	if c.RateLimit == nil {
		c.RateLimit = &emulator.RateLimit{}
	}
	if c.ActivateAfter == 0 {
		c.ActivateAfter = -1
	}
	c.RequestLogLimit = 1000
	p.cf = emulator.New(c)
	var handler http.Handler = p.cf
	if s.wrap != nil {
		handler = s.wrap(handler)
	}
	server := httptest.NewServer(handler)
	p.t.Cleanup(server.Close)
	p.cfURL = server.URL
}

func (p *program) tokenFile() string { return filepath.Join(p.folder, "token") }

func (p *program) writeConfig(s setup) string {
	p.t.Helper()
	p.writeFile(p.tokenFile(), platformToken+"\n")
	p.writeFile(filepath.Join(p.folder, "policy.yaml"), cmp.Or(s.policy, `rules: [{id: all, actions: ["*"], when: "true"}]`))
	file := filepath.Join(p.folder, "config.yaml")
	callers := fmt.Sprintf("callers:\n  api_keys:\n  - {name: %s, sha256: %x}\n%s", callerName, sha256.Sum256([]byte(callerKey)), s.callers)
	if s.callersFile != "" {
		p.writeFile(filepath.Join(p.folder, "callers.yaml"), s.callersFile)
		callers = "callers: {file: callers.yaml}"
	}
	p.writeFile(file, fmt.Sprintf(`
accounts:
  - id: %s
    name: %s
    base_url: %s/client/v4
    credential: {api_token_file: token}
%s
policy: {file: policy.yaml}
audit: {sink: file, file: audit.log}
# A busy machine takes seconds for a sync, which no test is about.
store: {max_wait: 10s}
telemetry:
  log: {level: debug}
`, accountID, accountName, p.cfURL, callers))
	return file
}

func (p *program) writeFile(name, content string) {
	p.t.Helper()
	if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
		p.t.Fatal(err)
	}
}

func (*program) args(file string, s setup) []string {
	args := append([]string{"serve", "--config", file}, anyPorts()...)
	for _, set := range s.sets {
		args = append(args, "--set", set)
	}
	return args
}

// anyPorts makes a program take free ports.
func anyPorts() []string {
	return []string{"--set", "listen.rest=127.0.0.1:0", "--set", "listen.grpc=127.0.0.1:0", "--set", "listen.admin=127.0.0.1:0"}
}

// begin runs a program in the background and stops it at the end of the test.
func (p *program) begin(body func(context.Context, terminal) int) {
	ctx, cancel := context.WithCancel(context.Background())
	p.cancel, p.exited = cancel, make(chan struct{})
	p.out, p.err = &transcript{}, &transcript{}
	go func() {
		defer close(p.exited)
		p.code = body(ctx, terminal{out: p.out, err: p.err})
	}()
	p.t.Cleanup(func() {
		if code := p.stop(); code != exitOK {
			p.t.Errorf("the program ended with %d: %s", code, p.err)
		}
	})
}

// stop stops the program, waits for its end and returns the exit code.
func (p *program) stop() int {
	p.t.Helper()
	p.cancel()
	select {
	case <-p.exited:
	case <-time.After(patience):
		p.t.Fatal("the program does not end")
	}
	return p.code
}
