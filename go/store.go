//go:build cgo

// Package statekeep keeps what software agents must remember in PostgreSQL. Calls of many goroutines travel together:
// one statement, one round trip, one commit for all that wait at the same time.
//
//	store, err := statekeep.Open(ctx, "embedded:", statekeep.Options{})
//	if err != nil { … }
//	defer store.Close()
//	err = store.State().Save(ctx, "agent", "session", map[string]any{"step": 1})
//
// It is the C core under cgo: building needs a C compiler, libpq and cJSON. Programs that use it must not fork without
// exec, which Go programs never do.
package statekeep

import (
	"context"
	"encoding/json"
	"log"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// Options tune a store. The zero value of each field means the default.
type Options struct {
	// Connections is the most server connections, 1 to 128, opened on demand. Default 4, or pool_max_conns of the DSN.
	Connections int
	// Tables gives other names to tables: {"agent_states": `app."My States"`}. Unquoted names fold to lower case.
	Tables map[string]string
	// Deadline bounds calls whose context has no deadline. Default 30 s; negative: none.
	Deadline time.Duration
	// ConnectTimeout is how long calls wait for an unreachable server. Default 5 s.
	ConnectTimeout time.Duration
	// LockTimeout is how long a batch waits for a row another session has locked before its calls are sent apart.
	// Default 200 ms.
	LockTimeout time.Duration
	// QueueTimeout is how long a call may wait for a free connection; then it fails with ErrDeadline and Reason "queue".
	// Default: as long as its deadline lets it.
	QueueTimeout time.Duration
	// Queue is the most calls held at once; past it, calls wait in the order they came. Default 16384.
	Queue int
	// QueueBytes is the most bytes of arguments held at once, with the same consequence. Default 256 MiB.
	QueueBytes int
	// Batch is the most calls in one statement. Default 256.
	Batch int
	// BatchBytes is the most argument bytes in one statement; one larger call travels alone. Default 1 MiB.
	BatchBytes int
	// ArgumentBytes is the most bytes in one argument. Default 64 MiB.
	ArgumentBytes int
	// LeaseIdle is how long a lease may lie unused before the engine takes it back. Default 10 min; negative: for ever.
	LeaseIdle time.Duration
	// Leaked is told of a lease that was never returned and that the garbage collector found, and where it was taken:
	// "main.go:123". Default: a line on the standard log.
	Leaked func(takenAt string)
}

const queueDefault = 16384

// json gives the options as the core takes them: only what was set, but always the queue, which sizes our own table.
func (o Options) json() string {
	set := map[string]any{"queue": o.queue()}
	for name, value := range map[string]int{
		"connections":    o.Connections,
		"deadline_ms":    int(milliseconds(o.Deadline)),
		"connect_ms":     int(milliseconds(o.ConnectTimeout)),
		"lock_ms":        int(milliseconds(o.LockTimeout)),
		"queue_ms":       int(milliseconds(o.QueueTimeout)),
		"queue_bytes":    o.QueueBytes,
		"batch":          o.Batch,
		"batch_bytes":    o.BatchBytes,
		"argument_bytes": o.ArgumentBytes,
		"lease_idle_ms":  int(milliseconds(o.LeaseIdle)),
	} {
		if value != 0 {
			set[name] = value
		}
	}
	if o.Deadline < 0 {
		set["deadline_ms"] = 0
	}
	if o.LeaseIdle < 0 {
		set["lease_idle_ms"] = 0
	}
	if len(o.Tables) > 0 {
		set["tables"] = o.Tables
	}
	text, _ := json.Marshal(set) // numbers and strings only: it cannot fail
	return string(text)
}

func (o Options) queue() int {
	if o.Queue == 0 {
		return queueDefault
	}
	return o.Queue
}

// Store is a store and its few server connections. All methods may be called from any goroutine.
type Store struct {
	mu      sync.RWMutex // readers submit and cancel; the writer frees the engine
	drainMu sync.Mutex   // held while finished calls are collected; taken before mu
	engine  *engine      // nil once freed; read under mu or drainMu, written under both

	calls    []atomic.Pointer[call] // by slot: the call that waits for its ticket
	deadline time.Duration          // of calls whose context has none; 0: none
	leaked   func(takenAt string)
	pool     sync.Pool // of *call

	pending   atomic.Int64  // calls submitted and not delivered
	submitted atomic.Uint64 // calls ever submitted
	leading   atomic.Bool   // somebody waits on the descriptor
	vacant    chan struct{} // says that somebody should
	raw       syscall.RawConn

	turn    chan struct{} // the place at the head of those who wait for room in the queue
	waiting atomic.Int32  // how many wait for it or have it
	freed   chan struct{} // says that tickets were given back

	file    *os.File      // the engine's descriptor on the runtime's poller
	closing chan struct{} // closed when Close begins
	stop    chan struct{} // closed when nobody may lead any more
	stopped chan struct{} // closed when the store's goroutine has ended
	once    sync.Once
	drainMS int // how long Close waits for calls that were sent
}

// Open opens a store on a DSN: a PostgreSQL URL or key=value words (also as pgx writes them, pool_max_conns included),
// "embedded:", "embedded:/directory" or "embedded:?temp=1" for a private server that needs no set-up, or "" for
// $STATEKEEP_DSN, then $DATABASE_URL, then "embedded:". It does not wait for the server, which is reached (and an
// embedded one started) while the first calls wait: Ping tells whether it is there. A DSN or an option that is wrong
// gives ErrInvalid, a context that is over its error.
func Open(ctx context.Context, dsn string, options Options) (*Store, error) {
	if err := ctx.Err(); err != nil {
		return nil, contextError("", err)
	}
	if strings.IndexByte(dsn, 0) >= 0 {
		return nil, &Error{Status: Invalid, Message: "the connection string holds a NUL"}
	}
	engine, err := openEngine(dsn, options.json())
	if err != nil {
		return nil, err
	}
	file, raw, err := engine.descriptor()
	if err != nil {
		engine.free()
		return nil, err
	}
	store := &Store{
		engine:   engine,
		calls:    make([]atomic.Pointer[call], options.queue()),
		deadline: options.Deadline,
		leaked:   options.Leaked,
		turn:     make(chan struct{}, 1),
		freed:    make(chan struct{}, 1),
		vacant:   make(chan struct{}, 1),
		raw:      raw,
		file:     file,
		closing:  make(chan struct{}),
		stop:     make(chan struct{}),
		stopped:  make(chan struct{}),
		drainMS:  5000,
	}
	if options.Deadline == 0 {
		store.deadline = 30 * time.Second
	}
	if options.Leaked == nil {
		store.leaked = func(takenAt string) { log.Printf("statekeep: the lease taken at %s was never returned", takenAt) }
	}
	store.pool.New = func() any { return store.makeCall() }
	go store.watch()
	return store, nil
}

// Close refuses new calls, waits at most 5 s for those that were sent, gives every pending call its outcome and ends
// the connections. Calls after it, and calls it finds unsent, fail with ErrClosed. Closing twice is harmless. It is
// always nil, so that Store is an io.Closer.
func (s *Store) Close() error {
	s.once.Do(func() {
		close(s.closing)
		s.mu.RLock()
		s.engine.close(s.drainMS)
		s.mu.RUnlock()
		close(s.stop)
		s.file.Close()
		<-s.stopped
		s.drainMu.Lock()
		defer s.drainMu.Unlock()
		s.mu.Lock()
		defer s.mu.Unlock()
		for more := true; more; more = s.engine.more() {
			s.engine.drain(s.deliver)
		}
		s.engine.free()
		s.engine = nil
	})
	return nil
}

// Call runs an operation by its name, with its arguments in the order of the reference page. A string, a []byte or a
// json.RawMessage is taken as it stands (for a JSON argument: as JSON text), nil is NULL, a time is written as RFC 3339;
// any other value is what encoding/json makes of it. The result is JSON: null, a value, an object or an array of them,
// as the reference page says; it belongs to the caller.
//
// The context's deadline is the call's. A call whose context is cancelled returns at once; what was sent already may
// take effect. When the queue is full a call waits for its turn.
func (s *Store) Call(ctx context.Context, op string, args ...any) (json.RawMessage, error) {
	c, err := s.newCall(op)
	if err != nil {
		return nil, err
	}
	for _, arg := range args {
		if err := c.add(arg); err != nil {
			s.pool.Put(c)
			return nil, err
		}
	}
	result, err := s.run(ctx, c)
	if err != nil {
		return nil, err
	}
	owned := append(json.RawMessage(nil), result...)
	s.pool.Put(c)
	return owned, nil
}

// callFor runs an operation and decodes its result.
func callFor[T any](ctx context.Context, s *Store, op string, args ...any) (T, error) {
	var value T
	raw, err := s.Call(ctx, op, args...)
	if err == nil {
		err = json.Unmarshal(raw, &value)
	}
	return value, err
}

// Ping asks the server for an answer.
func (s *Store) Ping(ctx context.Context) error {
	_, err := s.Call(ctx, "admin.ping")
	return err
}

// Setup makes the tables and indexes of the named stores ("state"), each where its table is not there yet. Several
// processes may do so at once, and a role with data rights only may where the tables exist.
func (s *Store) Setup(ctx context.Context, stores ...string) error {
	for _, name := range stores {
		if _, err := s.Call(ctx, name+".setup"); err != nil {
			return err
		}
	}
	return nil
}

// SetupSQL gives the SQL that a set-up operation ("state.setup") would run, with the table names filled in.
func (s *Store) SetupSQL(ctx context.Context, op string) (string, error) {
	return callFor[string](ctx, s, "admin.setup_sql", op)
}

// Stats gives the engine's counters as a JSON object: calls by outcome, queue wait, batch sizes, round trips,
// connections.
func (s *Store) Stats(ctx context.Context) (json.RawMessage, error) {
	return s.Call(ctx, "admin.stats")
}

// milliseconds rounds away from 0, so that a short time is not none and the core sees a negative one.
func milliseconds(d time.Duration) int64 {
	if d < 0 {
		return -milliseconds(-d)
	}
	return int64((d + time.Millisecond - 1) / time.Millisecond)
}
