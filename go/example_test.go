package statekeep_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"os"
	"strings"
	"time"

	statekeep "github.com/statekeep/statekeep/go"
)

func Example() {
	ctx := context.Background()
	store, err := statekeep.Open(ctx, "embedded:?temp=1", statekeep.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer store.Close()
	states := store.State()
	if err := states.Setup(ctx); err != nil {
		log.Fatal(err)
	}

	if err := states.Save(ctx, "agent-1", "session-1", map[string]any{"step": 1}); err != nil {
		log.Fatal(err)
	}
	var state struct{ Step int }
	found, err := states.Load(ctx, "agent-1", "session-1", &state)
	fmt.Println(found, state.Step, err)
	// Output: true 1 <nil>
}

func ExampleStore_Call() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute) // the calls' deadline, too
	defer cancel()
	store, err := statekeep.Open(ctx, "embedded:?temp=1", statekeep.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer store.Close()
	if err := store.Setup(ctx, "state"); err != nil {
		log.Fatal(err)
	}

	// Documents pass through untouched: no digit is lost.
	_, err = store.Call(ctx, "state.save", "agent-1", "session-1", json.RawMessage(`{"id": 9007199254740993}`))
	fmt.Println(err)
	raw, err := store.Call(ctx, "state.load", "agent-1", "session-1")
	fmt.Println(string(raw), err)
	// Output:
	// <nil>
	// {"id": 9007199254740993} <nil>
}

func ExampleStore_Query() {
	ctx := context.Background()
	store, err := statekeep.Open(ctx, "embedded:?temp=1", statekeep.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer store.Close()

	rows, err := store.Query(ctx, "select n, n * n as square from generate_series(1, $1::int) as n", 2)
	if err != nil {
		log.Fatal(err)
	}
	for _, row := range rows.Maps() {
		fmt.Println(row["n"], row["square"])
	}

	var now time.Time
	if err := store.QueryRow(ctx, "select now()").Scan(&now); err != nil {
		log.Fatal(err)
	}

	type word struct {
		Text   string
		Length int
	}
	words, err := statekeep.Collect[word](store.Query(ctx,
		"select text, length(text) from unnest($1::text[]) as text", []string{"one", "three"}))
	fmt.Println(words, err)
	// Output:
	// 1 1
	// 2 4
	// [{one 3} {three 5}] <nil>
}

func ExampleStore_WithTx() {
	ctx := context.Background()
	store, err := statekeep.Open(ctx, "embedded:?temp=1", statekeep.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer store.Close()
	if _, err := store.Exec(ctx, "create table notes (text text primary key)"); err != nil {
		log.Fatal(err)
	}

	err = store.WithTx(ctx, func(tx *statekeep.Tx) error {
		if _, err := tx.Exec(ctx, "insert into notes values ($1)", "kept"); err != nil {
			return err
		}
		err := tx.WithTx(ctx, func(tx *statekeep.Tx) error { // a savepoint
			_, err := tx.Exec(ctx, "insert into notes values ($1)", "kept")
			return err
		})
		fmt.Println("undone alone:", errors.Is(err, statekeep.ErrConflict))
		return nil
	})
	var count int
	if err == nil {
		err = store.QueryRow(ctx, "select count(*) from notes").Scan(&count)
	}
	fmt.Println(count, err)
	// Output:
	// undone alone: true
	// 1 <nil>
}

func ExampleStore_Stream() {
	ctx := context.Background()
	store, err := statekeep.Open(ctx, "embedded:?temp=1", statekeep.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer store.Close()

	stream, err := store.Stream(ctx, "select generate_series(1, 1000)")
	if err != nil {
		log.Fatal(err)
	}
	defer stream.Close()
	sum := 0
	for stream.Next() {
		var number int
		if err := stream.Scan(&number); err != nil {
			log.Fatal(err)
		}
		sum += number
	}
	fmt.Println(sum, stream.Err())
	// Output: 500500 <nil>
}

func ExampleStore_CopyFrom() {
	ctx := context.Background()
	store, err := statekeep.Open(ctx, "embedded:?temp=1", statekeep.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer store.Close()
	if _, err := store.Exec(ctx, "create table points (x int, y int)"); err != nil {
		log.Fatal(err)
	}

	count, err := store.CopyFrom(ctx, "copy points from stdin (format csv)", strings.NewReader("1,2\n3,4\n"))
	fmt.Println(count, err)
	if _, err := store.CopyTo(ctx, "copy points to stdout (format csv)", os.Stdout); err != nil {
		log.Fatal(err)
	}
	// Output:
	// 2 <nil>
	// 1,2
	// 3,4
}

func ExampleStore_Listen() {
	ctx := context.Background()
	store, err := statekeep.Open(ctx, "embedded:?temp=1", statekeep.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer store.Close()
	listener, err := store.Listen(ctx, "news")
	if err != nil {
		log.Fatal(err)
	}
	defer listener.Close()

	if err := statekeep.Notify(ctx, store, "news", "hello"); err != nil {
		log.Fatal(err)
	}
	heard, err := listener.Next(ctx)
	fmt.Println(heard.Channel, heard.Payload, err)
	// Output: news hello <nil>
}

func ExampleError() {
	ctx := context.Background()
	store, err := statekeep.Open(ctx, "embedded:?temp=1", statekeep.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer store.Close()
	if err := store.State().Setup(ctx); err != nil {
		log.Fatal(err)
	}

	err = store.State().Save(ctx, "agent-1", "session-1", `{"text": "\u0000"}`)
	var failure *statekeep.Error
	if errors.As(err, &failure) {
		fmt.Println(failure.Status, failure.SQLState(), errors.Is(err, statekeep.ErrInvalid))
	}
	// Output: INVALID 22P05 true
}
