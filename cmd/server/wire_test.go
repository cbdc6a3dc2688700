package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// wire is a gRPC connection for frames that no gRPC client would send.
type wire struct {
	t    testing.TB
	conn net.Conn
	*http2.Framer

	text bytes.Buffer
	pack *hpack.Encoder
}

// dialWire opens a connection and sends only preface and settings.
func dialWire(t testing.TB, address string) *wire {
	t.Helper()
	conn, err := (&net.Dialer{}).DialContext(context.Background(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return newWireOn(t, conn)
}

// newWireOn begins HTTP/2 on a connection. A closed server shows in later calls.
func newWireOn(t testing.TB, conn net.Conn) *wire {
	t.Helper()
	w := &wire{t: t, conn: conn, Framer: http2.NewFramer(conn, conn)}
	w.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	w.pack = hpack.NewEncoder(&w.text)
	_, _ = io.WriteString(conn, http2.ClientPreface)
	_ = w.WriteSettings()
	return w
}

// block returns the header block of a call. more are name and value in turn.
func (w *wire) block(method string, more ...string) []byte {
	w.text.Reset()
	fields := append([]string{
		":method", "POST", ":scheme", "http", ":path", method, ":authority", "x", "content-type", "application/grpc", "te", "trailers",
	}, more...)
	for i := 0; i < len(fields); i += 2 {
		_ = w.pack.WriteField(hpack.HeaderField{Name: fields[i], Value: fields[i+1], Sensitive: true})
	}
	return bytes.Clone(w.text.Bytes())
}

// open begins a call, with as many frames as the header needs.
func (w *wire) open(stream uint32, method string, more ...string) error {
	block, first := w.block(method, more...), true
	for len(block) > 0 || first {
		n := min(len(block), 16<<10)
		end := n == len(block)
		var err error
		if first {
			err = w.WriteHeaders(http2.HeadersFrameParam{StreamID: stream, BlockFragment: block[:n], EndHeaders: end})
		} else {
			err = w.WriteContinuation(stream, end, block[:n])
		}
		if err != nil {
			return err
		}
		block, first = block[n:], false
	}
	return nil
}

// prefix announces a message of n bytes.
func prefix(n int) []byte { return binary.BigEndian.AppendUint32([]byte{0}, uint32(n)) }

// ended waits for the end of a stream, and returns the gRPC status, the name of
// the HTTP/2 error, or "closed" if the connection ends first.
func (w *wire) ended(stream uint32) string {
	w.t.Helper()
	_ = w.conn.SetReadDeadline(time.Now().Add(patience))
	for {
		frame, err := w.ReadFrame()
		if errors.Is(err, os.ErrDeadlineExceeded) {
			w.t.Fatal("the stream does not end")
		}
		if err != nil {
			return "closed"
		}
		switch f := frame.(type) {
		case *http2.MetaHeadersFrame:
			if f.StreamID != stream {
				continue
			}
			for _, field := range f.Fields {
				if field.Name == "grpc-status" {
					return field.Value
				}
			}
		case *http2.RSTStreamFrame:
			if f.StreamID == stream {
				return f.ErrCode.String()
			}
		case *http2.SettingsFrame:
			if !f.IsAck() {
				_ = w.WriteSettingsAck()
			}
		}
	}
}
