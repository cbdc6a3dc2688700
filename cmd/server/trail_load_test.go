package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"

	secretsstorev1 "platform.internal/storekeeper/gen/secretsstore/v1"
)

// clientsAtOnce is how many clients the load has, half of them over gRPC.
const clientsAtOnce = 16

// callEnd is how a call of the load ended.
type callEnd string

const (
	endOK callEnd = "ok"
	// endRefused is a refusal for lack of a record, with all its details.
	endRefused callEnd = "refused"
	// endLost is a call without an answer.
	endLost callEnd = "lost"
)

// loadCall is a call of the load.
type loadCall struct {
	mark   string
	change bool
	begun  time.Time
	took   time.Duration
	end    callEnd
	// said is the answer with any other end.
	said string
}

// load is many clients that change and read at the same time.
type load struct {
	p     *program
	store string
	// secret is the secret that updates change.
	secret string
	http   *http.Client

	next  *atomic.Int64
	stop  chan struct{}
	halt  func()
	gone  sync.WaitGroup
	mu    sync.Mutex
	calls []loadCall
}

// newLoad begins the load. Its marks continue from next.
func newLoad(p *program, store, secret string, next *atomic.Int64) *load {
	l := &load{p: p, store: store, secret: secret, next: next, stop: make(chan struct{})}
	l.halt = sync.OnceFunc(func() {
		close(l.stop)
		l.gone.Wait()
	})
	p.t.Cleanup(l.halt) // should the test fail before
	transport := &http.Transport{MaxIdleConnsPerHost: clientsAtOnce}
	l.http = newClient(transport)
	p.t.Cleanup(transport.CloseIdleConnections)
	for i := range clientsAtOnce {
		l.gone.Go(func() { l.client(i) })
	}
	return l
}

// end lets the clients finish their calls.
func (l *load) end() []loadCall {
	l.halt()
	return l.calls
}

func (l *load) client(i int) {
	call := l.overREST
	if i%2 == 0 {
		call = l.overGRPC
	}
	for n := 0; ; n++ {
		select {
		case <-l.stop:
			return
		case <-time.After(2 * time.Millisecond): // refusals are quick
		}
		c := loadCall{change: n%2 == 0, begun: time.Now()}
		if c.change {
			c.mark = fmt.Sprintf("trail-%d", l.next.Add(1))
		}
		c.end, c.said = call(c.mark)
		c.took = time.Since(c.begun)
		l.mu.Lock()
		l.calls = append(l.calls, c)
		l.mu.Unlock()
	}
}

// makes reports whether a change is a create; other changes are updates.
func makes(mark string) bool { return strings.HasSuffix(mark, "0") }

func (l *load) overREST(mark string) (callEnd, string) {
	root := l.p.rest + "/client/v4/accounts/" + accountID + "/secrets_store/"
	method, path, body := http.MethodPatch, "stores/"+l.store+"/secrets/"+l.secret, `{"comment":"`+mark+`","value":"v"}`
	switch {
	case mark == "":
		method, path, body = http.MethodGet, "quota", ""
	case makes(mark):
		method, path, body = http.MethodPost, "stores/"+l.store+"/secrets", `[{"name":"`+mark+`","value":"v","scopes":["dex"]}]`
	}
	r, err := http.NewRequestWithContext(context.Background(), method, root+path, strings.NewReader(body))
	if err != nil {
		return "", err.Error()
	}
	r.Header.Set("Authorization", "Bearer "+callerKey)
	r.Header.Set("X-Request-Id", mark)
	answer, err := l.http.Do(r)
	if err != nil {
		return endLost, err.Error()
	}
	defer answer.Body.Close()
	said, err := io.ReadAll(answer.Body)
	if err != nil {
		return endLost, err.Error()
	}
	return endOfREST(answer, said), string(said)
}

func endOfREST(answer *http.Response, said []byte) callEnd {
	var e envelope
	_ = json.Unmarshal(said, &e) // what is no envelope is no end that is known
	switch {
	case answer.StatusCode == http.StatusOK && e.Success:
		return endOK
	case answer.StatusCode == http.StatusServiceUnavailable && answer.Header.Get("Retry-After") != "" &&
		len(e.Errors) == 1 && e.Errors[0].Code == 1000 && strings.HasPrefix(e.Errors[0].Message, "state_unavailable: "):
		return endRefused
	}
	return ""
}

func (l *load) overGRPC(mark string) (callEnd, string) {
	ctx := metadata.AppendToOutgoingContext(asCaller(context.Background()), "x-request-id", mark)
	client := secretsstorev1.NewSecretsStoreServiceClient(l.p.conn)
	var err error
	switch {
	case mark == "":
		_, err = client.GetQuota(ctx, &secretsstorev1.GetQuotaRequest{AccountId: accountID})
	case makes(mark):
		request := batchOf(l.store, 1, "v")
		request.Secrets[0].Name = mark
		_, err = client.CreateSecrets(ctx, request)
	default:
		value := "v"
		_, err = client.UpdateSecret(ctx, &secretsstorev1.UpdateSecretRequest{AccountId: accountID, StoreId: l.store, SecretId: l.secret, Value: &value, Comment: &mark})
	}
	r := ruling{err: err}
	r.takeApart()
	switch {
	case err == nil:
		return endOK, ""
	case r.code == codes.Unavailable && r.info.GetReason() == "STATE_UNAVAILABLE" && r.retry.GetRetryDelay().AsDuration() > 0:
		return endRefused, ""
	case r.code == codes.Unavailable && r.info == nil:
		return endLost, err.Error()
	}
	return "", err.Error()
}

// since counts the calls that began at a time or later and ended in one way.
func (l *load) since(at time.Time, change bool, end callEnd) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := 0
	for _, c := range slices.Backward(l.calls) {
		if c.change == change && c.end == end && !c.begun.Before(at) {
			n++
		}
	}
	return n
}

// reckoning is all that a load leaves behind.
type reckoning struct {
	calls  []loadCall
	border *border
	trail  trailLines
	// killed says that the program was, so that calls may have got no answer
	// and the last outcomes may be missing.
	killed bool
}

// check holds calls, arrivals and trail against each other.
func (r reckoning) check(t *testing.T) {
	t.Helper()
	intended, ended := map[string]uint64{}, map[string]trailLine{}
	for _, line := range r.trail {
		switch line.Kind {
		case "intent":
			intended[line.RequestID] = line.Seq
		case "outcome":
			ended[line.RequestID] = line
		}
	}
	r.border.mu.Lock()
	defer r.border.mu.Unlock()
	if n := len(r.border.without); n > 0 {
		t.Errorf("%d of %d changes reached Cloudflare before their intent was written, first %s", n, len(r.border.arrived), r.border.without[0])
	}
	for mark := range r.border.arrived {
		if intended[mark] == 0 {
			t.Errorf("%s reached Cloudflare, and its intent is not in the trail", mark)
		}
	}
	var longest, slowest time.Duration
	refused, wrong := 0, 0
	for _, c := range r.calls {
		if c.end == endOK {
			slowest = max(slowest, c.took)
		}
		if c.end == endRefused {
			refused++
			longest = max(longest, c.took)
		}
		if text := r.judge(c, intended, ended[c.mark]); text != "" {
			if wrong++; wrong < 10 {
				t.Errorf("%s after %s: %s: %s", c.mark, c.took, text, c.said)
			}
		}
	}
	// A second is promised. A machine under load gets more: as much as for a call that succeeds,
	// up to a limit.
	if longest > max(5*time.Second, min(2*slowest, 15*time.Second)) {
		t.Errorf("a refusal took %s, a call that succeeds at most %s", longest, slowest)
	}
	t.Logf("%d calls, %d changes arrived, %d refused within %s at the most", len(r.calls), len(r.border.arrived), refused, longest)
}

// judge returns the violation of a call, or "".
func (r reckoning) judge(c loadCall, intended map[string]uint64, outcome trailLine) string {
	switch {
	case c.end == endLost && r.killed:
		return ""
	case c.end != endOK && (c.end != endRefused || !c.change):
		return "it ended otherwise"
	case !c.change:
		return ""
	case c.end == endRefused && r.border.arrived[c.mark]:
		return "it was refused and reached Cloudflare"
	case c.end == endRefused && outcome.Outcome != "" && outcome.Outcome != "not_sent":
		return "it was refused and its outcome is " + outcome.Outcome
	case c.end == endRefused:
		return ""
	case !r.border.arrived[c.mark] || intended[c.mark] == 0:
		return "it succeeded without an intent or without reaching Cloudflare"
	case outcome.Outcome == "" && r.killed:
		return ""
	case outcome.Outcome != "succeeded" || outcome.Seq < intended[c.mark]:
		return fmt.Sprintf("it succeeded, and its outcome is %+v", outcome)
	}
	return ""
}
