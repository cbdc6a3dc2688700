package emulator

import (
	"net/http"
	"slices"
	"sync"
	"time"
)

// maxLoggedBody is the number of bytes of a body that are logged.
const maxLoggedBody = 1 << 20

// LoggedRequest is a received request.
type LoggedRequest struct {
	// Time is when the request was received.
	Time time.Time
	// Method is the HTTP method.
	Method string
	// Path is the escaped path of the request.
	Path string
	// Query is the raw query, without the question mark.
	Query string
	// Operation is Cloudflare's operationId. Empty: none.
	Operation string
	// Header holds every header, including credentials.
	Header http.Header
	// Body is the first 1 MiB of the body.
	Body []byte
	// Size is the length of the whole body, -1 if the body could not be read or was too large.
	Size int
}

// requestLog logs requests and counts calls.
type requestLog struct {
	limit int
	clock func() time.Time
	mu    sync.Mutex
	kept  []LoggedRequest
	calls map[string]int
}

func newRequestLog(c Config) *requestLog {
	return &requestLog{limit: max(c.RequestLogLimit, 0), clock: c.Clock, calls: map[string]int{}}
}

func (j *requestLog) clear() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.kept, j.calls = nil, map[string]int{}
}

func (j *requestLog) note(r *http.Request, c *apiCall) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.calls[c.operationID()]++
	if j.limit == 0 {
		return
	}
	if len(j.kept) == j.limit {
		j.kept = slices.Delete(j.kept, 0, 1)
	}
	noted := LoggedRequest{
		Time: j.clock(), Method: r.Method, Path: c.path, Query: r.URL.RawQuery,
		Operation: c.operationID(), Header: r.Header.Clone(),
		Body: slices.Clone(c.body[:min(len(c.body), maxLoggedBody)]), Size: len(c.body),
	}
	if c.bodyErr != nil {
		noted.Size = -1
	}
	j.kept = append(j.kept, noted)
}

func (j *requestLog) requests() []LoggedRequest {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Clone(j.kept)
}

func (j *requestLog) count(operation string) int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.calls[operation]
}
