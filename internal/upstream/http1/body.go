package http1

import (
	"errors"
	"io"
	"net"
)

// responseBody is the body of a response. After a complete read the connection is reused.
type responseBody struct {
	io.ReadCloser

	usual usualAnswer
	conn  *conn
	// stop cancels the reaction to the end of the request's context. It returns false if the
	// reaction has already run.
	stop func() bool
	// last reports that the server closes the connection after this response.
	last bool
	// written receives the result of writing a long request. It is nil for a short request.
	written chan error
	ended   bool
}

// Read reads the body.
func (b *responseBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil {
		b.end(errors.Is(err, io.EOF))
	}
	return n, err
}

// Close drops the rest of the body and the connection.
func (b *responseBody) Close() error {
	b.end(false)
	return nil
}

// end releases the connection once. whole reports that the response was read to its end.
func (b *responseBody) end(whole bool) {
	if b.ended {
		return
	}
	b.ended = true
	quiet := b.stop()
	if whole && quiet && !b.last && b.sent() && b.conn.reader.Buffered() == 0 {
		b.conn.transport.keep(b.conn)
		return
	}
	b.conn.close()
}

// send writes a request. A long request is written by another goroutine.
func (b *responseBody) send(out []byte) error {
	if len(out) <= inline {
		return write(b.conn.net, out)
	}
	b.written = make(chan error, 1)
	go func() {
		err := write(b.conn.net, out)
		b.written <- err
		if err != nil {
			// Read the bytes that have arrived, but do not wait for more.
			_ = b.conn.net.SetReadDeadline(past())
		}
	}()
	return nil
}

// sent reports whether the request was written completely.
func (b *responseBody) sent() bool {
	if b.written == nil {
		return true
	}
	select {
	case err := <-b.written:
		return err == nil
	default:
		return false
	}
}

// orUnwritten returns the error of a request without a response: the write error if there is one,
// or else err.
func (b *responseBody) orUnwritten(err error) error {
	select {
	case unwritten := <-b.written:
		if unwritten != nil {
			return unwritten
		}
	default:
	}
	return err
}

// unsentError is a kernel error before any byte was accepted.
type unsentError struct{ error }

func (e unsentError) Unwrap() error { return e.error }

// nothingLeft reports whether no byte of a request was sent.
func nothingLeft(err error) bool {
	_, is := errors.AsType[unsentError](err)
	return is
}

// write writes a request in pieces. Before each piece, the connection can check whether the request
// may still be sent.
func write(to net.Conn, out []byte) error {
	for done := 0; done < len(out); {
		n, err := to.Write(out[done:min(done+piece, len(out))])
		if done += n; err == nil {
			continue
		}
		if _, kernel := errors.AsType[*net.OpError](err); kernel && done == 0 {
			return unsentError{err}
		}
		return err
	}
	return nil
}
