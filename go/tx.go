//go:build cgo

package statekeep

import (
	"context"
	"database/sql"
	"fmt"
	"sync"
)

// Tx is a transaction on a lease of its own, or one nested in another by a savepoint. It ends with Commit or Rollback;
// until then it keeps its lease from others.
type Tx struct {
	lease  *Lease
	parent *Tx // nil: the transaction itself
	depth  int

	mu      sync.Mutex
	over    bool
	streams int // names the cursors; only the transaction's own is used
}

// Begin takes a lease and begins a transaction on it.
func (s *Store) Begin(ctx context.Context) (*Tx, error) { return s.BeginTx(ctx, nil) }

// BeginTx is Begin with an isolation level, or for reading only; nil means the server's defaults.
func (s *Store) BeginTx(ctx context.Context, options *sql.TxOptions) (*Tx, error) {
	begin, err := beginSQL(options)
	if err != nil {
		return nil, err
	}
	lease, err := s.Lease(ctx)
	if err != nil {
		return nil, err
	}
	if _, err := lease.Exec(ctx, begin); err != nil {
		lease.Return()
		return nil, err
	}
	return &Tx{lease: lease}, nil
}

func beginSQL(options *sql.TxOptions) (string, error) {
	begin := "begin"
	if options == nil {
		return begin, nil
	}
	switch options.Isolation {
	case sql.LevelDefault:
	case sql.LevelReadUncommitted, sql.LevelReadCommitted, sql.LevelRepeatableRead, sql.LevelSerializable:
		begin += " isolation level " + options.Isolation.String()
	case sql.LevelSnapshot: // what PostgreSQL's repeatable read is
		begin += " isolation level repeatable read"
	default:
		return "", &Error{Status: Invalid, Op: "lease.take", Message: "PostgreSQL has no isolation level " + options.Isolation.String()}
	}
	if options.ReadOnly {
		begin += " read only"
	}
	return begin, nil
}

// WithTx calls work with a transaction, commits when it returns nil and rolls back when it returns an error or panics.
func (s *Store) WithTx(ctx context.Context, work func(tx *Tx) error) error {
	tx, err := s.Begin(ctx)
	if err != nil {
		return err
	}
	return tx.finish(ctx, work)
}

// WithTx is Store.WithTx for a part of the transaction: an error of work undoes that part only.
func (t *Tx) WithTx(ctx context.Context, work func(tx *Tx) error) error {
	nested, err := t.Begin(ctx)
	if err != nil {
		return err
	}
	return nested.finish(ctx, work)
}

func (t *Tx) finish(ctx context.Context, work func(tx *Tx) error) error {
	returned := false
	defer func() {
		if !returned { // a panic, or runtime.Goexit
			t.Rollback(ctx)
		}
	}()
	err := work(t)
	returned = true
	if err != nil {
		t.Rollback(ctx) // it may be over already; the error is what matters
		return err
	}
	return t.Commit(ctx)
}

// Begin begins a transaction nested in this one: a savepoint.
func (t *Tx) Begin(ctx context.Context) (*Tx, error) {
	nested := &Tx{lease: t.lease, parent: t, depth: t.depth + 1}
	if _, err := t.Exec(ctx, "savepoint "+nested.savepoint()); err != nil {
		return nil, err
	}
	return nested, nil
}

func (t *Tx) savepoint() string { return fmt.Sprintf("statekeep_%d", t.depth) }

// Commit commits, or lets go of the savepoint. When it fails everything since the beginning is undone, but for
// ErrUnknown of the transaction itself, which leaves that open.
func (t *Tx) Commit(ctx context.Context) error {
	if err := t.end(); err != nil {
		return err
	}
	if t.parent != nil {
		_, err := t.lease.Exec(ctx, "release savepoint "+t.savepoint())
		if err != nil {
			t.undo()
		}
		return err
	}
	rows, err := t.lease.Query(ctx, "commit")
	t.lease.Return()
	if err == nil && rows.Command == "ROLLBACK" {
		err = &Error{Status: Invalid, Op: "sql.query", Code: "25P02", Message: "a statement had failed, so the transaction was rolled back"}
	}
	return err
}

// Rollback undoes everything since the beginning. It needs no context that is still good; for a Tx that is over it is
// ErrInvalid and has no effect, so that it may be deferred.
func (t *Tx) Rollback(ctx context.Context) error {
	if err := t.end(); err != nil {
		return err
	}
	if t.parent != nil {
		return t.undo()
	}
	defer t.lease.Return() // which rolls back by itself, but is not waited for
	if ctx.Err() != nil {
		return nil
	}
	_, err := t.lease.Exec(ctx, "rollback")
	return err
}

// undo rolls back to the savepoint, whatever became of the caller's context: the outer transaction goes on.
func (t *Tx) undo() error {
	name := t.savepoint()
	_, err := t.lease.Exec(context.Background(), "rollback to savepoint "+name+"; release savepoint "+name)
	return err
}

var errOver = &Error{Status: Invalid, Op: "sql.query", Message: "the transaction is over"}

func (t *Tx) end() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.over {
		return errOver
	}
	t.over = true
	return nil
}

// check gives an error when the transaction, or one around it, is over: its lease may be somebody else's.
func (t *Tx) check() error {
	for ; t != nil; t = t.parent {
		t.mu.Lock()
		over := t.over
		t.mu.Unlock()
		if over {
			return errOver
		}
	}
	return nil
}

// Query runs a statement in the transaction; see Querier. A statement that fails leaves nothing to do but Rollback, of
// this transaction or of one around it.
func (t *Tx) Query(ctx context.Context, sql string, args ...any) (*Rows, error) {
	if err := t.check(); err != nil {
		return nil, err
	}
	return t.lease.Query(ctx, sql, args...)
}

// QueryRow is Query for one row.
func (t *Tx) QueryRow(ctx context.Context, sql string, args ...any) *Row {
	return firstRow(t.Query(ctx, sql, args...))
}

// Exec is Query for the number of rows.
func (t *Tx) Exec(ctx context.Context, sql string, args ...any) (int64, error) {
	return rowCount(t.Query(ctx, sql, args...))
}
