package emulator

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"mime"
	"net/http"
	"strconv"
	"time"
)

const (
	htmlType        = "text/html; charset=UTF-8"
	defaultHugeBody = 64 << 20
	paddingChunk    = 32 << 10
)

// applyFault answers with a fault that determines the answer. honest is the
// real answer, if the fault executes the request.
func (e *Emulator) applyFault(w http.ResponseWriter, c *apiCall, f Fault, honest httpAnswer) {
	switch f.Kind {
	case KindRateLimit:
		e.send(w, e.rateLimiter.throttled(cmp.Or(f.RetryAfter, defaultBlock)))
	case KindStatus:
		e.send(w, f.statusAnswer())
	case KindSuccessFalse:
		e.send(w, f.successFalse())
	case KindEchoCredential:
		e.send(w, echo(cmp.Or(f.Status, http.StatusForbidden), c.header))
	case KindTruncate:
		honest.body = honest.body[:len(honest.body)/2]
		e.send(w, honest)
	case KindCutMidBody:
		e.sendPart(w, honest, len(honest.body)/2)
	case KindContentType:
		honest.header = map[string]string{"Content-Type": cmp.Or(f.ContentType, htmlType)}
		e.send(w, honest)
	case KindHugeBody:
		e.sendPadded(w, honest, cmp.Or(f.Size, defaultHugeBody))
	case KindRemarks:
		e.send(w, f.addItems(honest))
	default: // KindCut, the only one left that decides
		e.cut(w)
	}
}

func (f Fault) statusAnswer() httpAnswer {
	kind := cmp.Or(f.ContentType, jsonType)
	a := httpAnswer{status: f.Status, body: []byte(f.Body), header: map[string]string{"Content-Type": kind}}
	media, _, _ := mime.ParseMediaType(kind)
	switch {
	case f.Body != "":
	case media == "text/html":
		a.body = edgePage(f.Status)
	default:
		a.body = refuse(f.Status, codeUnknown, cmp.Or(http.StatusText(f.Status), "Unknown error")).body
	}
	if f.RetryAfter > 0 {
		a.header["Retry-After"] = strconv.Itoa(seconds(f.RetryAfter))
	}
	if f.Location != "" {
		a.header["Location"] = f.Location
	}
	return a
}

// edgePage is the HTML page that a browser shows if Cloudflare's own servers
// fail.
func edgePage(status int) []byte {
	return fmt.Appendf(nil, "<!DOCTYPE html>\n<html><head><title>api.cloudflare.com | %[1]d</title></head>\n"+
		"<body><h1>Error %[1]d</h1><p>The web server reported an error.</p></body></html>\n", status)
}

func (f Fault) successFalse() httpAnswer {
	if f.Body != "" {
		return httpAnswer{status: http.StatusOK, body: []byte(f.Body)}
	}
	return refuse(http.StatusOK, codeUnknown, "internal_error")
}

func echo(status int, h http.Header) httpAnswer {
	credential := cmp.Or(h.Get("Authorization"), h.Get("X-Auth-Key"))
	return refuse(status, codeUnauthorized, "Invalid access token: "+credential)
}

// cut closes the connection. If that is not possible, for example over HTTP/2, the answer ends before its
// announced single byte.
func (e *Emulator) cut(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		e.sendPart(w, httpAnswer{status: http.StatusBadGateway, body: []byte(" ")}, 0)
		return
	}
	// The client sees a broken connection in any case.
	_ = conn.Close()
}

// sendPart announces a complete answer and sends n bytes of its body. The server then closes the connection.
func (e *Emulator) sendPart(w http.ResponseWriter, a httpAnswer, n int) {
	e.head(w, a, int64(len(a.body)))
	// The client may have left.
	_, _ = w.Write(a.body[:n])
}

func (e *Emulator) sendPadded(w http.ResponseWriter, a httpAnswer, size int64) {
	e.head(w, a, size+int64(len(a.body)))
	padding := bytes.Repeat([]byte{' '}, paddingChunk)
	for size > 0 {
		n, err := w.Write(padding[:min(size, paddingChunk)])
		if err != nil {
			return
		}
		size -= int64(n)
	}
	_, _ = w.Write(a.body)
}

// pause waits. It returns false if the client leaves in the meantime.
func pause(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return true
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
