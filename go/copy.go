//go:build cgo

package statekeep

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"runtime"
)

// copyPiece is how many bytes are given to the engine at a time.
const copyPiece = 64 << 10

// CopyFrom runs "copy … from stdin" with all that reader gives, in the statement's format, and gives the number of rows.
// When reader fails nothing is copied; the error, of SQLSTATE 57014, wraps reader's.
func (l *Lease) CopyFrom(ctx context.Context, sql string, reader io.Reader) (int64, error) {
	if err := l.startCopy(ctx, sql, "in"); err != nil {
		return 0, err
	}
	piece := make([]byte, copyPiece)
	for {
		size, end := reader.Read(piece)
		if size > 0 {
			if _, err := l.copyCall(ctx, requestCopyIn, piece[:size]); err != nil {
				return 0, l.breakCopyIn(err)
			}
		}
		if end == io.EOF {
			break
		}
		if end != nil {
			return 0, l.breakCopyIn(end)
		}
	}
	result, err := l.copyCall(ctx, requestCopyIn, nil)
	if err != nil {
		return 0, l.breakCopyIn(err)
	}
	return rowCount(newRows(result))
}

// CopyTo runs "copy … to stdout", writes what comes to writer as it comes, and gives the number of bytes. When writer
// fails its error is given, and the rest is not asked for.
func (l *Lease) CopyTo(ctx context.Context, sql string, writer io.Writer) (int64, error) {
	if err := l.startCopy(ctx, sql, "out"); err != nil {
		return 0, err
	}
	var written int64
	for {
		piece, err := l.copyCall(ctx, requestCopyOut, nil)
		if err != nil || len(piece) == 0 {
			return written, err
		}
		size, err := writer.Write(piece)
		written += int64(size)
		if err != nil {
			return written, err // the next statement, or the lease's return, breaks the copy off
		}
	}
}

// startCopy runs the statement, which must be a COPY in the direction.
func (l *Lease) startCopy(ctx context.Context, sql, direction string) error {
	defer runtime.KeepAlive(l)
	c := l.store.newRequest(requestQuery, l.id)
	c.addText(sql)
	result, err := l.store.run(ctx, c)
	if err != nil {
		return err
	}
	var began struct{ Copy string }
	err = json.Unmarshal(result, &began)
	l.store.pool.Put(c)
	switch {
	case err != nil:
		return &Error{Status: Internal, Op: "sql.query", Message: "unreadable answer of the core: " + err.Error()}
	case began.Copy == direction:
		return nil
	case began.Copy == "in":
		l.breakCopyIn(errDirection)
	}
	return errDirection
}

var errDirection = &Error{Status: Invalid, Op: "sql.query", Message: "the statement is no copy in this direction"}

// copyCall gives or takes a piece; the result is the caller's.
func (l *Lease) copyCall(ctx context.Context, request int, piece []byte) ([]byte, error) {
	defer runtime.KeepAlive(l)
	c := l.store.newRequest(request, l.id)
	c.addBytes(piece)
	result, err := l.store.run(ctx, c)
	if err != nil {
		return nil, err
	}
	c.result = nil // goes with the piece
	l.store.pool.Put(c)
	return result, nil
}

// breakCopyIn ends a copy as failed for a reason, which it gives as the server puts it; an error of the server itself has
// ended the copy already. It does not go by the caller's context, which may be the reason.
func (l *Lease) breakCopyIn(reason error) error {
	_, err := l.copyCall(context.Background(), requestCopyFail, []byte(reason.Error()))
	var told *Error
	if own := (*Error)(nil); errors.As(reason, &own) || !errors.As(err, &told) {
		return reason
	}
	told.cause = reason
	return told
}

// CopyFrom is Lease.CopyFrom in the transaction.
func (t *Tx) CopyFrom(ctx context.Context, sql string, reader io.Reader) (int64, error) {
	if err := t.check(); err != nil {
		return 0, err
	}
	return t.lease.CopyFrom(ctx, sql, reader)
}

// CopyTo is Lease.CopyTo in the transaction.
func (t *Tx) CopyTo(ctx context.Context, sql string, writer io.Writer) (int64, error) {
	if err := t.check(); err != nil {
		return 0, err
	}
	return t.lease.CopyTo(ctx, sql, writer)
}

// CopyFrom is Lease.CopyFrom on a lease of its own: all rows are copied, or none.
func (s *Store) CopyFrom(ctx context.Context, sql string, reader io.Reader) (int64, error) {
	lease, err := s.Lease(ctx)
	if err != nil {
		return 0, err
	}
	defer lease.Return()
	return lease.CopyFrom(ctx, sql, reader)
}

// CopyTo is Lease.CopyTo on a lease of its own.
func (s *Store) CopyTo(ctx context.Context, sql string, writer io.Writer) (int64, error) {
	lease, err := s.Lease(ctx)
	if err != nil {
		return 0, err
	}
	defer lease.Return()
	return lease.CopyTo(ctx, sql, writer)
}
