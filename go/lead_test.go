package statekeep

import (
	"context"
	"errors"
	"math/rand"
	"testing"
	"time"
)

// Calls that lead for themselves, calls that are led, and idle times in between: none may be left without a leader.
func TestLeadPassesOn(t *testing.T) {
	store := openTest(t, Options{})
	each(3, func(caller int) {
		random := rand.New(rand.NewSource(int64(caller)))
		for turn := 0; turn < 300; turn++ {
			ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
			if err := store.Ping(ctx); err != nil {
				t.Errorf("caller %d: %v", caller, err)
			}
			cancel()
			if random.Intn(20) == 0 {
				time.Sleep(time.Duration(random.Intn(25)) * time.Millisecond)
			}
		}
	})
}

// A call that is refused at once and one that leads for itself, whose answer comes at the same time.
func TestRefusedCallLeavesTheLeaderItsAnswer(t *testing.T) {
	ctx := context.Background()
	store := openTest(t, Options{})
	for round := 0; round < 5000; round++ {
		answered, refused := make(chan error, 1), make(chan error, 1)
		go func() { answered <- store.Ping(ctx) }()
		wait := time.Duration(round%400) * time.Microsecond
		go func() {
			for begun := time.Now(); time.Since(begun) < wait; {
			}
			refused <- store.State().Save(ctx, "", "session", "{}")
		}()
		if err := <-refused; !errors.Is(err, ErrInvalid) {
			t.Fatal(err)
		}
		select {
		case err := <-answered:
			must(t, err)
		case <-time.After(20 * time.Second):
			t.Fatalf("round %d: the answer was taken in, and its caller sleeps on", round)
		}
	}
}

// The engine keeps a place of its queue for a lease, and whoever waits in line may have it then.
func TestReturnedLeaseIsToldToTheLine(t *testing.T) {
	store := openSQL(t, Options{Queue: 2})
	lease, err := store.Lease(context.Background())
	must(t, err)
	store.collect() // gives back the lease's own ticket
	select {
	case <-store.freed:
	default:
	}
	lease.Return()
	if len(store.freed) == 0 {
		t.Error("nobody is told")
	}
}
