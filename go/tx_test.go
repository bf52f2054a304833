package statekeep

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"
)

// openTable opens a store and makes a table of one integer column, whose name it gives.
func openTable(t *testing.T, options Options) (*Store, string) {
	t.Helper()
	store := openSQL(t, options)
	table := fmt.Sprintf("numbers_%x", time.Now().UnixNano())
	_, err := store.Exec(context.Background(), "create table "+table+" (n int primary key)")
	must(t, err)
	return store, table
}

func numbersIn(t *testing.T, on Querier, table string) string {
	t.Helper()
	numbers, err := Collect[int](on.Query(context.Background(), "select n from "+table+" order by n"))
	must(t, err)
	return fmt.Sprint(numbers)
}

func TestTransactionsCommitAndRollBack(t *testing.T) {
	ctx := context.Background()
	store, table := openTable(t, Options{})
	insert := func(tx *Tx, n int) error {
		_, err := tx.Exec(ctx, "insert into "+table+" values ($1)", n)
		return err
	}
	must(t, store.WithTx(ctx, func(tx *Tx) error {
		must(t, insert(tx, 1))
		if seen := numbersIn(t, store, table); seen != "[]" {
			t.Errorf("others see %s", seen)
		}
		return nil
	}))
	failed := errors.New("failed")
	if err := store.WithTx(ctx, func(tx *Tx) error { must(t, insert(tx, 2)); return failed }); err != failed {
		t.Errorf("%v", err)
	}
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic is gone")
			}
		}()
		store.WithTx(ctx, func(tx *Tx) error { must(t, insert(tx, 3)); panic("at the disco") })
	}()
	err := store.WithTx(ctx, func(tx *Tx) error { insert(tx, 4); insert(tx, 1); return nil })
	var failure *Error
	if !errors.As(err, &failure) || failure.Code != "25P02" {
		t.Errorf("a commit after a failure: %v", err)
	}
	over, cancel := context.WithCancel(ctx)
	if err := store.WithTx(over, func(tx *Tx) error { must(t, insert(tx, 5)); cancel(); return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("a commit after the end of its context: %v", err)
	}
	if seen := numbersIn(t, store, table); seen != "[1]" {
		t.Errorf("at last %s", seen)
	}
	if out := leaseNumbers(t, store); out != 0 {
		t.Errorf("%d leases are out", out)
	}
}

func TestNestedTransactions(t *testing.T) {
	ctx := context.Background()
	store, table := openTable(t, Options{})
	failed := errors.New("failed")
	must(t, store.WithTx(ctx, func(tx *Tx) error {
		insert := func(tx *Tx, n int) error {
			_, err := tx.Exec(ctx, "insert into "+table+" values ($1)", n)
			return err
		}
		must(t, insert(tx, 1))
		if err := tx.WithTx(ctx, func(tx *Tx) error {
			must(t, insert(tx, 2))
			must(t, tx.WithTx(ctx, func(tx *Tx) error { return insert(tx, 3) }))
			return failed
		}); err != failed {
			t.Errorf("%v", err)
		}
		if err := tx.WithTx(ctx, func(tx *Tx) error { insert(tx, 1); return nil }); !errors.Is(err, ErrInvalid) {
			t.Errorf("a savepoint released after a failure: %v", err)
		}
		over, cancel := context.WithCancel(ctx)
		if err := tx.WithTx(over, func(tx *Tx) error { must(t, insert(tx, 4)); cancel(); return over.Err() }); err != context.Canceled {
			t.Errorf("%v", err)
		}
		return tx.WithTx(ctx, func(tx *Tx) error { return insert(tx, 5) })
	}))
	if seen := numbersIn(t, store, table); seen != "[1 5]" {
		t.Errorf("at last %s", seen)
	}
}

func TestTransactionThatIsOverRefuses(t *testing.T) {
	ctx := context.Background()
	store := openSQL(t, Options{})
	tx, err := store.Begin(ctx)
	must(t, err)
	nested, err := tx.Begin(ctx)
	must(t, err)
	must(t, tx.Commit(ctx))
	for _, over := range []*Tx{tx, nested} {
		if _, err := over.Query(ctx, "select 1"); !errors.Is(err, ErrInvalid) {
			t.Errorf("a query: %v", err)
		}
		if _, err := over.Begin(ctx); !errors.Is(err, ErrInvalid) {
			t.Errorf("a savepoint: %v", err)
		}
		if _, err := over.CopyTo(ctx, "copy (select 1) to stdout", new(strings.Builder)); !errors.Is(err, ErrInvalid) {
			t.Errorf("a copy: %v", err)
		}
		if over.Rollback(ctx) == nil || over.Commit(ctx) == nil {
			t.Error("it ends twice")
		}
	}
}

func TestBeginTxAsksForWhatItIsTold(t *testing.T) {
	ctx := context.Background()
	store := openSQL(t, Options{})
	for _, c := range []struct {
		options sql.TxOptions
		want    string
	}{
		{sql.TxOptions{}, "read committed off"},
		{sql.TxOptions{Isolation: sql.LevelSerializable, ReadOnly: true}, "serializable on"},
		{sql.TxOptions{Isolation: sql.LevelSnapshot}, "repeatable read off"},
	} {
		tx, err := store.BeginTx(ctx, &c.options)
		must(t, err)
		var got string
		err = tx.QueryRow(ctx, "select current_setting('transaction_isolation') || ' ' || current_setting('transaction_read_only')").Scan(&got)
		if got != c.want || err != nil {
			t.Errorf("%+v: %s, error %v", c.options, got, err)
		}
		must(t, tx.Rollback(ctx))
	}
	if _, err := store.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelLinearizable}); !errors.Is(err, ErrInvalid) {
		t.Errorf("an isolation PostgreSQL does not have: %v", err)
	}
}

// 64 transactions share 3 leases beside operations: neither may starve the other.
func TestTransactionsOfManyGoroutines(t *testing.T) {
	ctx := context.Background()
	store, table := openTable(t, Options{Connections: 4})
	_, err := store.Exec(ctx, "insert into "+table+" values (0)")
	must(t, err)
	each(64, func(caller int) {
		err := store.WithTx(ctx, func(tx *Tx) error {
			if err := store.Ping(ctx); err != nil { // an operation inside a transaction
				return err
			}
			_, err := tx.Exec(ctx, "update "+table+" set n = n + 1")
			return err
		})
		if err != nil {
			t.Errorf("caller %d: %v", caller, err)
		}
	})
	if seen := numbersIn(t, store, table); seen != "[64]" {
		t.Errorf("at last %s", seen)
	}
}

func TestStreamGivesEveryRowInOrder(t *testing.T) {
	ctx := context.Background()
	store := openSQL(t, Options{})
	for _, count := range []int{0, 1, streamFirst, streamFirst + 1, 30_000} {
		stream, err := store.Stream(ctx, "select n, n::text || 'x' as text from generate_series(1, $1::int) n", count)
		must(t, err)
		seen := 0
		for stream.Next() {
			var number int
			var text string
			must(t, stream.Scan(&number, &text))
			if seen++; number != seen || text != fmt.Sprint(seen, "x") && text != fmt.Sprintf("%dx", seen) {
				t.Fatalf("row %d is %d, %s", seen, number, text)
			}
		}
		if seen != count || stream.Err() != nil {
			t.Errorf("%d of %d rows, error %v", seen, count, stream.Err())
		}
		if err := stream.Scan(new(int), new(string)); !errors.Is(err, ErrInvalid) {
			t.Errorf("a scan behind the end: %v", err)
		}
		must(t, stream.Close())
	}
	if out := leaseNumbers(t, store); out != 0 {
		t.Errorf("%d leases are out", out)
	}
}

func TestStreamsInATransaction(t *testing.T) {
	ctx := context.Background()
	store := openSQL(t, Options{})
	err := store.WithTx(ctx, func(tx *Tx) error {
		one, err := tx.Stream(ctx, "select generate_series(1, 200)")
		must(t, err)
		two, err := tx.Stream(ctx, "select generate_series(1, 200)")
		must(t, err)
		for one.Next() && two.Next() {
			var a, b int
			must(t, one.Scan(&a))
			must(t, two.Scan(&b))
			if a != b {
				t.Fatalf("%d beside %d", a, b)
			}
			if a == 100 {
				must(t, two.Close())
			}
		}
		must(t, one.Close())
		if _, err := tx.Exec(ctx, "select 1"); err != nil {
			return err
		}
		failing, err := tx.Stream(ctx, "select 1 / (100 - n) from generate_series(1, 200) n")
		must(t, err)
		for failing.Next() {
		}
		if !errors.Is(failing.Err(), ErrInvalid) {
			t.Errorf("a row that cannot be made: %v", failing.Err())
		}
		return failing.Close()
	})
	if !errors.Is(err, ErrInvalid) {
		t.Errorf("the commit after it: %v", err)
	}
}

func TestStreamHoldsLittleMemory(t *testing.T) {
	ctx := context.Background()
	store := openSQL(t, Options{})
	const rows, width = 20_000, 4_000 // 80 MB
	stream, err := store.Stream(ctx, "select repeat('x', $1::int) from generate_series(1, $2::int)", width, rows)
	must(t, err)
	defer stream.Close()
	var memory runtime.MemStats
	var most uint64
	seen := 0
	for stream.Next() {
		if seen++; seen%4_000 == 0 {
			runtime.GC()
			runtime.ReadMemStats(&memory)
			if memory.HeapInuse > most {
				most = memory.HeapInuse
			}
		}
	}
	if seen != rows || stream.Err() != nil || most > 24<<20 {
		t.Errorf("%d rows, at most %d MiB, error %v", seen, most>>20, stream.Err())
	}
}
