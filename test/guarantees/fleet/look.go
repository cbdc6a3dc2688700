package fleet

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Record is a line of an audit trail.
type Record struct {
	// Kind, ID, Caller, Action, Outcome and Reason of the line.
	Kind, ID, Caller, Action, Outcome, Reason string
	// Secrets of the line.
	Secrets []struct{ ID, Name string }
	// Changed are the fields that an update sets.
	Changed []string
}

// Trail reads the audit trail of the replica, or of all replicas if they share a
// database.
func (r *Replica) Trail() []Record {
	r.t.Helper()
	text, err := r.trailText()
	if err != nil {
		r.t.Fatal(err)
	}
	var all []Record
	for line := range strings.Lines(string(text)) {
		var one Record
		if !strings.HasSuffix(line, "\n") {
			break // It is being written.
		}
		if err := json.Unmarshal([]byte(line), &one); err != nil {
			r.t.Fatalf("%v in %s", err, line)
		}
		all = append(all, one)
	}
	return all
}

func (r *Replica) trailText() ([]byte, error) {
	if !r.shared {
		return os.ReadFile(filepath.Join(r.folder, "audit.log"))
	}
	return exec.CommandContext(context.Background(), r.program.path, "audit", "export", "--config", r.config).Output()
}

// VerifyTrail runs `audit verify` on the trail of the replica. It returns the
// output, and an error if the trail is altered.
func (r *Replica) VerifyTrail() (string, error) {
	out, err := exec.CommandContext(context.Background(), r.program.path, "audit", "verify", "--config", r.config).CombinedOutput()
	return string(out), err
}

// Metrics reads the metrics of the replica.
func (r *Replica) Metrics() string {
	r.t.Helper()
	q, err := http.NewRequestWithContext(r.t.Context(), http.MethodGet, r.current().admin+"/metrics", nil)
	if err != nil {
		r.t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(q)
	if err != nil {
		r.t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return string(text)
}
