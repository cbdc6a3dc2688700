package gateway

import (
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"platform.internal/storekeeper/internal/contract"
	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/inflight"
)

const (
	// readStep is the number of bytes of a body per read, and so the number of bytes that are
	// reserved beyond the received bytes.
	readStep = 64 << 10
	// bodyTimeout limits the time of a body of any length.
	bodyTimeout = 2 * time.Minute
	// shortBody is the maximum size, in bytes, of a body that is read before authorisation.
	shortBody = 4 << 10
)

// precheckFunc reports whether no rule can allow a call of a method, for any body. A non-nil fault
// means that the decision is impossible.
type precheckFunc func(ctx context.Context, method, account, store string) (refused bool, because *fault.Error)

// body is the body of a request together with the mistakes found in it. Reading is limited by the
// length, the budget for bodies, and the time.
type body struct {
	io.ReadCloser

	w http.ResponseWriter
	r *http.Request
	// plain is the body without content encoding.
	plain io.Reader
	held  *inflight.Body
	found *contract.Mistakes
	// inPath reports whether a field of the request is in the path.
	inPath func(field string) bool
	// read is the number of bytes that arrived, room the number of reserved
	// bytes.
	read, room int64
	begun      time.Time
	// wait is the time that the body has waited for room in the budget. It is not charged to the
	// client.
	wait time.Duration
	// timed reports that the body has a separate read deadline.
	timed bool
	// ended is the error of every further Read, or nil while there may be more data. A decoder may
	// ignore an error that is returned together with bytes.
	ended error
}

// newBody wraps the body of an authenticated caller's request.
func newBody(w http.ResponseWriter, r *http.Request, held *inflight.Body, found *contract.Mistakes) *body {
	limited := http.MaxBytesReader(w, r.Body, MaxBody)
	b := &body{ReadCloser: limited, w: w, r: r, plain: limited, held: held, found: found, begun: time.Now(), inPath: func(string) bool { return false }}
	coding := encoding(r.Header)
	switch {
	case coding == "" || r.Body == http.NoBody:
	case coding == "gzip":
		b.plain = &gunzipReader{from: limited, left: MaxBody}
	default:
		// RFC 9110, section 15.5.16.
		w.Header().Set("Accept-Encoding", "gzip")
		found.Fault = fault.New(fault.BadInput, fault.ReasonContentEncodingUnsupported, "The Content-Encoding of a body must be gzip, or none.")
		b.skip()
	}
	return b
}

// encoding returns the content encoding of a body: "" for none, "gzip", or another encoding.
// "identity" means none (RFC 9110, section 8.4.1).
func encoding(h http.Header) string {
	codings := strings.FieldsFunc(strings.ToLower(strings.Join(h["Content-Encoding"], ",")), func(r rune) bool { return r == ',' || r == ' ' || r == '\t' })
	codings = slices.DeleteFunc(codings, func(c string) bool { return c == "identity" })
	switch text := strings.Join(codings, " "); text {
	case "":
		return ""
	case "gzip", "x-gzip":
		return "gzip"
	default:
		return text
	}
}

// Read reads the next bytes. Errors are faults.
func (b *body) Read(p []byte) (int, error) {
	if b.ended != nil {
		return 0, b.ended
	}
	p = p[:min(len(p), readStep)]
	if err := b.makeRoom(int64(len(p))); err != nil {
		b.ended = err
		return 0, err
	}
	n, err := b.plain.Read(p)
	b.read += int64(n)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		err = inflight.TooSlow()
	}
	if b.ended = err; err != nil && b.timed {
		// The deadline is for the body only. The call may take longer, and net/http would interpret
		// an expired read deadline as a disconnected client.
		b.deadline(time.Time{})
	}
	return n, err
}

// makeRoom reserves room for n more bytes. Most bodies are short and do not wait.
func (b *body) makeRoom(n int64) error {
	if b.read+n <= b.room {
		return nil
	}
	begun := time.Now()
	err := b.held.Grow(b.r.Context(), b.read+n-b.room)
	if err != nil {
		return fault.From(err)
	}
	b.room = b.read + n
	if b.read >= readStep {
		b.wait += time.Since(begun)
		longest := min(bodyTimeout, b.held.Time(b.read))
		b.deadline(b.begun.Add(b.wait + longest))
	}
	return nil
}

// deadline limits the time of the next reads. Only the writers of tests have no
// deadlines.
func (b *body) deadline(at time.Time) {
	b.timed = true
	_ = http.NewResponseController(b.w).SetReadDeadline(at)
}

// skip leaves the body unread. The connection is closed, because the HTTP
// server would read the rest of the body to reuse the connection.
func (b *body) skip() {
	b.ended = io.EOF
	b.w.Header().Set("Connection", "close")
}

// precheck skips the body if no rule can allow the call. A short body is read in any case, because
// the refusal can then name the objects in the body.
func (b *body) precheck(ctx context.Context, refused precheckFunc, method, account, store string) {
	if b.ended != nil || b.r.ContentLength >= 0 && b.r.ContentLength <= shortBody {
		return
	}
	if b.found.Unread, b.found.Fault = refused(ctx, method, account, store); b.found.Unread {
		b.skip()
	}
}

// gunzipReader decompresses a body.
type gunzipReader struct {
	from io.Reader
	zip  *gzip.Reader
	// left is the number of bytes that may still come.
	left int64
}

// Read reads the next bytes.
func (u *gunzipReader) Read(p []byte) (int, error) {
	if u.zip == nil {
		zip, err := gzip.NewReader(u.from)
		if err != nil {
			return 0, unreadable(err)
		}
		u.zip = zip
	}
	n, err := u.zip.Read(p[:min(int64(len(p)), u.left+1)])
	if u.left -= int64(n); u.left < 0 {
		return n - 1, &http.MaxBytesError{Limit: MaxBody}
	}
	return n, unreadable(err)
}

// unreadable returns the fault of a body that is not gzip. Errors about length
// and time are passed on.
func unreadable(err error) error {
	var tooLong *http.MaxBytesError
	if err == nil || errors.Is(err, io.EOF) || errors.As(err, &tooLong) || errors.Is(err, os.ErrDeadlineExceeded) {
		return err
	}
	return fault.Invalid(fault.Field{Path: contract.Body, Reason: fault.ReasonInvalidJSONBody, Text: "must be gzip, as Content-Encoding says"}).Because(err)
}
