//go:build cgo

package statekeep

import (
	"context"
	"fmt"
)

// Stream reads a large result piece by piece, by a cursor at the server, so that memory holds one piece of it:
//
//	stream, err := store.Stream(ctx, "select id, body from documents")
//	if err != nil { … }
//	defer stream.Close()
//	for stream.Next() {
//		err := stream.Scan(&id, &body)
//	}
//	err = stream.Err()
//
// It is for one goroutine at a time.
type Stream struct {
	ctx  context.Context
	tx   *Tx
	owns bool // the transaction was begun for the stream
	name string

	rows *Rows // the piece at hand
	row  int   // the row of it that Next was called for
	want int   // rows of the next piece
	last bool  // the cursor has no more
	over bool
	err  error
}

const (
	streamFirst = 64        // rows of the first piece, whose size is not known
	streamMost  = 10_000    // rows of a piece
	streamBytes = 256 << 10 // about this many of the server's text a piece, or one row
)

// Stream runs a query in a transaction of its own, which Close ends.
func (s *Store) Stream(ctx context.Context, query string, args ...any) (*Stream, error) {
	tx, err := s.Begin(ctx)
	if err != nil {
		return nil, err
	}
	stream, err := tx.Stream(ctx, query, args...)
	if err != nil {
		tx.Rollback(ctx)
		return nil, err
	}
	stream.owns = true
	return stream, nil
}

// Stream runs a query in the transaction. Other statements may run, and other streams be read, between its rows.
func (t *Tx) Stream(ctx context.Context, query string, args ...any) (*Stream, error) {
	root := t
	for root.parent != nil {
		root = root.parent
	}
	root.mu.Lock()
	root.streams++
	name := fmt.Sprintf("statekeep_%d", root.streams)
	root.mu.Unlock()
	if _, err := t.Exec(ctx, "declare "+name+" no scroll cursor for "+query, args...); err != nil {
		return nil, err
	}
	return &Stream{ctx: ctx, tx: t, name: name, want: streamFirst, row: -1}, nil
}

// Next goes to the next row and says whether there is one; false also after a failure, which Err tells.
func (s *Stream) Next() bool {
	if s.over || s.err != nil {
		return false
	}
	if s.row++; s.rows != nil && s.row < s.rows.Len() {
		return true
	}
	if s.last {
		s.finish()
		return false
	}
	s.rows, s.err = s.tx.Query(s.ctx, fmt.Sprintf("fetch forward %d from %s", s.want, s.name))
	if s.err != nil {
		s.finish()
		return false
	}
	s.row = 0
	s.last = s.rows.Len() < s.want
	if s.rows.Len() == 0 {
		s.finish()
		return false
	}
	s.want = s.rows.nextPiece()
	return true
}

// nextPiece is how many rows like these make a piece.
func (r *Rows) nextPiece() int {
	size := 0
	for _, cells := range r.cells {
		for _, cell := range cells {
			if text, is := cell.(string); is {
				size += len(text)
			}
			size += 8
		}
	}
	rows := streamBytes * r.Len() / (size + 1)
	switch {
	case rows < 1:
		return 1
	case rows > streamMost:
		return streamMost
	}
	return rows
}

// Scan is Rows.Scan for the row.
func (s *Stream) Scan(dst ...any) error {
	if err := s.onRow(); err != nil {
		return err
	}
	return s.rows.Scan(s.row, dst...)
}

// Map is Rows.Map for the row.
func (s *Stream) Map() (map[string]any, error) {
	if err := s.onRow(); err != nil {
		return nil, err
	}
	return s.rows.Map(s.row), nil
}

func (s *Stream) onRow() error {
	if s.over || s.rows == nil || s.row < 0 || s.row >= s.rows.Len() {
		return scanError("the stream is not on a row")
	}
	return nil
}

// Err is why Next gave false before the end of the result.
func (s *Stream) Err() error { return s.err }

// Close ends the stream before its end; after it, it does nothing.
func (s *Stream) Close() error {
	s.finish()
	return nil
}

func (s *Stream) finish() {
	if s.over {
		return
	}
	s.over = true
	s.rows = nil
	if s.owns {
		if s.err == nil && s.last {
			s.err = s.tx.Commit(s.ctx)
		} else {
			s.tx.Rollback(s.ctx)
		}
	} else if s.err == nil {
		s.tx.Exec(s.ctx, "close "+s.name) // fails only with the transaction, which ends the cursor, too
	}
}
