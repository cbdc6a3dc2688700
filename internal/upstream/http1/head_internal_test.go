package http1

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"
)

const usual = "HTTP/1.1 200 OK\r\nDate: Wed, 04 Mar 2026 05:06:07 GMT\r\nCF-RAY: 8f1c2d3e4a5b6c7d-FRA\r\ncontent-length:\t3 \r\n" +
	"Set-Cookie: a=b\r\nSet-Cookie: c=d\r\nConnection: keep-alive\r\nX-Empty:\r\n\r\none"

// large has a body that exceeds the buffer of a connection.
var large = "HTTP/1.1 200 OK\r\nContent-Length: 20000\r\n\r\n" + strings.Repeat("x", 20000)

// unusual are heads that net/http reads, among them all that it refuses.
var unusual = []string{
	"", "\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 3",
	"HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\none",
	"HTTP/1.1 100 Continue\r\nContent-Length: 3\r\n\r\none",
	"HTTP/1.1 204 No Content\r\nContent-Length: 3\r\n\r\none",
	"HTTP/1.1 304 Not Modified\r\nContent-Length: 3\r\n\r\none",
	"HTTP/1.1 999 Odd\r\nContent-Length: 3\r\n\r\none",
	"HTTP/1.1  200 OK\r\nContent-Length: 3\r\n\r\none",
	"HTTP/1.1 2x0 OK\r\nContent-Length: 3\r\n\r\none",
	"HTTP/1.1 20 OK\r\nContent-Length: 3\r\n\r\none",
	"HTTP/1.1 200 O\rK\r\nContent-Length: 3\r\n\r\none",
	"HTTP/2.0 200 OK\r\nContent-Length: 3\r\n\r\none",
	"ICY 200 OK\r\nContent-Length: 3\r\n\r\none",
	"HTTP/1.1 200 OK\nContent-Length: 3\n\none\r\n\r\n",
	"HTTP/1.1 200 OK\n\r\na:\r\n\r\n",
	"HTTP/1.1 200 OK\r\n Content-Length: 3\r\n\r\none",
	"HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 3\r\n\r\none",
	"HTTP/1.1 200 OK\r\nX: a\nY: b\r\nContent-Length: 3\r\n\r\none",
	"HTTP/1.1 200 OK\r\nX: a\rb\r\nContent-Length: 3\r\n\r\none",
	"HTTP/1.1 200 OK\r\nX: \x00\r\nContent-Length: 3\r\n\r\none",
	"HTTP/1.1 200 OK\r\nX: \xe9\r\nContent-Length: 3\r\n\r\none",
	"HTTP/1.1 200 OK\r\nX_y: z\r\nContent-Length: 3\r\n\r\none",
	"HTTP/1.1 200 OK\r\nContent-Length : 3\r\n\r\none",
	"HTTP/1.1 200 OK\r\n: 3\r\nContent-Length: 3\r\n\r\none",
	"HTTP/1.1 200 OK\r\nno colon\r\nContent-Length: 3\r\n\r\none",
	"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\none",
	"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\none",
	"HTTP/1.1 200 OK\r\nContent-Length: +3\r\n\r\none",
	"HTTP/1.1 200 OK\r\nContent-Length: -3\r\n\r\none",
	"HTTP/1.1 200 OK\r\nContent-Length: 3, 3\r\n\r\none",
	"HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\none",
	"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\none",
	"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n0\r\n\r\n",
	"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n0\r\n\r\n",
	"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: gzip\r\n\r\none",
	"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTrailer: X\r\n\r\none",
	"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\none",
	"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: keep-alive, close\r\n\r\none",
	"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nPragma: no-cache\r\n\r\none",
}

func TestAHeadInTheUsualFormIsReadHere(t *testing.T) {
	for _, text := range []string{usual, "HTTP/1.1 503\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\none", large, large[:len(large)-1]} {
		if !compare(t, http.MethodPost, []byte(text)) {
			t.Errorf("not read here: %q", text)
		}
	}
}

func TestEveryOtherHeadIsReadByNetHTTP(t *testing.T) {
	for _, text := range append(unusual, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nX: "+strings.Repeat("x", 5000)+"\r\n\r\none") {
		if compare(t, http.MethodPost, []byte(text)) {
			t.Errorf("read here: %q", text)
		}
	}
	if compare(t, http.MethodHead, []byte(usual)) {
		t.Error("the answer to HEAD was read here")
	}
}

// FuzzReadResponse compares readResponse with net/http.
func FuzzReadResponse(f *testing.F) {
	for _, text := range append(unusual, usual) {
		f.Add(http.MethodPost, []byte(text))
		f.Add(http.MethodHead, []byte(text))
	}
	f.Fuzz(func(t *testing.T, method string, text []byte) { compare(t, method, text) })
}

// compare reads a response with readResponse and with net/http, and requires the same result. It
// reports whether the head had the usual form.
func compare(t *testing.T, method string, text []byte) (here bool) {
	t.Helper()
	// As over TLS, the last bytes and the end of the stream may come in one read.
	here = compareFrom(t, method, text, func() io.Reader { return bytes.NewReader(text) })
	if again := compareFrom(t, method, text, func() io.Reader { return iotest.DataErrReader(bytes.NewReader(text)) }); again != here {
		t.Fatalf("%q: read here %t, and %t from another reader", text, here, again)
	}
	return here
}

func compareFrom(t *testing.T, method string, text []byte, from func() io.Reader) (here bool) {
	t.Helper()
	r := &http.Request{Method: method}
	ours, theirs := bufio.NewReader(from()), bufio.NewReader(from())
	_, _ = ours.Peek(1)
	got, err := readResponse(ours, r, &usualAnswer{})
	want, wantErr := http.ReadResponse(theirs, r)
	if (err == nil) != (wantErr == nil) {
		t.Fatalf("%q: got %v, net/http says %v", text, err, wantErr)
	}
	if err != nil {
		return false
	}
	_, here = got.Body.(*lengthBody)
	if one, other := all(t, got, ours), all(t, want, theirs); one != other {
		t.Fatalf("%q: got %s, net/http has %s", text, one, other)
	}
	got.Body, want.Body = nil, nil
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("%q: got %#v, net/http has %#v", text, got, want)
	}
	return here
}

// all reads the body, and what follows the response.
func all(t *testing.T, answer *http.Response, in io.Reader) string {
	t.Helper()
	// A read that is larger than the buffer of the connection goes past the buffer.
	var whole bytes.Buffer
	whole.Grow(64 << 10)
	_, bodyErr := whole.ReadFrom(answer.Body)
	body := whole.Bytes()
	rest, err := io.ReadAll(in)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("body %q, %v, rest %q", body, bodyErr, rest)
}

// TestReusedRoomHoldsNoRequest reuses a room after a request with a secret value.
func TestReusedRoomHoldsNoRequest(t *testing.T) {
	tr := &Transport{}
	room := tr.room()
	tr.reuse(room, append(*room, "a secret value"...))
	if rest := (*room)[:cap(*room)]; len(*room) != 0 || !bytes.Equal(rest, make([]byte, len(rest))) {
		t.Errorf("the room holds %q", rest)
	}
}
