package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	secretsstorev1 "platform.internal/storekeeper/gen/secretsstore/v1"
)

// restartsVariable says how often replicas are restarted.
const restartsVariable = "STOREKEEPER_RESTARTS"

// restartsUsual is the default number.
const restartsUsual = 2

// callers is a load over both protocols, through a balancer.
type callers struct {
	t      *testing.T
	b      *balancer
	store  string
	made   atomic.Int64
	failed atomic.Int64
	// enough ends the load.
	enough chan struct{}
	tasks  sync.WaitGroup
}

// failure reports a call that failed.
func (c *callers) failure(what string, err error) {
	if c.failed.Add(1) <= 20 {
		c.t.Errorf("%s: %v", what, err)
	}
}

// again repeats a call until the load ends.
func (c *callers) again(every time.Duration, call func(i int)) {
	c.tasks.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-c.enough:
				return
			case <-time.After(every):
				call(i)
				c.made.Add(1)
			}
		}
	})
}

// overREST keeps one connection alive: reads, and every fourth call a change
// without a key, which no client retries automatically.
func (c *callers) overREST(name, secret string, every time.Duration) {
	client := &http.Client{Transport: &http.Transport{MaxConnsPerHost: 1}, Timeout: patience}
	secrets := "http://" + c.b.rest + "/client/v4/accounts/" + accountID + "/secrets_store/stores/" + c.store + "/secrets/"
	c.again(every, func(i int) {
		method, body := http.MethodGet, ""
		if i%4 == 0 {
			method, body = http.MethodPatch, fmt.Sprintf(`{"comment":"%s-%d"}`, name, i)
		}
		r, err := http.NewRequestWithContext(context.Background(), method, secrets+secret, bytes.NewBufferString(body))
		if err != nil {
			c.failure(name, err)
			return
		}
		r.Header.Set("Authorization", "Bearer "+callerKey)
		answer, err := client.Do(r)
		if err != nil {
			c.failure(name+" "+method, err)
			return
		}
		text, err := io.ReadAll(answer.Body)
		_ = answer.Body.Close()
		if err != nil || answer.StatusCode != http.StatusOK {
			c.failure(name+" "+method, fmt.Errorf("%d %s %w", answer.StatusCode, text, err))
		}
	})
	c.t.Cleanup(client.CloseIdleConnections)
}

// overGRPC uses one channel, like generated clients, without retries.
func (c *callers) overGRPC(name, secret string, every time.Duration) {
	conn := dial(c.t, c.b.grpc)
	client := secretsstorev1.NewSecretsStoreServiceClient(conn)
	c.again(every, func(i int) {
		ctx, cancel := context.WithTimeout(asCaller(context.Background()), patience)
		defer cancel()
		var err error
		if i%4 == 0 {
			comment := fmt.Sprintf("%s-%d", name, i)
			_, err = client.UpdateSecret(ctx, &secretsstorev1.UpdateSecretRequest{AccountId: accountName, StoreId: c.store, SecretId: secret, Comment: &comment})
		} else {
			_, err = client.ListSecrets(ctx, &secretsstorev1.ListSecretsRequest{AccountId: accountName, StoreId: c.store})
		}
		if err != nil {
			c.failure(name, err)
		}
	})
}

func restarts(t *testing.T) int {
	t.Helper()
	given := os.Getenv(restartsVariable)
	if given == "" {
		return restartsUsual
	}
	n, err := strconv.Atoi(given)
	must(t, err)
	return n
}

// Two replicas of one account are restarted in turn, as a rolling update does,
// and no caller notices. `make test-restarts` does it a hundred times.
func TestNoCallFailsWhileReplicasAreRestarted(t *testing.T) {
	t.Parallel()
	sets := []string{"listen.drain_delay=4s", manyCalls, anyPace, "reads.max_staleness=1s"}
	first := start(t, setup{sets: sets})
	second := start(t, setup{sets: append(sets, "accounts[0].base_url="+first.cfURL+"/client/v4")})
	b := newBalancer(t)
	replicas := []*program{first, second}
	at := []*target{b.add(first), b.add(second)}
	first.await("both get connections", func() bool { return b.readyTargets() == 2 })
	c := &callers{t: t, b: b, store: first.given("store").store, enough: make(chan struct{})}
	secret := func(name string) string {
		return first.must("POST", "stores/"+c.store+"/secrets", `[{"name":"`+name+`","value":"v","scopes":["workers"]}]`).id()
	}
	for i := range 4 {
		c.overREST(fmt.Sprintf("R%d", i), secret(fmt.Sprintf("R%d", i)), 20*time.Millisecond)
		c.overGRPC(fmt.Sprintf("G%d", i), secret(fmt.Sprintf("G%d", i)), 20*time.Millisecond)
	}
	// A connection that is seldom used is not cut either.
	c.overREST("S", secret("S"), time.Second)
	n := restarts(t)
	for i := range n {
		r := i % 2
		replicas[r].restart()
		b.remove(at[r])
		at[r] = b.add(replicas[r])
		replicas[r].await("it gets connections again", func() bool { return b.readyTargets() == 2 })
	}
	close(c.enough)
	c.tasks.Wait()
	t.Logf("%d restarts, %d calls, %d failed, %d connections refused", n, c.made.Load(), c.failed.Load(), b.refused)
	if c.made.Load() < int64(n*100) {
		t.Errorf("only %d calls were made", c.made.Load())
	}
	if b.refused > 0 {
		t.Errorf("%d connections were refused", b.refused)
	}
}
