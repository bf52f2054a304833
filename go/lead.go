//go:build cgo

package statekeep

import (
	"context"
	"time"
)

// Whoever leads waits on the engine's descriptor and delivers what is finished to all. A call that is alone leads for
// itself: it sleeps in the runtime's poller as a plain read would, and no other goroutine has to be woken for it. When
// several calls are under way, and when there are none for a while, the store's own goroutine leads.

// idleAfter is how long the lead may be vacant between calls that lead for themselves. What happens to a link meanwhile
// the engine sees when it sends the next call.
const idleAfter = 10 * time.Millisecond

// lead waits for the call's outcome in the poller when nobody else leads and the call is alone. It gives false when the
// caller has to wait elsewhere.
func (s *Store) lead(ctx context.Context, c *call, ticket uint64) bool {
	if len(c.done) > 0 {
		return true
	}
	if s.pending.Load() != 1 || s.leading.Load() {
		s.needLeader()
		return false
	}
	grace := c.grace() // the call may be another one's by then
	stop, ok := onDone(ctx, func() {
		if ctx.Err() == context.DeadlineExceeded {
			time.Sleep(grace)
		}
		s.cancel(ticket) // which makes the descriptor readable
	})
	if ok && s.leading.CompareAndSwap(false, true) {
		c.waited = false
		s.raw.Read(c.delivered)
		s.leading.Store(false)
	} else {
		ok = false
	}
	stop()
	s.needLeader()
	return ok
}

// needLeader wakes the store's goroutine when calls are under way and nobody leads. Every change to either is followed
// by a look at both, so that no call is left without a leader.
func (s *Store) needLeader() {
	if s.pending.Load() > 0 && !s.leading.Load() {
		select {
		case s.vacant <- struct{}{}:
		default:
		}
	}
}

// watch is the store's goroutine.
func (s *Store) watch() {
	defer close(s.stopped)
	tick := time.NewTimer(0)
	defer tick.Stop()
	var seen uint64
	for {
		select {
		case <-s.stop:
			return
		case <-s.vacant:
		case <-tick.C:
			submitted := s.submitted.Load()
			if busy := submitted != seen; busy {
				seen = submitted
				tick.Reset(idleAfter)
				continue
			}
		}
		if !s.leading.CompareAndSwap(false, true) {
			tick.Reset(idleAfter)
			continue
		}
		s.raw.Read(func(uintptr) bool { return s.step(nil) > 0 && s.pending.Load() == 0 })
		s.leading.Store(false)
		s.needLeader()
		if !tick.Stop() {
			select {
			case <-tick.C:
			default:
			}
		}
		tick.Reset(idleAfter)
	}
}

// step is drain for whoever the poller has woken. Every wake-up may mean room, without a ticket to tell of it: a call that was
// given up keeps its place until the server has answered.
func (s *Store) step(until *call) int {
	count := s.drain(until)
	if s.waiting.Load() > 0 {
		s.signalFreed()
	}
	return count
}

// drain steps the engine until it has nothing to do, or until the call, if one is given, is finished. It wakes those
// whose calls are finished, and gives their number. Only who leads may step: the poller tells of the descriptor once, when
// it becomes readable, and looks again before it wakes the leader, which would sleep on when another one had the events.
func (s *Store) drain(until *call) int {
	s.drainMu.Lock()
	defer s.drainMu.Unlock()
	count := 0
	for s.engine != nil {
		gaveBack := s.engine.held > 0
		s.engine.drain(s.deliver)
		count += int(s.engine.held)
		if gaveBack {
			s.signalFreed()
		}
		if until != nil && len(until.done) > 0 || !s.engine.more() {
			break
		}
	}
	return count
}

// collect is drain for who does not lead: it wakes those whose calls are finished, and gives back the tickets of calls
// that were delivered before, but leaves the events to the leader.
func (s *Store) collect() {
	s.drainMu.Lock()
	defer s.drainMu.Unlock()
	for more := s.engine != nil; more; more = s.engine.full() {
		gaveBack := s.engine.held > 0
		s.engine.collect(s.deliver)
		if gaveBack {
			s.signalFreed()
		}
	}
}

// readable says whether a drain has something to do.
func (s *Store) readable() bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.engine != nil && s.engine.readable()
}

// deliver gives a finished call to the goroutine that waits for it, or to nobody when that one let go.
func (s *Store) deliver(done finished) {
	slot := &s.calls[uint32(done.ticket)]
	c := slot.Swap(nil)
	if c == nil {
		// Its submitter is between the engine and the table; it holds mu for reading until the call is in it.
		s.mu.Lock()
		s.mu.Unlock() //lint:ignore SA2001 a barrier
		c = slot.Swap(nil)
	}
	s.pending.Add(-1)
	c.finish(done.status, done.result)
}

func (s *Store) signalFreed() {
	select {
	case s.freed <- struct{}{}:
	default:
	}
}
