package main

import (
	"context"

	"platform.internal/storekeeper/internal/audit"
)

// untracked stands in until the audit sinks are wired.
type untracked struct{}

func (untracked) Intent(context.Context, audit.Record) error { return nil }
func (untracked) Outcome(context.Context, audit.Record)      {}
func (untracked) Denial(context.Context, audit.Record) error { return nil }
