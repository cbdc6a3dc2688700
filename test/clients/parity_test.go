package clients_test

import (
	"sync"
	"testing"

	"platform.internal/storekeeper/test/clients/recorder"
	"platform.internal/storekeeper/test/clients/script"
	"platform.internal/storekeeper/test/clients/side"
	"platform.internal/storekeeper/test/clients/transcript"
)

// mostShown limits the printed differences; one mistake can cause many.
const mostShown = 25

// parity is a script that a client runs against both sides.
type parity struct {
	steps  []script.Step
	limits side.Limits
	// through starts Storekeeper.
	through func(testing.TB, side.Limits) side.Side
	// client makes the client for a side.
	client func(testing.TB, side.Side) script.Client
}

// check runs both sides at the same time and reports all differences.
func (p parity) check(t *testing.T) {
	t.Helper()
	through := p.through(t, p.limits)
	direct := program.Emulator(t, p.limits, through.Token)
	var runs [2]transcript.Transcript
	var both sync.WaitGroup
	for i, s := range []side.Side{direct, through} {
		r := recorder.Start(t, s.Root)
		s.Root = r.URL
		runner := script.Runner{Client: p.client(t, s), Recorder: r, Base: r.URL, Account: side.Account, Through: i == 1}
		both.Go(func() {
			run, err := runner.Run(t.Context(), p.steps)
			if err != nil {
				t.Errorf("%s:\n%v", []string{"directly", "through Storekeeper"}[i], err)
			}
			runs[i] = run.Normalise()
		})
	}
	both.Wait()
	differences := transcript.Diff(runs[0], runs[1])
	for _, difference := range differences[:min(len(differences), mostShown)] {
		t.Error(difference)
	}
	if rest := len(differences) - mostShown; rest > 0 {
		t.Errorf("and %d more steps differ", rest)
	}
	if len(runs[0].Entries) == 0 {
		t.Error("no step was run")
	}
}
