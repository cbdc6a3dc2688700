package server

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	"platform.internal/storekeeper/internal/fault"
)

// The limits of a fault in the header of an answer, in bytes and in fields. A status is sent in
// headers: the text percent-encoded, and the whole status again in base64. gRPC clients in C++ and
// Python accept 8 KiB of headers.
const (
	maxHeaderBytes    = 7000
	maxFieldsInHeader = 20
	maxTextInHeader   = 1024
	// maxNoticesInHeader is the limit in bytes for Cloudflare's messages, and separately for
	// Cloudflare's errors.
	maxNoticesInHeader = 1536
)

// forHeader shortens a fault until its status fits into a header.
func forHeader(f *fault.Error) *fault.Error {
	short := *f
	short.Public = textForHeader(f.Public)
	short.Notices, short.Errors = firstNotices(f.Notices), firstNotices(f.Errors)
	for _, most := range [...]int{maxFieldsInHeader, maxFieldsInHeader / 2, maxFieldsInHeader / 4} {
		if short.Fields = firstFields(f.Fields, most); inHeader(&short) <= maxHeaderBytes {
			return &short
		}
	}
	short.Notices, short.Errors = nil, nil
	for most := maxFieldsInHeader; most > 0; most /= 2 {
		if short.Fields = firstFields(f.Fields, most); inHeader(&short) <= maxHeaderBytes {
			break
		}
	}
	return &short
}

// inHeader returns the number of header bytes of a fault's status.
func inHeader(f *fault.Error) int {
	return percentEncoded(f.Public) + base64.RawStdEncoding.EncodedLen(proto.Size(statusOf(f).Proto()))
}

// percentEncoded returns the length of a text in the header grpc-message.
func percentEncoded(text string) int {
	n := len(text)
	for _, b := range []byte(text) {
		if b < ' ' || b > '~' || b == '%' {
			n += 2
		}
	}
	return n
}

func textForHeader(text string) string {
	short := text[:min(len(text), maxTextInHeader)]
	for percentEncoded(short) > maxTextInHeader*3/2 {
		short = short[:len(short)*3/4]
	}
	if len(short) == len(text) {
		return text
	}
	return strings.ToValidUTF8(short, "") + "..."
}

// firstFields returns the first fields. The last returned field states how many fields were
// omitted.
func firstFields(fields []fault.Field, most int) []fault.Field {
	more := len(fields) - most
	if more <= 0 {
		return fields
	}
	last := fields[most]
	if more > 1 {
		last.Text = fmt.Sprintf("%s; %d more fields are wrong", last.Text, more-1)
	}
	return append(slices.Clone(fields[:most]), last)
}

// firstNotices returns as many of Cloudflare's notices as fit.
func firstNotices(said []fault.Notice) []fault.Notice {
	const frame = 16
	size := 0
	for i, n := range said {
		if size += len(n.Text) + len(n.DocumentationURL) + len(n.Pointer) + frame; size > maxNoticesInHeader {
			return said[:i]
		}
	}
	return said
}
