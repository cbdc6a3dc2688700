package telemetry

import (
	"context"
	"errors"
	"sync"
	"time"
)

// Check is one condition of being ready.
type Check struct {
	// Name stands in the answer.
	Name string
	// Advisory checks are told in the answer and do not make the service not
	// ready. They are for what concerns some callers only: taking every replica
	// out of service would harm the others.
	Advisory bool
	// Run returns nil where the condition holds. It must heed the context,
	// which ends with AdminOptions.CheckTimeout. Its error is shown on the
	// admin listener and so holds no secret.
	Run func(context.Context) error
}

// readiness is the answer to /readyz.
type readiness struct {
	// Status is "ready", "not ready" or "draining".
	Status string        `json:"status"`
	Checks []checkResult `json:"checks"`
}

// checkResult is how one check ended.
type checkResult struct {
	Name  string `json:"name"`
	OK    bool   `json:"ok"`
	Error string `json:"error,omitempty"`
	// Advisory is true of a check that does not count.
	Advisory bool `json:"advisory,omitempty"`
}

var (
	errCheckLate  = errors.New("took too long")
	errCheckPanic = errors.New("the check panicked")
)

// runChecks runs all checks at once and gives up on those that take longer
// than the limit.
func runChecks(ctx context.Context, checks []Check, limit time.Duration) readiness {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	results := make([]checkResult, len(checks))
	var all sync.WaitGroup
	for i, c := range checks {
		all.Go(func() { results[i] = c.result(ctx) })
	}
	all.Wait()

	answer := readiness{Status: "ready", Checks: results}
	for _, r := range results {
		if !r.OK && !r.Advisory {
			answer.Status = "not ready"
		}
	}
	return answer
}

// result runs a check to its end or to the end of ctx.
func (c Check) result(ctx context.Context) checkResult {
	done := make(chan error, 1)
	go func() { done <- c.runRecovered(ctx) }()
	var err error
	select {
	case err = <-done:
	case <-ctx.Done():
		err = errCheckLate
	}
	if err != nil {
		return checkResult{Name: c.Name, Error: err.Error(), Advisory: c.Advisory}
	}
	return checkResult{Name: c.Name, OK: true, Advisory: c.Advisory}
}

// runRecovered runs a check and makes an error of a panic: a probe must not end
// the program that it asks about.
func (c Check) runRecovered(ctx context.Context) (err error) {
	defer func() {
		if recover() != nil {
			err = errCheckPanic
		}
	}()
	return c.Run(ctx)
}
