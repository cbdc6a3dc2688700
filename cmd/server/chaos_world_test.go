package main

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"platform.internal/storekeeper/internal/audit"
	"platform.internal/storekeeper/internal/emulator"
)

// secretsStore is the path of the account's stores.
const secretsStore = "/client/v4/accounts/" + accountID + "/secrets_store/"

// chaosWorld is a Cloudflare and a server that is killed repeatedly. Cloudflare
// and the files of the server survive the kills.
type chaosWorld struct {
	t      *testing.T
	tally  *chaosTally
	cf     *emulator.Emulator
	front  *frontier
	birth  birth
	folder string
	values canaries
	// named is a change that the state must know.
	named *chaosChange
	// executed counts the changes of all cycles that Cloudflare carried out, by
	// mark.
	executed map[string]int

	mu     sync.Mutex
	victim *victim
}

func newChaosWorld(t *testing.T, tally *chaosTally) *chaosWorld {
	t.Helper()
	w := &chaosWorld{t: t, tally: tally, folder: t.TempDir(), executed: map[string]int{}}
	w.cf = emulator.New(emulator.Config{
		Accounts: []emulator.Account{{ID: accountID, StoreLimit: 1 << 20, SecretLimit: 1 << 20}},
		Tokens:   []string{platformToken}, RateLimit: &emulator.RateLimit{}, ActivateAfter: -1,
	})
	w.front = newFrontier(w.cf)
	server := httptest.NewServer(w.front)
	t.Cleanup(server.Close)
	p := &program{t: t, folder: w.folder, cfURL: server.URL}
	w.birth = birth{config: p.writeConfig(setup{}), log: filepath.Join(w.folder, "log"), sets: []string{
		"store.folder=" + w.stateFolder(), "telemetry.log.level=info", "budget.calls=1000000", "budget.window=1s", "budget.per_second=0",
	}}
	t.Cleanup(func() {
		if v := w.server(); v != nil {
			v.kill()
			v.bury()
		}
	})
	w.start("", 0)
	return w
}

func (w *chaosWorld) stateFolder() string { return filepath.Join(w.folder, "records") }

func (w *chaosWorld) trailFile() string { return filepath.Join(w.folder, "audit.log") }

// server returns the running server, or nil.
func (w *chaosWorld) server() *victim {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.victim
}

func (w *chaosWorld) set(v *victim) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.victim = v
}

// start starts the server, with an order for its first process. If doom is not
// 0 and the server does not serve after doom, it is killed from outside.
func (w *chaosWorld) start(order string, doom time.Duration) {
	w.t.Helper()
	w.birth.order, w.birth.doom = order, doom
	for {
		v, hit := bear(w.t, w.birth)
		if v != nil {
			w.tally.born(v.took)
			w.set(v)
			return
		}
		w.tally.killed(hit+", in a start", nil)
		w.birth.order, w.birth.doom = "", 0
	}
}

// ended sees to the end of a server and starts the next.
func (w *chaosWorld) ended(v *victim, p *staged) {
	w.t.Helper()
	w.set(nil)
	v.bury()
	switch {
	case v.hit != "":
		w.tally.killed(v.hit, p)
	case v.meant.Load():
		w.tally.killed("from outside", nil)
	default:
		w.t.Errorf("cycle %d: the server ended by itself: %s\n%s", p.number, v.cmd.ProcessState, tail(w.birth.log))
	}
	if p.number%inspections == 0 {
		w.inspect()
	}
	order := ""
	if p.again != "" {
		order, p.again = p.again+" 1", ""
	}
	w.start(order, p.doom)
	p.doom = 0
}

// cycle executes a plan and reports violations.
func (w *chaosWorld) cycle(plan *chaosPlan) {
	began := time.Now()
	p := plan.stage(&w.values)
	w.prepare(&p)
	h := &chaosHistory{before: w.look()}
	w.front.expect(p.changes)
	w.trouble(p.troubles)
	if p.step != "" && !w.server().order(p.step, p.occurrence) {
		w.t.Errorf("cycle %d: the server is gone before it began", p.number)
		return
	}
	h.lives = w.run(&p)
	for _, l := range h.lives {
		if len(l.names) > 0 && l.creates() && l.door != doorSDK && l.done() {
			w.named = l.chaosChange
		}
	}
	w.cf.ClearFaults()
	h.open = w.awaitClosed()
	w.replay(&p, h.lives)
	executed, struck := w.front.made()
	h.executed, h.after = executed, w.look()
	for _, l := range h.lives {
		if l.kind == kindTaken {
			continue // Its name was made before, to be taken.
		}
		for _, mark := range l.marks() {
			w.executed[mark] += executed[mark]
		}
	}
	w.tally.ended(h, struck, time.Since(began))
	if f := h.judge(); len(f.texts) > 0 {
		w.tally.blame(f)
		for _, text := range f.texts {
			w.t.Errorf("cycle %d%s: %s", p.number, p.strike(), text)
		}
	}
	w.front.expect(nil)
	for _, o := range h.after {
		if o.store == "" {
			w.front.look(http.MethodDelete, "stores/"+o.id+"?force=true", "")
		}
	}
}

// trouble makes reads fail.
func (w *chaosWorld) trouble(times int) {
	if times > 0 {
		must(w.t, w.cf.Inject(emulator.Fault{Kind: emulator.KindStatus, Method: http.MethodGet, Status: http.StatusBadGateway, Times: times}))
	}
}

// end stops the server in order and checks its files.
func (w *chaosWorld) end() {
	v := w.server()
	w.set(nil)
	v.stop(w.t)
	v.bury()
	w.inspect()
	report, err := audit.VerifyAfter(w.t.Context(), audit.Mark{}, []string{w.trailFile()}, nil)
	must(w.t, err)
	w.tally.unended(report)
	for _, text := range judgeTrail(readTrail(w.t, readFile(w.t, w.trailFile())), w.executed) {
		w.tally.blame(&chaosFindings{wrong: 1})
		w.t.Error(text)
	}
	if w.named == nil {
		return
	}
	names := forbidden{}
	names.forbid("a name", w.named.names[0])
	if text := readFolder(w.t, w.stateFolder()); names.in(text) == "" {
		w.t.Errorf("the search for values finds not even the name %s in the state", w.named.names[0])
	}
}

// inspect checks the files of an ended server: the trail is unaltered, and no
// value leaked.
func (w *chaosWorld) inspect() {
	w.t.Helper()
	verified(w.t, w.trailFile())
	values := forbidden{}
	values.forbid("a value", canaryMark)
	for _, file := range []string{w.trailFile(), w.birth.log} {
		if what := values.in(readFile(w.t, file)); what != "" {
			w.t.Errorf("%s holds %s", filepath.Base(file), what)
		}
	}
	if what := values.in(readFolder(w.t, w.stateFolder())); what != "" {
		w.t.Errorf("the state holds %s", what)
	}
}

// hear records an answer to a caller.
func (l *chaosLife) hear(a chaosAnswer, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil {
		l.failures = append(l.failures, err)
		return
	}
	l.answers = append(l.answers, a)
}

// readFolder reads all files of a folder, without the trailing zeros of
// segments.
func readFolder(t testing.TB, folder string) string {
	t.Helper()
	entries, err := os.ReadDir(folder)
	must(t, err)
	var all strings.Builder
	for _, e := range entries {
		all.WriteString(readWritten(t, filepath.Join(folder, e.Name())))
	}
	return all.String()
}

// readWritten reads a file up to the first MiB of zeros.
func readWritten(t testing.TB, name string) string {
	t.Helper()
	file, err := os.Open(name)
	must(t, err)
	defer func() { must(t, file.Close()) }()
	var all strings.Builder
	for block := make([]byte, 1<<20); ; {
		n, err := io.ReadFull(file, block)
		if len(bytes.Trim(block[:n], "\x00")) == 0 {
			return all.String()
		}
		all.Write(block[:n])
		if err != nil {
			return all.String()
		}
	}
}

func readFile(t testing.TB, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	must(t, err)
	return string(text)
}
