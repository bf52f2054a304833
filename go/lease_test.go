package statekeep

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
	"time"
)

// leaseNumbers are the engine's counters of leases.
func leaseNumbers(t *testing.T, store *Store) (out int) {
	t.Helper()
	raw, err := store.Stats(context.Background())
	must(t, err)
	var stats struct{ Leases struct{ Out int } }
	must(t, json.Unmarshal(raw, &stats))
	return stats.Leases.Out
}

func TestStatementWithoutALease(t *testing.T) {
	ctx := context.Background()
	store := openSQL(t, Options{})
	rows, err := store.Query(ctx, "select n, n::text as n from generate_series(1, $1::int) n", 2)
	must(t, err)
	if rows.Command != "SELECT 2" || rows.Count != 2 || rows.Len() != 2 || fmt.Sprint(rows.Columns, rows.Types) != "[n n] [23 25]" ||
		fmt.Sprintf("%#v", rows.Values(1)) != `[]interface {}{2, "2"}` || len(rows.Maps()) != 2 {
		t.Errorf("%+v", rows)
	}
	rows, err = store.Query(ctx, "select 1 as a; select 2 as b; set time zone 'UTC'")
	must(t, err)
	if len(rows.More) != 2 || rows.More[0].Map(0)["b"] != int64(2) || rows.More[1].Command != "SET" || rows.More[1].Len() != 0 {
		t.Errorf("several statements: %+v, more %+v", rows, rows.More)
	}
	var number int
	if err := store.QueryRow(ctx, "select 1 where false").Scan(&number); !errors.Is(err, ErrAbsent) {
		t.Errorf("no row: %v", err)
	}
	if row, err := store.QueryRow(ctx, "select 1 as one").Map(); err != nil || row["one"] != int64(1) {
		t.Errorf("a row: %v, error %v", row, err)
	}
	count, err := store.Exec(ctx, "create temp table gone as select generate_series(1, 3)")
	if count != 3 || err != nil {
		t.Errorf("count %d, error %v", count, err)
	}
}

func TestRefusedStatementTellsWhatTheServerTold(t *testing.T) {
	store := openSQL(t, Options{})
	_, err := store.Exec(context.Background(), "selec 1")
	var failure *Error
	if !errors.As(err, &failure) || failure.Status != Invalid || failure.Code != "42601" || failure.Position != 1 ||
		failure.Op != "sql.query" {
		t.Errorf("%+v", failure)
	}
	_, err = store.Exec(context.Background(), "create temp table t (n int constraint odd check (n % 2 = 1)); insert into t values (2)")
	if !errors.As(err, &failure) || failure.Code != "23514" || failure.Constraint != "odd" || failure.Table != "t" ||
		!strings.HasPrefix(failure.Schema, "pg_temp") || failure.Detail == "" {
		t.Errorf("%+v", failure)
	}
}

func TestLeaseIsOneSession(t *testing.T) {
	ctx := context.Background()
	store := openSQL(t, Options{Connections: 2})
	lease, err := store.Lease(ctx)
	must(t, err)
	_, err = lease.Exec(ctx, "create temp table mine (n int); insert into mine values (1), (2); set application_name to 'tired'")
	must(t, err)
	if count, err := lease.Exec(ctx, "update mine set n = n + $1", 1); count != 2 || err != nil {
		t.Errorf("count %d, error %v", count, err)
	}
	short, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
	defer cancel()
	if _, err := store.Lease(short); !errors.Is(err, ErrDeadline) {
		t.Errorf("a second lease of one: %v", err)
	}
	must(t, store.Ping(ctx))
	lease.Return()
	lease.Return()
	if _, err := lease.Query(ctx, "select 1"); !errors.Is(err, ErrInvalid) {
		t.Errorf("a lease that was returned: %v", err)
	}
	lease, err = store.Lease(ctx)
	must(t, err)
	defer lease.Return()
	var name string
	must(t, lease.QueryRow(ctx, "show application_name").Scan(&name))
	if _, err := lease.Query(ctx, "select from mine"); err == nil || name == "tired" {
		t.Errorf("the next holder finds what the last one left: %s, %v", name, err)
	}
}

func TestCancelledStatementStopsAtTheServer(t *testing.T) {
	store := openSQL(t, Options{})
	lease, err := store.Lease(context.Background())
	must(t, err)
	defer lease.Return()
	var pid int
	must(t, lease.QueryRow(context.Background(), "select pg_backend_pid()").Scan(&pid))
	ctx, cancel := context.WithCancel(context.Background())
	time.AfterFunc(50*time.Millisecond, cancel)
	begun := time.Now()
	if _, err := lease.Query(ctx, "select pg_sleep(100)"); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	var same int
	must(t, lease.QueryRow(context.Background(), "select pg_backend_pid()").Scan(&same))
	if took := time.Since(begun); took > 25*time.Second || same != pid {
		t.Errorf("the lease goes on after %v, on process %d instead of %d", took, same, pid)
	}
	for tries := 0; ; tries++ {
		ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
		_, err := lease.Query(ctx, "select pg_sleep(100)")
		cancel()
		must(t, lease.QueryRow(context.Background(), "select pg_backend_pid()").Scan(&same))
		if !errors.Is(err, context.DeadlineExceeded) || tries == 20 {
			t.Fatalf("the server said that it stopped: %v", err)
		}
		if errors.Is(err, ErrDeadline) {
			break
		}
		// A server that is busy says so later than the engine waits for it.
	}
}

// Takers that give up at every moment: no lease may be lost with one.
func TestCancelledTakersLoseNoLease(t *testing.T) {
	store := openSQL(t, Options{Connections: 2})
	each(200, func(caller int) {
		ctx, cancel := context.WithTimeout(context.Background(), time.Duration(caller)*50*time.Microsecond)
		defer cancel()
		if lease, err := store.Lease(ctx); err == nil {
			lease.Return()
		}
	})
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	lease, err := store.Lease(ctx)
	must(t, err)
	lease.Return()
	if out := leaseNumbers(t, store); out != 0 {
		t.Errorf("%d leases are out", out)
	}
}

func TestLeakedLeaseIsTakenBackAndReported(t *testing.T) {
	ctx := context.Background()
	leaked := make(chan string, 2)
	store := openSQL(t, Options{Connections: 2, Leaked: func(takenAt string) { leaked <- takenAt }})
	func() {
		tx, err := store.Begin(ctx)
		must(t, err)
		_, err = tx.Exec(ctx, "select 1")
		must(t, err)
	}()
	for tries := 0; ; tries++ {
		runtime.GC()
		select {
		case takenAt := <-leaked:
			if !strings.HasPrefix(takenAt, "lease_test.go:") {
				t.Errorf("taken at %s", takenAt)
			}
			lease, err := store.Lease(ctx)
			must(t, err)
			lease.Return()
			return
		case <-time.After(20 * time.Millisecond):
			if tries == 1000 {
				t.Fatal("nobody found it")
			}
		}
	}
}

func TestUnusedLeaseIsTakenBack(t *testing.T) {
	store := openSQL(t, Options{LeaseIdle: 50 * time.Millisecond})
	lease, err := store.Lease(context.Background())
	must(t, err)
	defer lease.Return()
	for tries := 0; leaseNumbers(t, store) > 0; tries++ {
		if tries == 1000 {
			t.Fatal("nobody took it back")
		}
		time.Sleep(10 * time.Millisecond)
	}
	if _, err := lease.Query(context.Background(), "select 1"); !errors.Is(err, ErrInvalid) {
		t.Errorf("%v", err)
	}
}

func TestCopyInAndOut(t *testing.T) {
	ctx := context.Background()
	store := openSQL(t, Options{})
	lease, err := store.Lease(ctx)
	must(t, err)
	defer lease.Return()
	_, err = lease.Exec(ctx, "create temp table lines (n int, text text)")
	must(t, err)
	var input strings.Builder
	for n := 0; n < 50_000; n++ {
		fmt.Fprintf(&input, "%d\tline %d é\n", n, n)
	}
	count, err := lease.CopyFrom(ctx, "copy lines from stdin", strings.NewReader(input.String()))
	if count != 50_000 || err != nil {
		t.Fatalf("%d rows, error %v", count, err)
	}
	var output strings.Builder
	size, err := lease.CopyTo(ctx, "copy (select * from lines order by n) to stdout", &output)
	if size != int64(input.Len()) || err != nil || output.String() != input.String() {
		t.Errorf("%d of %d bytes came back, error %v", size, input.Len(), err)
	}
	output.Reset()
	if size, err := lease.CopyTo(ctx, "copy (select 1 where false) to stdout", &output); size != 0 || err != nil {
		t.Errorf("nothing: %d bytes, error %v", size, err)
	}
}

var errBroken = errors.New("broken")

type brokenPipe struct{ left int }

func (p *brokenPipe) Read(piece []byte) (int, error) {
	if p.left--; p.left < 0 {
		return 0, errBroken
	}
	return copy(piece, "1\n"), nil
}

func (p *brokenPipe) Write(piece []byte) (int, error) {
	if p.left--; p.left < 0 {
		return 0, errBroken
	}
	return len(piece), nil
}

func TestCopyThatBreaksLeavesTheLeaseGood(t *testing.T) {
	ctx := context.Background()
	lease, err := openSQL(t, Options{}).Lease(ctx)
	must(t, err)
	defer lease.Return()
	_, err = lease.Exec(ctx, "create temp table numbers (n int)")
	must(t, err)
	good := func(when string) {
		t.Helper()
		var count int
		if err := lease.QueryRow(ctx, "select count(*) from numbers").Scan(&count); count != 0 || err != nil {
			t.Errorf("%s: %d rows, error %v", when, count, err)
		}
	}
	if _, err := lease.CopyFrom(ctx, "copy numbers from stdin", &brokenPipe{3}); !errors.Is(err, errBroken) || !errors.Is(err, ErrInvalid) {
		t.Errorf("a reader that fails: %v", err)
	}
	good("a reader that fails")
	_, err = lease.CopyFrom(ctx, "copy numbers from stdin", strings.NewReader("1\nx\n"))
	var failure *Error
	if !errors.As(err, &failure) || failure.Code != "22P02" {
		t.Errorf("a row that is wrong: %v", err)
	}
	good("a row that is wrong")
	if _, err := lease.CopyTo(ctx, "copy (select generate_series(1, 1000000)) to stdout", &brokenPipe{1}); err != errBroken {
		t.Errorf("a writer that fails: %v", err)
	}
	good("a writer that fails")
	over, cancel := context.WithCancel(ctx)
	reader, writer := io.Pipe()
	go func() {
		writer.Write([]byte("1\n"))
		cancel()
		writer.Write([]byte("2\n"))
		writer.Close()
	}()
	if _, err := lease.CopyFrom(over, "copy numbers from stdin", reader); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	reader.Close()
	good("cancelled")
	for _, statement := range []string{"select 1", "copy numbers to stdout"} {
		if _, err := lease.CopyFrom(ctx, statement, strings.NewReader("")); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v", statement, err)
		}
	}
	if _, err := lease.CopyTo(ctx, "copy numbers from stdin", io.Discard); !errors.Is(err, ErrInvalid) {
		t.Errorf("in the wrong direction: %v", err)
	}
	good("in the wrong direction")
}

func TestNotificationsAreHeard(t *testing.T) {
	ctx := context.Background()
	store := openSQL(t, Options{})
	channel := fmt.Sprintf(`Odd "channel" %x`, time.Now().UnixNano())
	listener, err := store.Listen(ctx, channel)
	must(t, err)
	short, cancel := context.WithTimeout(ctx, 30*time.Millisecond)
	defer cancel()
	if _, err := listener.Next(short); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("silence: %v", err)
	}
	must(t, Notify(ctx, store, channel, "first"))
	must(t, store.WithTx(ctx, func(tx *Tx) error { return Notify(ctx, tx, channel, "second é") }))
	for _, want := range []string{"first", "second é"} {
		heard, err := listener.Next(ctx)
		if err != nil || heard.Channel != channel || heard.Payload != want || heard.PID == 0 {
			t.Errorf("heard %+v, error %v", heard, err)
		}
	}
	waiting := make(chan error)
	go func() {
		_, err := listener.Next(ctx)
		waiting <- err
	}()
	must(t, store.Ping(ctx)) // others go on while it waits
	time.Sleep(20 * time.Millisecond)
	must(t, listener.Close())
	if err := <-waiting; err == nil {
		t.Error("a closed listener heard something")
	}
}

func TestCloseWaitsForNoListener(t *testing.T) {
	ctx := context.Background()
	store := openSQL(t, Options{})
	store.drainMS = 100_000
	listener, err := store.Listen(ctx, "silence")
	must(t, err)
	tx, err := store.Begin(ctx)
	must(t, err)
	waiting := make(chan error)
	go func() {
		_, err := listener.Next(ctx)
		waiting <- err
	}()
	time.Sleep(20 * time.Millisecond)
	begun := time.Now()
	must(t, store.Close())
	if err := <-waiting; !errors.Is(err, ErrClosed) {
		t.Errorf("the listener: %v", err)
	}
	if took := time.Since(begun); took > 25*time.Second {
		t.Errorf("closing took %v", took)
	}
	if err := tx.Commit(ctx); !errors.Is(err, ErrClosed) {
		t.Errorf("a transaction of a closed store: %v", err)
	}
}
