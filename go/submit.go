//go:build cgo

package statekeep

import (
	"context"
	"math"
	"time"
)

// run submits the call and waits for its outcome. The result is the call's memory, good until the call goes back to the
// pool, which the caller does after reading it; when there is an error the call is gone already.
func (s *Store) run(ctx context.Context, c *call) ([]byte, error) {
	ticket, err := s.submit(ctx, c)
	if err != nil {
		return nil, err
	}
	if s.lead(ctx, c, ticket) {
		<-c.done
		return s.outcome(ctx, c)
	}
	select {
	case <-c.done:
		return s.outcome(ctx, c)
	case <-ctx.Done():
		return s.letGo(ctx, c, ticket)
	}
}

func (s *Store) outcome(ctx context.Context, c *call) ([]byte, error) {
	if c.status == statusOK {
		return c.result, nil
	}
	err := newError(c.op.Name, c.result)
	if err.Status == Cancelled {
		err = endedByContext(c.op.Name, ctx.Err())
	}
	s.pool.Put(c)
	return nil, err
}

// deadlineGrace is how long a caller whose deadline has passed waits for the engine, which ends the call by the same
// deadline and alone knows whether it was sent.
const deadlineGrace = 10 * time.Millisecond

// stopGrace is deadlineGrace for SQL of the caller's own: the engine gives the server 250 ms to say that it stopped the
// statement, so that nothing happened.
const stopGrace = 300 * time.Millisecond

func (c *call) grace() time.Duration {
	if c.request == requestNone {
		return deadlineGrace
	}
	return stopGrace
}

// letGo ends a call whose context is over. The engine still delivers it, to nobody.
func (s *Store) letGo(ctx context.Context, c *call, ticket uint64) ([]byte, error) {
	var grace time.Duration
	if ctx.Err() == context.DeadlineExceeded {
		grace = c.grace()
	}
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-c.done:
		return s.outcome(ctx, c)
	case <-timer.C:
	}
	op := c.op.Name // the call is the engine's from here on
	isLease := c.request == requestLease
	s.cancel(ticket)
	if isLease { // it may have been granted meanwhile, and must not be lost
		s.collect()
		<-c.done
		return s.outcome(ctx, c)
	}
	return nil, endedByContext(op, ctx.Err())
}

func (s *Store) cancel(ticket uint64) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.engine != nil {
		s.engine.cancel(ticket)
	}
}

// endedByContext is the error of a call that was cancelled while the engine had it.
func endedByContext(op string, err error) *Error {
	if err == context.DeadlineExceeded {
		return &Error{Status: Unknown, Op: op, Message: "no answer before the deadline", Reason: "deadline"}
	}
	return contextError(op, context.Canceled)
}

// submit hands the call to the engine, or waits in line while the engine's queue is full. When it fails the call went
// back to the pool.
func (s *Store) submit(ctx context.Context, c *call) (uint64, error) {
	if err := ctx.Err(); err != nil {
		op := c.op.Name
		s.pool.Put(c)
		return 0, contextError(op, err)
	}
	if s.waiting.Load() == 0 || c.lease != 0 { // for a lease the engine keeps a place, and those in line may wait for its holder
		if ticket, full := s.trySubmit(ctx, c); !full {
			return ticket, nil
		}
	}
	ticket, err := s.submitInTurn(ctx, c)
	if err != nil {
		s.pool.Put(c)
	}
	return ticket, err
}

// submitInTurn waits for room in the queue behind those who came before: blocked senders on a channel are served in
// the order they came, and the one whose value is in `turn` is the head of the line.
func (s *Store) submitInTurn(ctx context.Context, c *call) (uint64, error) {
	s.waiting.Add(1)
	defer s.waiting.Add(-1)
	if _, has := ctx.Deadline(); !has && s.deadline > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, s.deadline)
		defer cancel()
	}
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
	case <-ctx.Done():
		return 0, contextError(c.op.Name, ctx.Err())
	}
	for {
		ticket, full := s.trySubmit(ctx, c)
		if !full {
			return ticket, nil
		}
		s.collect() // gives back the tickets of calls that were delivered last
		select {
		case <-s.freed:
		case <-s.closing:
			return 0, &Error{Status: Closed, Op: c.op.Name, Message: "the store is closed"}
		case <-ctx.Done():
			return 0, contextError(c.op.Name, ctx.Err())
		}
	}
}

// trySubmit submits once; full says that the queue had no room and the call may be submitted again.
func (s *Store) trySubmit(ctx context.Context, c *call) (ticket uint64, full bool) {
	s.mu.RLock()
	if s.engine == nil {
		s.mu.RUnlock()
		c.finish(statusClosed, []byte(`{"status":"CLOSED","message":"the store is closed"}`))
		return 0, false
	}
	s.submitted.Add(1)
	s.pending.Add(1)
	submitted := s.engine.submit(c, s.deadlineMS(ctx, c.endless))
	slot := int(uint32(submitted.ticket))
	if slot >= len(s.calls) { // a shared ticket: it is finished, and nobody delivers it
		s.pending.Add(-1)
		full = submitted.status == statusFull
		if !full {
			c.finish(submitted.status, submitted.result)
		}
		s.mu.RUnlock()
		return submitted.ticket, full
	}
	s.calls[slot].Store(c)
	s.mu.RUnlock()
	if submitted.status != statusPending {
		s.collect() // finished while it was submitted
	}
	return submitted.ticket, false
}

// deadlineMS gives the call's time as the engine takes it: 0 the store's own, negative none.
func (s *Store) deadlineMS(ctx context.Context, endless bool) int {
	deadline, has := ctx.Deadline()
	if !has {
		if s.deadline < 0 || endless {
			return -1
		}
		return 0
	}
	left := milliseconds(time.Until(deadline))
	if left < 1 {
		return 1
	}
	if left > math.MaxInt32 {
		return math.MaxInt32
	}
	return int(left)
}

func (c *call) finish(status int, result []byte) {
	c.status = status
	c.result = append(c.result[:0], result...)
	c.done <- struct{}{}
}
