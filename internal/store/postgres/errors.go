package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"go.uber.org/zap"

	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/store"
)

var (
	// ErrNewer is the cause of a fault if a later build created the tables.
	ErrNewer = errors.New("the tables are of a later version than this build knows: run the build that made them, or a later one")
	// ErrLost is the cause of a fault if the server does not hold the store that this replica has
	// seen.
	ErrLost = errors.New("the database does not hold the store that this replica has seen")
	// ErrKey is the cause of a fault if the configured audit key is not the key of the store.
	ErrKey = errors.New("the audit trail of the store was made with another key than the configured one")
	// ErrAltered is the cause of a fault if the last line of the audit trail was altered.
	ErrAltered = errors.New("the end of the audit trail is not what was written: server audit verify --config FILE says more")

	errReadOnly  = errors.New("the server accepts no writes: it is a standby, or it is set to read-only")
	errAbandoned = errors.New("the server did not answer in time")
	errUnknown   = errors.New("the answer to the commit was lost, and whether it happened could not be found out in time")
)

// The SQLSTATE codes that the store handles.
const (
	codeReadOnly     = "25006"
	codeNoTable      = "42P01"
	codeNoColumn     = "42703"
	codeNoPartition  = "23514"
	codeTaken        = "23505"
	codeNoPermission = "42501"
	codeShutdown     = "57P01"
	codePending      = "55000"
)

// serverError is an error reported by PostgreSQL, without the parts that may hold a value: detail,
// hint, context and the text of the statement.
type serverError struct {
	code    string
	fatal   bool
	message string
}

func (e *serverError) Error() string {
	if e.message == "" {
		return "PostgreSQL reports SQLSTATE " + e.code
	}
	return "PostgreSQL reports SQLSTATE " + e.code + ": " + e.message
}

// spoken are the classes of SQLSTATE whose messages concern the server and its connections, and
// hold no values: 08 connection, 25 transaction state, 28 authorization, 3D and 3F names, 40
// rollback, 42 access and names, 53 resources, 55 state, 57 operator, 58 system, XX internal.
const spoken = "08 25 28 3D 3F 40 42 53 55 57 58 XX"

// clean converts an error of the driver to an error without values.
func clean(err error) error {
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*serverError](err); ok {
		return e
	}
	reported, ok := errors.AsType[*pgconn.PgError](err)
	if !ok {
		return err
	}
	severity := reported.SeverityUnlocalized
	e := &serverError{code: reported.Code, fatal: severity == "FATAL" || severity == "PANIC"}
	if len(e.code) >= 2 && strings.Contains(spoken, e.code[:2]) {
		e.message = reported.Message
	}
	if connecting, ok := errors.AsType[*pgconn.ConnectError](err); ok && connecting.Config != nil {
		return fmt.Errorf("connecting to %s: %w", connecting.Config.Host, e)
	}
	return e
}

// code returns the SQLSTATE of an error, or "" if the server reported none.
func code(err error) string {
	if e, ok := errors.AsType[*serverError](clean(err)); ok {
		return e.code
	}
	return ""
}

// answered reports whether an error is the server's refusal of a statement, which then had no
// effect.
func answered(err error) bool {
	e, ok := errors.AsType[*serverError](clean(err))
	return ok && !e.fatal
}

// failed converts an error to the fault of a call: the end of the call's context, or else a store
// failure.
func (s *Store) failed(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if end := ended(ctx); end != nil {
		return fault.From(end)
	}
	if s.closing.Load() {
		return store.Unavailable(store.ErrClosed)
	}
	s.silent(err)
	if f, ok := errors.AsType[*fault.Error](err); ok {
		return f
	}
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		err = errAbandoned
		if cause := s.failing.cause.Load(); cause != nil && !errors.Is(*cause, errAbandoned) {
			err = fmt.Errorf("%w: %w", errAbandoned, *cause)
		}
	}
	return store.Unavailable(clean(err))
}

// ended returns the reason why ctx has ended, or nil. It checks the deadline too, because others
// with the same deadline may notice it before ctx does.
func ended(ctx context.Context) error {
	if deadline, ok := ctx.Deadline(); ok && !time.Now().Before(deadline) {
		return context.DeadlineExceeded
	}
	return ctx.Err()
}

// complainEvery is the minimum interval between logged causes of an outage. Addresses and ports in
// the causes differ with each attempt.
const complainEvery = 10 * time.Second

// complaint is the cause of one kind of failure, as long as it lasts.
type complaint struct {
	// cause is nil if there is no failure.
	cause atomic.Pointer[error]
	// logged is the time of the last logged cause, in nanoseconds since 1970.
	logged atomic.Int64
}

// due records a cause, and reports whether it is to be logged: the first cause, and later a
// different cause at most every complainEvery.
func (c *complaint) due(err error) bool {
	was := c.cause.Swap(&err)
	if was != nil && ((*was).Error() == err.Error() || time.Since(time.Unix(0, c.logged.Load())) < complainEvery) {
		return false
	}
	c.logged.Store(time.Now().UnixNano())
	return true
}

// over records that the failure is over, and reports whether there was one.
func (c *complaint) over() bool { return c.cause.Swap(nil) != nil }

// complain records, and may log, the reason why commits fail.
func (s *Store) complain(err error) {
	if err = clean(err); s.failing.due(err) {
		s.config.Logger.Warn("the PostgreSQL store fails", zap.Error(err))
	}
}
