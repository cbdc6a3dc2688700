package inproc

import (
	"context"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
)

// serverStream holds the header that a handler sets.
type serverStream struct {
	method string

	mu     sync.Mutex
	header metadata.MD
}

var _ grpc.ServerTransportStream = (*serverStream)(nil)

// Method returns the full name of the method.
func (s *serverStream) Method() string { return s.method }

// SetHeader adds to the header of the answer. The metadata must not be changed
// afterwards.
func (s *serverStream) SetHeader(md metadata.MD) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.header = mergeMetadata(s.header, md)
	return nil
}

// SendHeader is SetHeader: inside the process the header is delivered with the
// answer.
func (s *serverStream) SendHeader(md metadata.MD) error { return s.SetHeader(md) }

// SetTrailer drops the trailer of the answer: REST has none.
func (*serverStream) SetTrailer(metadata.MD) error { return nil }

// mergeMetadata returns the union of two metadata. If one is empty, it returns the other. It modifies
// neither, since the client may hold the first.
func mergeMetadata(before, more metadata.MD) metadata.MD {
	if len(before) == 0 {
		return more
	}
	return metadata.Join(before, more)
}

// sentHeader returns the header of the answer.
func (s *serverStream) sentHeader() metadata.MD {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.header
}

// IsInProcess reports whether the call of ctx came through a Channel. A call from the network cannot make it
// true.
func IsInProcess(ctx context.Context) bool {
	_, ok := grpc.ServerTransportStreamFromContext(ctx).(*serverStream)
	return ok
}
