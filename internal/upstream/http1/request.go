package http1

import (
	"errors"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

var (
	errHeader = errors.New("a header of the request has a character that no header may have")
	errLength = errors.New("the length of the request's body is not known")
)

// compose appends the bytes of a request to out, which is empty.
func compose(out []byte, r *http.Request) ([]byte, error) {
	if r.ContentLength < 0 {
		return nil, errLength
	}
	host := r.Host
	if host == "" {
		host = r.URL.Host
	}
	if !plain(host, " /") {
		return nil, errHeader
	}
	out = slices.Grow(out, 512+int(r.ContentLength))
	out = append(append(append(out, r.Method...), ' '), r.URL.RequestURI()...)
	out = append(append(out, " HTTP/1.1\r\nHost: "...), host...)
	for name, values := range r.Header {
		for _, value := range values {
			if !plain(name, " :") || !plain(value, "") {
				return nil, errHeader
			}
			out = append(append(append(append(out, "\r\n"...), name...), ": "...), value...)
		}
	}
	if r.Body == nil || r.Body == http.NoBody {
		return append(out, "\r\n\r\n"...), nil
	}
	out = strconv.AppendInt(append(out, "\r\nContent-Length: "...), r.ContentLength, 10)
	out = append(out, "\r\n\r\n"...)
	head := len(out)
	out = slices.Grow(out, int(r.ContentLength))[:head+int(r.ContentLength)]
	_, err := io.ReadFull(r.Body, out[head:])
	return out, errors.Join(err, r.Body.Close())
}

// plain reports whether a text has no control characters and none of the characters in others.
func plain(text, others string) bool {
	for i := range len(text) {
		if c := text[i]; c < ' ' && c != '\t' || c == 0x7f || strings.IndexByte(others, c) >= 0 {
			return false
		}
	}
	return true
}
