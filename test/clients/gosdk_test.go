package clients_test

import (
	"testing"
	"time"

	"platform.internal/storekeeper/test/clients/gov6"
	"platform.internal/storekeeper/test/clients/gov7"
	"platform.internal/storekeeper/test/clients/recorder"
	"platform.internal/storekeeper/test/clients/script"
	"platform.internal/storekeeper/test/clients/side"
)

// No call of a script is repeated: the two sides give different hints about
// that, on purpose.
func newGoV6(_ testing.TB, s side.Side) script.Client {
	return gov6.New(s.Root+"/client/v4", s.Token, false)
}

func newGoV7(_ testing.TB, s side.Side) script.Client {
	return gov7.New(s.Root+"/client/v4/", s.Token, false)
}

// Limits for the script of a whole life, with secrets that are active at once.
var roomy = side.Limits{Stores: 3}

// Cloudflare's own limits, and secrets that stay pending.
var tight = side.Limits{ActivateAfter: time.Hour}

func TestCloudflareGo6LivesAWholeLife(t *testing.T) {
	t.Parallel()
	parity{steps: script.Life(), limits: roomy, through: program.Serve, client: newGoV6}.check(t)
}

func TestCloudflareGo7LivesAWholeLife(t *testing.T) {
	t.Parallel()
	parity{steps: script.Life(), limits: roomy, through: program.Dev, client: newGoV7}.check(t)
}

func TestCloudflareGo6RunsIntoTheLimits(t *testing.T) {
	t.Parallel()
	parity{steps: script.Limits(), limits: tight, through: program.Dev, client: newGoV6}.check(t)
}

func TestCloudflareGo7RunsIntoTheLimits(t *testing.T) {
	t.Parallel()
	parity{steps: script.Limits(), limits: tight, through: program.Serve, client: newGoV7}.check(t)
}

// By itself, version 6 repeats a 409 ten times over some three minutes.
func TestStorekeeperSparesClientsTheRepeatsOfAConflict(t *testing.T) {
	t.Parallel()
	s := program.Dev(t, tight)
	for name, client := range map[string]func(base, token string) script.Client{
		"cloudflare-go 6": func(base, token string) script.Client { return gov6.New(base, token, true) },
		"cloudflare-go 7": func(base, token string) script.Client { return gov7.New(base, token, true) },
	} {
		t.Run(name, func(t *testing.T) {
			r := recorder.Start(t, s.Root)
			run, err := script.Runner{
				Client: client(r.URL+"/client/v4", s.Token), Recorder: r, Account: side.Account, Through: true,
			}.Run(t.Context(), script.Conflict())
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range run.Entries {
				if len(e.Exchanges) != 1 {
					t.Errorf("%s: %d requests", e.Step, len(e.Exchanges))
				}
			}
		})
	}
}
