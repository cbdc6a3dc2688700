package main

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

// trailLine is a line of an audit file, as far as tests look at it.
type trailLine struct {
	Seq                      uint64    `json:"seq"`
	Time                     time.Time `json:"time"`
	Kind, ID, Caller, Tenant string
	Credential, Method       string
	Outcome, Reason, Code    string
	RequestID                string `json:"request_id"`
	TraceID                  string `json:"trace_id"`
	Rays                     []string
	Protocol, Peer           string
	Action, Account, Policy  string
	Issuer, Subject, JTI     string
	RunID                    string `json:"run_id"`
	StoreID                  string `json:"store_id"`
	Changed                  []string
	Secrets                  []trailSecret
	Suppressed               int
}

type trailSecret struct{ ID, Name string }

type trailLines []trailLine

// trail reads the audit file of the program.
func (p *program) trail(t testing.TB) trailLines {
	t.Helper()
	return readTrail(t, p.trailText())
}

func readTrail(t testing.TB, content string) trailLines {
	t.Helper()
	var all trailLines
	for line := range strings.Lines(content) {
		var l trailLine
		if err := json.Unmarshal([]byte(line), &l); err != nil {
			t.Fatalf("%v in %s", err, line)
		}
		all = append(all, l)
	}
	return all
}

// about picks the records of one request.
func (l trailLines) about(requestID string) trailLines {
	var found trailLines
	for _, r := range l {
		if r.RequestID == requestID {
			found = append(found, r)
		}
	}
	return found
}
