package statekeep

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand"
	"net"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

type numbers struct {
	Opened int `json:"opened"`
	Lost   int `json:"lost"`
}

func connectionNumbers(t *testing.T, store *Store) numbers {
	t.Helper()
	raw, err := store.Stats(context.Background())
	must(t, err)
	var stats struct{ Connections numbers }
	must(t, json.Unmarshal(raw, &stats))
	return stats.Connections
}

func TestCallersOfOneStoreGetTheirOwnAnswers(t *testing.T) {
	ctx := context.Background()
	state := openTest(t, Options{}).State()
	each(200, func(caller int) {
		for turn := 0; turn < 5; turn++ {
			session := fmt.Sprintf("%d-%d", caller, turn)
			if err := state.Save(ctx, "agent", session, map[string]string{"is": session}); err != nil {
				t.Errorf("save %s: %v", session, err)
			}
			var loaded struct{ Is string }
			if found, err := state.Load(ctx, "agent", session, &loaded); err != nil || !found || loaded.Is != session {
				t.Errorf("load %s: %+v, found %v, error %v", session, loaded, found, err)
			}
		}
	})
}

// each runs work in so many goroutines and waits for all.
func each(count int, work func(number int)) {
	var group sync.WaitGroup
	for number := 0; number < count; number++ {
		group.Add(1)
		go func(number int) {
			defer group.Done()
			work(number)
		}(number)
	}
	group.Wait()
}

func TestCancellingAtRandomLosesNobody(t *testing.T) {
	store := openTest(t, Options{})
	state := store.State()
	const keys = 50
	for key := 0; key < keys; key++ {
		must(t, state.Save(context.Background(), "agent", fmt.Sprint(key), map[string]int{"is": key}))
	}
	before := connectionNumbers(t, store)
	var cancelled, answered atomic.Int64
	work := func(caller int, most time.Duration) {
		random := rand.New(rand.NewSource(int64(caller)))
		ctx, cancel := context.WithCancel(context.Background())
		timer := time.AfterFunc(time.Duration(random.Int63n(int64(most))), cancel)
		defer timer.Stop()
		defer cancel()
		key := random.Intn(keys)
		var loaded struct{ Is int }
		var err error
		if caller%2 == 0 {
			loaded.Is = key
			err = state.Save(ctx, "agent", fmt.Sprint(key), loaded)
		} else {
			_, err = state.Load(ctx, "agent", fmt.Sprint(key), &loaded)
		}
		switch {
		case err == nil && loaded.Is == key:
			answered.Add(1)
		case errors.Is(err, context.Canceled) && errors.Is(err, ErrCancelled):
			cancelled.Add(1)
		default:
			t.Errorf("caller %d asked for %d: %+v, error %v", caller, key, loaded, err)
		}
	}
	// How long an answer takes is the machine's affair.
	for most := 20 * time.Millisecond; cancelled.Load() == 0 || answered.Load() == 0; most *= 2 {
		if most > time.Minute {
			t.Fatalf("%d cancelled, %d answered", cancelled.Load(), answered.Load())
		}
		each(1000, func(caller int) { work(caller, most) })
	}
	must(t, store.Ping(context.Background()))
	if after := connectionNumbers(t, store); after.Lost != before.Lost || after.Opened > 4 {
		t.Errorf("connections %+v became %+v", before, after)
	}
}

func TestLoneCallIsCancelledAtOnce(t *testing.T) {
	store := openSilent(t, Options{})
	ctx, cancel := context.WithCancel(context.Background())
	time.AfterFunc(20*time.Millisecond, cancel)
	start := time.Now()
	_, err := store.Call(ctx, "state.load", "agent", "session")
	if took := time.Since(start); !errors.Is(err, context.Canceled) || took > 15*time.Second {
		t.Errorf("after %v: %v", took, err)
	}
}

func TestDeadlineOfTheContextIsTheCalls(t *testing.T) {
	store := openSilent(t, Options{})
	for _, callers := range []int{1, 10} {
		each(callers, func(int) {
			start := time.Now()
			ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
			defer cancel()
			_, err := store.Call(ctx, "state.load", "agent", "session")
			took := time.Since(start)
			if !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, ErrDeadline) {
				t.Errorf("%v", err)
			}
			if took < 50*time.Millisecond || took > 15*time.Second {
				t.Errorf("took %v", took)
			}
		})
	}
}

func TestContextThatIsOverSendsNothing(t *testing.T) {
	store := openTest(t, Options{})
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := store.State().Save(ctx, "agent", "session", "{}"); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	if found, err := store.State().Load(context.Background(), "agent", "session", new(any)); found || err != nil {
		t.Errorf("found %v, error %v", found, err)
	}
}

// openSilent opens a store on a server that takes connections and never answers.
func openSilent(t *testing.T, options Options) *Store {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	t.Cleanup(func() { listener.Close() })
	address := listener.Addr().(*net.TCPAddr)
	dsn := fmt.Sprintf("host=127.0.0.1 port=%d user=nobody dbname=none sslmode=disable", address.Port)
	options.ConnectTimeout = time.Minute
	store, err := Open(context.Background(), dsn, options)
	must(t, err)
	t.Cleanup(func() { store.Close() })
	return store
}

func TestFullQueueMakesCallsWaitInOrder(t *testing.T) {
	ctx := context.Background()
	store := openTest(t, Options{Queue: 1, Connections: 1})
	store.turn <- struct{}{} // stand at the head of the line while the others join it
	store.waiting.Add(1)
	const callers = 20
	var group sync.WaitGroup
	for caller := 0; caller < callers; caller++ {
		group.Add(1)
		go func(caller int) {
			defer group.Done()
			if err := store.State().Save(ctx, "agent", fmt.Sprintf("%02d", caller), "{}"); err != nil {
				t.Errorf("caller %d: %v", caller, err)
			}
		}(caller)
		for inLine() != caller+1 {
			time.Sleep(time.Millisecond)
		}
	}
	store.waiting.Add(-1)
	<-store.turn
	group.Wait()
	sessions, err := store.State().List(ctx, "agent", 0, 0)
	must(t, err)
	for place, session := range sessions {
		if session != fmt.Sprintf("%02d", callers-1-place) {
			t.Fatalf("saved in the order %v, read from the end", sessions)
		}
	}
	if len(sessions) != callers {
		t.Errorf("%d of %d saved", len(sessions), callers)
	}
}

// inLine is how many goroutines sleep in wait for room in a queue, which is more than to be counted as waiting.
func inLine() int {
	stacks := make([]byte, 1<<20)
	stacks = stacks[:runtime.Stack(stacks, true)]
	count := 0
	for _, stack := range strings.Split(string(stacks), "\n\n") {
		state, calls, _ := strings.Cut(stack, "\n")
		if strings.Contains(state, "[select") && strings.Contains(calls, ".submitInTurn(") {
			count++
		}
	}
	return count
}

func TestSmallQueueServesManyCallers(t *testing.T) {
	ctx := context.Background()
	store := openTest(t, Options{Queue: 8})
	each(200, func(caller int) {
		if err := store.State().Save(ctx, "agent", fmt.Sprint(caller), "{}"); err != nil {
			t.Errorf("caller %d: %v", caller, err)
		}
	})
	if count, err := store.State().Count(ctx); count != 200 || err != nil {
		t.Errorf("%d saved, error %v", count, err)
	}
}

func TestWaiterForTheQueueEndsByItsContextOrWithTheStore(t *testing.T) {
	store := openSilent(t, Options{Queue: 1})
	failures := make(chan error, 2)
	call := func(ctx context.Context) {
		_, err := store.Call(ctx, "state.load", "agent", "session")
		failures <- err
	}
	go call(context.Background())
	for store.pending.Load() == 0 {
		runtime.Gosched()
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Millisecond)
	defer cancel()
	call(ctx)
	if err := <-failures; !errors.Is(err, ErrDeadline) {
		t.Errorf("a waiter past its deadline: %v", err)
	}
	go call(context.Background())
	for store.waiting.Load() == 0 {
		runtime.Gosched()
	}
	store.Close()
	for range []int{1, 2} {
		if err := <-failures; !errors.Is(err, ErrClosed) {
			t.Errorf("a call that the store's end finds: %v", err)
		}
	}
}

func TestCloseLeavesNothingBehind(t *testing.T) {
	ctx := context.Background()
	before := runtime.NumGoroutine()
	store := openTest(t, Options{})
	var group sync.WaitGroup
	for caller := 0; caller < 100; caller++ {
		group.Add(1)
		go func(caller int) {
			defer group.Done()
			for {
				err := store.State().Save(ctx, "agent", fmt.Sprint(caller), "{}")
				if errors.Is(err, ErrClosed) {
					return
				}
				if err != nil {
					t.Errorf("caller %d: %v", caller, err)
					return
				}
			}
		}(caller)
	}
	time.Sleep(20 * time.Millisecond)
	for range []int{1, 2} {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	}
	group.Wait()
	if _, err := store.Call(ctx, "state.count"); !errors.Is(err, ErrClosed) {
		t.Errorf("a call after Close: %v", err)
	}
	for tries := 0; runtime.NumGoroutine() > before; tries++ {
		if tries == 1000 {
			t.Fatalf("%d goroutines before, %d after", before, runtime.NumGoroutine())
		}
		time.Sleep(10 * time.Millisecond)
	}
}
