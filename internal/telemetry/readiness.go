package telemetry

import (
	"context"
	"errors"
	"sync"
	"time"
)

// Check is a readiness condition.
type Check struct {
	// Name identifies the check in the answer.
	Name string
	// Advisory checks are shown but do not affect readiness. They are for conditions that concern
	// only some callers: to take every replica out of service would harm the others.
	Advisory bool
	// Run returns nil if the condition holds. It must respect the context, which ends after
	// AdminOptions.CheckTimeout. The admin listener shows the error, so the error must not hold
	// secrets.
	Run func(context.Context) error
}

// The values of readiness.Status.
const (
	statusReady    = "ready"
	statusNotReady = "not ready"
	statusDraining = "draining"
)

// readiness is the answer to /readyz.
type readiness struct {
	// Status is "ready", "not ready" or "draining".
	Status string        `json:"status"`
	Checks []checkResult `json:"checks"`
}

// checkResult is the result of one check.
type checkResult struct {
	Name  string `json:"name"`
	OK    bool   `json:"ok"`
	Error string `json:"error,omitempty"`
	// Advisory is true for a check that does not affect readiness.
	Advisory bool `json:"advisory,omitempty"`
}

// CheckResult is the result of one readiness check.
type CheckResult = checkResult

// RunChecks runs readiness checks concurrently, as /readyz does. A check that takes longer than
// limit fails.
func RunChecks(ctx context.Context, checks []Check, limit time.Duration) []CheckResult {
	return runChecks(ctx, checks, limit).Checks
}

var (
	errCheckLate  = errors.New("took too long")
	errCheckPanic = errors.New("the check panicked")
)

// runChecks runs all checks concurrently, with a timeout of limit.
func runChecks(ctx context.Context, checks []Check, limit time.Duration) readiness {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	results := make([]checkResult, len(checks))
	var all sync.WaitGroup
	for i, c := range checks {
		all.Go(func() { results[i] = c.result(ctx) })
	}
	all.Wait()

	answer := readiness{Status: statusReady, Checks: results}
	for _, r := range results {
		if !r.OK && !r.Advisory {
			answer.Status = statusNotReady
		}
	}
	return answer
}

// result runs a check until it ends or ctx ends.
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

// runRecovered runs a check and turns a panic into an error: a probe must not
// end the process.
func (c Check) runRecovered(ctx context.Context) (err error) {
	defer func() {
		if recover() != nil {
			err = errCheckPanic
		}
	}()
	return c.Run(ctx)
}
