package http1

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
)

const (
	lineEnd = "\r\n"
	headEnd = lineEnd + lineEnd
	// maxDigits is the maximum number of digits of a Content-Length that fits into an int64.
	maxDigits = 18
)

// readResponse reads the head of a response. A head in the usual form is read with few allocations.
// net/http reads every other head, and decides alone which heads are invalid.
func readResponse(in *bufio.Reader, r *http.Request, room *usualAnswer) (*http.Response, error) {
	if room.read(in, r) {
		return &room.Response, nil
	}
	return http.ReadResponse(in, r)
}

// usualAnswer is a response in the usual form, allocated together with its body.
type usualAnswer struct {
	http.Response

	body lengthBody
}

// read reads the head of a response in the usual form, as http.ReadResponse would. It returns false, and
// consumes nothing, if the head is not buffered as a whole or has another form.
//
// The usual form is HTTP/1.1 with a final status that allows a body, header lines of printable
// ASCII characters, one Content-Length, and no other header that decides where the response or the
// connection ends.
func (u *usualAnswer) read(in *bufio.Reader, r *http.Request) bool {
	buffered, _ := in.Peek(in.Buffered())
	end := bytes.Index(buffered, []byte(headEnd))
	if end < 0 || r.Method == http.MethodHead {
		return false
	}
	first, lines, _ := strings.Cut(string(buffered[:end]), lineEnd)
	answer := &u.Response
	*answer = http.Response{Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, ContentLength: -1, Request: r}
	if !readStatus(answer, first) || !readHeader(answer, lines) {
		return false
	}
	_, _ = in.Discard(end + len(headEnd))
	u.body = lengthBody{in: in, left: answer.ContentLength}
	answer.Body = &u.body
	return true
}

// readStatus reads a status line.
func readStatus(answer *http.Response, line string) bool {
	status, ok := strings.CutPrefix(line, answer.Proto+" ")
	code, reason, _ := strings.Cut(status, " ")
	if !ok || len(code) != 3 || code[0] < '2' || code[0] > '5' || !isDigits(code) {
		return false
	}
	answer.Status = status
	answer.StatusCode, _ = strconv.Atoi(code)
	return isPrintable(reason) && answer.StatusCode != http.StatusNoContent && answer.StatusCode != http.StatusNotModified
}

// readHeader reads header lines.
func readHeader(answer *http.Response, lines string) bool {
	n := strings.Count(lines, lineEnd) + 1
	values := make([]string, 0, n)
	answer.Header = make(http.Header, n)
	for lines != "" {
		var line string
		line, lines, _ = strings.Cut(lines, lineEnd)
		name, value, ok := strings.Cut(line, ":")
		if !ok || !isName(name) || !isPrintable(value) {
			return false
		}
		name, value = http.CanonicalHeaderKey(name), strings.Trim(value, " \t")
		switch name {
		case "Content-Length":
			if answer.ContentLength >= 0 || len(value) > maxDigits || !isDigits(value) {
				return false
			}
			answer.ContentLength, _ = strconv.ParseInt(value, 10, 64)
		case "Connection":
			if value != "keep-alive" {
				return false
			}
		case "Transfer-Encoding", "Trailer", "Pragma":
			return false
		}
		if before := answer.Header[name]; before != nil {
			answer.Header[name] = append(before, value)
			continue
		}
		values = append(values, value)
		answer.Header[name] = values[len(values)-1 : len(values) : len(values)]
	}
	return answer.ContentLength >= 0
}

// isName reports whether a text consists of letters, digits and dashes.
func isName(text string) bool {
	for i := range len(text) {
		if c := text[i]; c != '-' && (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'z') {
			return false
		}
	}
	return text != ""
}

// isPrintable reports whether a text consists of printable ASCII characters and tabs.
func isPrintable(text string) bool {
	for i := range len(text) {
		if c := text[i]; c != '\t' && (c < ' ' || c > '~') {
			return false
		}
	}
	return true
}

func isDigits(text string) bool {
	return text != "" && strings.Trim(text, "0123456789") == ""
}

// lengthBody is a body of known length.
type lengthBody struct {
	in   *bufio.Reader
	left int64
}

// Read reads the body. It returns io.EOF with the last byte, so that the connection can be reused
// at once.
func (b *lengthBody) Read(p []byte) (int, error) {
	if b.left == 0 {
		return 0, io.EOF
	}
	n, err := b.in.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	switch {
	case b.left == 0 && (err == nil || errors.Is(err, io.EOF)):
		return n, io.EOF
	case errors.Is(err, io.EOF):
		return n, io.ErrUnexpectedEOF
	}
	return n, err
}

// Close does nothing. The connection decides about the rest of the body.
func (b *lengthBody) Close() error { return nil }
