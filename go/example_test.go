package statekeep_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
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
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second) // the calls' deadline, too
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
