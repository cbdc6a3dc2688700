package audit

import (
	"errors"
	"io"
	"time"

	"go.uber.org/zap"
)

// StreamConfig says where the record is written to.
type StreamConfig struct {
	// Writer is usually os.Stdout. Nothing else should write to it.
	Writer io.Writer
	// Key, unless empty, binds the chain.
	Key []byte
	// MaxWait is how long one write may take before callers are refused at
	// once. 0 means 900 ms.
	MaxWait time.Duration
	// Logger is told when the sink falls ill and recovers. nil means silence.
	Logger *zap.Logger
	// Now is the clock. nil means the system's.
	Now func() time.Time
}

// NewStream starts a Journal that writes lines to a stream and returns when the
// start record is written.
//
// It promises less than a file. A record counts once the writer has taken it,
// which for a pipe means that it is in memory of the system: whoever reads the
// stream must keep it. Nothing written can be taken back, so records that were
// refused in the middle of a failed write may stand in the stream, followed by
// a recovered record that has the number of the first of them. Each process
// begins a chain of its own. There is no head, so a missing end is not found.
func NewStream(c StreamConfig) (*Journal, error) {
	if c.Writer == nil {
		return nil, errors.New("a stream needs a writer")
	}
	s := settings{maxWait: c.MaxWait, logger: c.Logger, now: c.Now}.withDefaults()
	m := &streamMedium{writer: c.Writer}
	m.ledger = ledger{origin: newOrigin(c.Key), hash: newHash(c.Key), now: s.now, starting: true}
	if err := m.commit(nil); err != nil {
		return nil, err
	}
	return newJournal(m, s), nil
}

type streamMedium struct {
	ledger
	writer io.Writer
	// torn says that the last line may be without its end.
	torn bool
}

func (m *streamMedium) commit(bodies [][]byte) error {
	if m.torn {
		if _, err := m.writer.Write([]byte("\n")); err != nil {
			return err
		}
		m.torn = false
	}
	text, next := m.lines(bodies)
	n, err := m.writer.Write(text)
	if err == nil && n < len(text) {
		err = io.ErrShortWrite
	}
	if err != nil {
		m.torn = n > 0 && text[n-1] != '\n'
		return err
	}
	m.accept(next)
	return nil
}

func (m *streamMedium) repair() error {
	m.note = ReasonWriteFailed
	return nil
}

// end leaves the writer open, which belongs to whoever made it.
func (m *streamMedium) end() {}
