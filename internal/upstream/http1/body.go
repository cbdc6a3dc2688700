package http1

import (
	"errors"
	"io"
	"net"
)

// body is the body of an answer. Once it was read to its end, its connection is
// used again.
type body struct {
	io.ReadCloser

	conn *conn
	// stop ends what happens when the context of the request ends. It returns false
	// where that has happened.
	stop func() bool
	// last says that the other end closes the connection after this answer.
	last bool
	// written tells how a long request was written, nil for a short one.
	written chan error
	ended   bool
}

// Read reads the body.
func (b *body) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil {
		b.end(errors.Is(err, io.EOF))
	}
	return n, err
}

// Close gives up the rest of the body, and with it the connection.
func (b *body) Close() error {
	b.end(false)
	return nil
}

// end lets go of the connection, once. whole says that the answer was read to its
// end.
func (b *body) end(whole bool) {
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

// send writes a request, a long one by another goroutine.
func (b *body) send(out []byte) error {
	if len(out) <= inline {
		return write(b.conn.net, out)
	}
	b.written = make(chan error, 1)
	go func() {
		err := write(b.conn.net, out)
		b.written <- err
		if err != nil {
			// What has come by now is read, but nothing is waited for.
			_ = b.conn.net.SetReadDeadline(past())
		}
	}()
	return nil
}

// sent reports whether the request has left whole.
func (b *body) sent() bool {
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

// orUnwritten is the error of a request whose answer did not come: that of writing
// it, if there was one.
func (b *body) orUnwritten(err error) error {
	select {
	case unwritten := <-b.written:
		if unwritten != nil {
			return unwritten
		}
	default:
	}
	return err
}

// unsentError is an error of the kernel before it took any byte.
type unsentError struct{ error }

func (e unsentError) Unwrap() error { return e.error }

// nothingLeft reports whether nothing of a request has left.
func nothingLeft(err error) bool {
	_, is := errors.AsType[unsentError](err)
	return is
}

// write writes a request in pieces, before each of which the connection may ask
// whether it may leave yet.
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
