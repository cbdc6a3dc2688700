package audit

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.uber.org/zap"

	"platform.internal/storekeeper/internal/fault"
)

const (
	// maxMaxWait is the maximum of MaxWait.
	maxMaxWait = 10 * time.Second
	// defaultWait lets a call fail within a second.
	defaultWait = 900 * time.Millisecond
	// defaultBacklog is the number of pending alarms above which the trail is unhealthy.
	defaultBacklog = 1024
	// retryAfter is the retry delay in the faults of refused calls.
	retryAfter = time.Second
)

// LogConfig configures a Log.
type LogConfig struct {
	// Sink is the destination of records. The Log closes it.
	Sink Sink
	// MaxWait is the maximum time that a call waits for its record, at most 10 s. 0 means 900 ms.
	MaxWait time.Duration
	// MaxBacklog is the number of pending alarms above which Healthy returns an error. 0 means
	// 1024.
	MaxBacklog int
	// DenialsPerHour is the limit of recorded denials per caller and hour, with a burst of 100.
	// Further denials are counted, and a record per minute and caller states the count. 0 means no
	// limit.
	DenialsPerHour int
	// Reserve is the free space in bytes below which denials are counted only, so that the
	// remaining space is for changes. 0 disables the reserve.
	Reserve int64
	// Now is the clock. Nil means time.Now.
	Now func() time.Time
	// Logger logs alarms that could not be written before Close. Nil means no logging.
	Logger *zap.Logger
}

// Log writes denials and alarms to a sink. It is safe for concurrent use.
type Log struct {
	sink    Sink
	maxWait time.Duration
	logger  *zap.Logger
	now     func() time.Time
	backlog backlog
	denials *denials
	room    room
	cancel  context.CancelFunc
	ended   chan struct{}
	once    sync.Once
	err     error
}

// NewLog starts a Log. Close ends it.
func NewLog(c LogConfig) (*Log, error) {
	if c.MaxWait == 0 {
		c.MaxWait = defaultWait
	}
	if c.MaxBacklog == 0 {
		c.MaxBacklog = defaultBacklog
	}
	if c.Logger == nil {
		c.Logger = zap.NewNop()
	}
	switch {
	case c.Sink == nil:
		return nil, errors.New("an audit log needs a sink")
	case c.MaxWait < 0 || c.MaxWait > maxMaxWait:
		return nil, fmt.Errorf("the wait for an audit record must be above 0 and at most %s", maxMaxWait)
	case c.MaxBacklog < 0:
		return nil, errors.New("the backlog of audit alarms must be above 0")
	case c.DenialsPerHour < 0 || c.Reserve < 0:
		return nil, errors.New("the limits of audit denials must not be below 0")
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	ctx, cancel := context.WithCancel(context.Background())
	l := &Log{sink: c.Sink, maxWait: c.MaxWait, logger: c.Logger, now: c.Now, cancel: cancel, ended: make(chan struct{})}
	l.denials, l.room = newDenials(c.DenialsPerHour, c.Now), room{reserve: c.Reserve, space: l.space}
	l.backlog = backlog{limit: c.MaxBacklog, wake: make(chan struct{}, 1), closing: make(chan struct{})}
	go func() {
		defer close(l.ended)
		var summing sync.WaitGroup
		summing.Go(func() { l.summarize(ctx) })
		l.backlog.flush(ctx, l.sink)
		summing.Wait()
	}()
	return l, nil
}

// Denial returns nil once the record is durable, or counted because the caller exceeds its limit or
// no space is left for denials. The error is a fault: Unavailable with the reason
// STATE_UNAVAILABLE, within MaxWait, or the fault of ctx if ctx ended first. A denied call stays
// denied.
func (l *Log) Denial(ctx context.Context, r Record) error {
	if !l.denials.admit(&r, l.full()) {
		return nil
	}
	r.Kind = KindDenial
	return l.append(ctx, r)
}

func (l *Log) append(ctx context.Context, r Record) error {
	bounded, cancel := context.WithTimeout(ctx, l.maxWait)
	defer cancel()
	err := l.sink.Append(bounded, r)
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return fault.From(ctx.Err()).Because(err)
	default:
		return unavailable(err)
	}
}

// Alarm records that something is wrong with the change of an intent. It does not wait. The Log
// retries the sink until the record is durable. After Close the record goes to the logger.
func (l *Log) Alarm(r Record) { l.later(KindAlarm, r) }

// later queues a record for the sink.
func (l *Log) later(kind RecordKind, r Record) {
	r.Kind = kind
	if r.Time.IsZero() {
		r.Time = l.now()
	}
	r = r.clean()
	if !l.backlog.add(r) {
		l.lost(&r)
	}
}

// Reload records a change of a watched file. It is asynchronous like Alarm, because the change of
// callers or rules is in force whether or not it can be recorded now.
func (l *Log) Reload(r Record) { l.later(KindReload, r) }

// Healthy returns nil, or the reason why a record would be refused now.
func (l *Log) Healthy() error {
	if n := l.backlog.excess(); n > 0 {
		return fmt.Errorf("%d audit alarms wait to be written", n)
	}
	return l.sink.Healthy()
}

// Lost returns how many times the sink found that written records had disappeared.
func (l *Log) Lost() int64 {
	if s, ok := l.sink.(interface{ Lost() int64 }); ok {
		return s.Lost()
	}
	return 0
}

// Backlog returns the number of pending alarms.
func (l *Log) Backlog() int { return l.backlog.len() }

// Close writes pending records for at most MaxWait, then closes the sink. Alarms that could not be
// written go to the logger, one line each, and the error states their number.
func (l *Log) Close() error {
	l.once.Do(func() { l.err = l.close() })
	return l.err
}

func (l *Log) close() error {
	l.backlog.close()
	timer := time.NewTimer(l.maxWait)
	defer timer.Stop()
	select {
	case <-l.ended:
	case <-timer.C:
	}
	l.cancel()
	<-l.ended
	lost := l.backlog.rest()
	for i := range lost {
		l.lost(&lost[i])
	}
	err := l.sink.Close()
	if len(lost) > 0 {
		err = errors.Join(fmt.Errorf("%d audit alarms were not written", len(lost)), err)
	}
	return err
}

// lost logs a record that cannot be written. Records hold no secret values, so they may be logged.
func (l *Log) lost(r *Record) {
	body := appendBody([]byte("{"), r, origin{})
	l.logger.Error("audit "+string(r.Kind)+" was not written", zap.ByteString("record", append(body, '}')))
}

func unavailable(cause error) error {
	f := fault.New(fault.Unavailable, fault.ReasonStateUnavailable,
		"The audit record cannot be written now, so the call was refused and nothing was changed.")
	f.RetryAfter = retryAfter
	return f.Because(cause)
}
