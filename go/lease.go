//go:build cgo

package statekeep

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"runtime"
	"sync/atomic"
)

// Querier runs SQL of the caller's own: a Store (each statement on whatever connection is free), a Lease (all on one
// connection) or a Tx. These connections are never those that operations travel on.
//
// Parameters are $1, $2, … in the SQL. Text takes the type of its place; nil is NULL; integers, floats, booleans,
// time.Time (timestamptz), time.Duration (interval), json.Number (numeric) and []byte (bytea) have that type; slices are
// arrays; a json.RawMessage is JSON text, untouched; maps and structs are jsonb, as encoding/json writes them; a
// driver.Valuer and an encoding.TextMarshaler are what they give. Without parameters the SQL may hold several statements.
//
// A statement whose context ends is cancelled at the server where it runs on a lease. Nothing is ever sent twice:
// ErrUnknown says that the link broke after sending.
type Querier interface {
	// Query runs a statement and gives its rows.
	Query(ctx context.Context, sql string, args ...any) (*Rows, error)
	// QueryRow runs a statement of whose rows only the first matters. Errors come from Row.Scan.
	QueryRow(ctx context.Context, sql string, args ...any) *Row
	// Exec runs a statement and gives how many rows it returned or changed.
	Exec(ctx context.Context, sql string, args ...any) (int64, error)
}

var _, _, _ Querier = (*Store)(nil), (*Lease)(nil), (*Tx)(nil)

// Query runs a statement as a transaction of its own, in one round trip; see Querier.
func (s *Store) Query(ctx context.Context, sql string, args ...any) (*Rows, error) {
	return s.query(ctx, 0, sql, args)
}

// QueryRow is Query for one row.
func (s *Store) QueryRow(ctx context.Context, sql string, args ...any) *Row {
	return firstRow(s.Query(ctx, sql, args...))
}

// Exec is Query for the number of rows.
func (s *Store) Exec(ctx context.Context, sql string, args ...any) (int64, error) {
	return rowCount(s.Query(ctx, sql, args...))
}

// Lease is a server connection of the caller's own, until Return. Its statements run one after the other, in the order of
// their calls. At most Options.Connections - 1 leases are out at a time, so that operations never wait for them.
//
// A lease that is forgotten is taken back when the garbage collector finds it (see Options.Leaked) or after
// Options.LeaseIdle.
type Lease struct {
	store    *Store
	id       uint64
	takenAt  [takenDepth]uintptr
	returned atomic.Bool
}

// takenDepth is how many callers are looked at for one outside this package.
const takenDepth = 6

// Lease takes a lease, waiting behind those who came before; ErrDeadline when none came free in time.
func (s *Store) Lease(ctx context.Context) (*Lease, error) {
	c := s.newRequest(requestLease, 0)
	result, err := s.run(ctx, c)
	if err != nil {
		return nil, err
	}
	var granted struct{ Lease uint64 }
	err = json.Unmarshal(result, &granted)
	s.pool.Put(c)
	if err != nil {
		return nil, &Error{Status: Internal, Op: "lease.take", Message: "unreadable answer of the core: " + err.Error()}
	}
	l := &Lease{store: s, id: granted.Lease}
	runtime.Callers(2, l.takenAt[:])
	runtime.SetFinalizer(l, (*Lease).leak)
	return l, nil
}

// Return gives the lease back: an open transaction is rolled back and the session reset, without waiting for either.
// Returning twice is harmless; calls after it fail with ErrInvalid.
func (l *Lease) Return() {
	if l.returned.CompareAndSwap(false, true) {
		runtime.SetFinalizer(l, nil)
		l.store.giveBack(l.id)
	}
}

// leak is the finalizer: nobody has the lease any more.
func (l *Lease) leak() {
	if l.returned.CompareAndSwap(false, true) {
		l.store.giveBack(l.id)
		l.store.leaked(l.caller())
	}
}

// caller is where the lease was taken, as far out as this package goes: "main.go:123".
func (l *Lease) caller() string {
	frames := runtime.CallersFrames(l.takenAt[:])
	here, _ := runtime.CallersFrames(l.takenAt[:1]).Next()
	for {
		frame, more := frames.Next()
		if !more || filepath.Dir(frame.File) != filepath.Dir(here.File) || filepath.Base(frame.File) == "lease_test.go" {
			return fmt.Sprintf("%s:%d", filepath.Base(frame.File), frame.Line)
		}
	}
}

func (s *Store) giveBack(lease uint64) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.engine != nil {
		s.engine.giveBack(lease)
		s.signalFreed() // its place in the queue, too
	}
}

// Query runs a statement on the lease; see Querier.
func (l *Lease) Query(ctx context.Context, sql string, args ...any) (*Rows, error) {
	defer runtime.KeepAlive(l) // or it would be found unused, and taken back, while the call waits
	return l.store.query(ctx, l.id, sql, args)
}

// QueryRow is Query for one row.
func (l *Lease) QueryRow(ctx context.Context, sql string, args ...any) *Row {
	return firstRow(l.Query(ctx, sql, args...))
}

// Exec is Query for the number of rows.
func (l *Lease) Exec(ctx context.Context, sql string, args ...any) (int64, error) {
	return rowCount(l.Query(ctx, sql, args...))
}

func (s *Store) query(ctx context.Context, lease uint64, sql string, args []any) (*Rows, error) {
	c := s.newRequest(requestQuery, lease)
	c.addText(sql)
	for number, arg := range args {
		if err := c.addParam(arg); err != nil {
			s.pool.Put(c)
			return nil, &Error{Status: Invalid, Op: "sql.query", Message: fmt.Sprintf("parameter $%d: %v", number+1, err)}
		}
	}
	result, err := s.run(ctx, c)
	if err != nil {
		return nil, err
	}
	defer s.pool.Put(c)
	return newRows(result)
}
