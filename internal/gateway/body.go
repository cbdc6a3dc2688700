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
	// readStep is how many bytes of a body are read at once, and so how many more
	// than those that came are held.
	readStep = 64 << 10
	// bodyTimeout bounds a body of any length.
	bodyTimeout = 2 * time.Minute
	// shortBody is a body that is read before rights are judged, in bytes.
	shortBody = 4 << 10
)

// precheckFunc reports whether no rule could allow a call of a method, whatever its body
// says. The fault, where there is one, is why that cannot be told.
type precheckFunc func(ctx context.Context, method, account, store string) (refused bool, because *fault.Error)

// body is a request's body together with the place for what is wrong with it:
// grpc-gateway hands a decoder nothing but the reader. It is read within the
// bounds of a body: its length, the budget for bodies, and the time.
type body struct {
	io.ReadCloser

	w http.ResponseWriter
	r *http.Request
	// plain is the body without its content encoding.
	plain io.Reader
	held  *inflight.Body
	found *contract.Mistakes
	// read is how many bytes came, and room how many there is room for.
	read, room int64
	begun      time.Time
	// wait is how long the body has waited for room, which is not its fault.
	wait time.Duration
	// timed says that the body has a deadline of its own.
	timed bool
	// ended is what every further Read gives, nil while there may be more. A
	// decoder may not look at an error that comes with bytes.
	ended error
}

// newBody wraps the body of a known caller's request.
func newBody(w http.ResponseWriter, r *http.Request, held *inflight.Body, found *contract.Mistakes) *body {
	limited := http.MaxBytesReader(w, r.Body, MaxBody)
	b := &body{ReadCloser: limited, w: w, r: r, plain: limited, held: held, found: found, begun: time.Now()}
	coding := encoding(r.Header)
	switch {
	case coding == "" || r.Body == http.NoBody:
	case coding == "gzip":
		b.plain = &gunzipReader{from: limited, left: MaxBody}
	default:
		// RFC 9110, section 15.5.16.
		w.Header().Set("Accept-Encoding", "gzip")
		found.Fault = fault.New(fault.BadInput, "CONTENT_ENCODING_UNSUPPORTED", "The Content-Encoding of a body must be gzip, or none.")
		b.skip()
	}
	return b
}

// encoding gives the content encoding of a body: none, gzip, or another one.
// "identity" stands for none (RFC 9110, section 8.4.1).
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

// Read reads the next bytes. What is wrong is a fault.
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
		// The deadline was for the body. The call that follows may take longer, and
		// net/http would take the end of the deadline for the end of the client.
		b.deadline(time.Time{})
	}
	return n, err
}

// makeRoom makes sure that there is room for n bytes more. Most bodies are short
// and wait for nothing.
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

// deadline bounds the time that the next bytes may take. A writer that has no
// deadlines belongs to a test.
func (b *body) deadline(at time.Time) {
	b.timed = true
	_ = http.NewResponseController(b.w).SetReadDeadline(at)
}

// stop says that nobody reads more of the body. grpc-gateway would read it to its
// end otherwise.
func (b *body) stop() { b.ended = io.EOF }

// skip leaves the body unread. The HTTP server would wait for what is left of it
// before it answers, to use the connection again.
func (b *body) skip() {
	b.ended = io.EOF
	b.w.Header().Set("Connection", "close")
}

// precheck leaves the body unread where no rule could allow the call. A short body
// is read all the same, since the refusal can then name what is in it.
func (b *body) precheck(ctx context.Context, refused precheckFunc, method string, path map[string]string) {
	if b.ended != nil || b.r.ContentLength >= 0 && b.r.ContentLength <= shortBody {
		return
	}
	if b.found.Unread, b.found.Fault = refused(ctx, method, path["account_id"], path["store_id"]); b.found.Unread {
		b.skip()
	}
}

// gunzipReader is a body without its content encoding.
type gunzipReader struct {
	from io.Reader
	zip  *gzip.Reader
	// left is how many bytes may still come.
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

// unreadable blames the caller for what is no gzip. The length and the time of
// the bytes that came are other faults.
func unreadable(err error) error {
	var tooLong *http.MaxBytesError
	if err == nil || errors.Is(err, io.EOF) || errors.As(err, &tooLong) || errors.Is(err, os.ErrDeadlineExceeded) {
		return err
	}
	return fault.Invalid(fault.Field{Path: contract.Body, Reason: "INVALID_JSON_BODY", Text: "must be gzip, as Content-Encoding says"}).Because(err)
}
