package statestore_test

import (
	"context"
	"fmt"
	"log"
	"os"

	"github.com/statekeep/statekeep/go/statestore"
)

// AgentState stands for the SDK's own; a program writes sdk.AgentState.
type AgentState struct {
	AgentID   string         `json:"agent_id"`
	SessionID string         `json:"session_id"`
	Context   map[string]any `json:"context"`
}

// The shim: with these three declarations in a package postgres of its own, a program changes nothing but an import.
type PostgresStateStore = statestore.Store[AgentState]

type Config = statestore.Config

func NewPostgresStateStore(ctx context.Context, config Config) (*PostgresStateStore, error) {
	return statestore.Open[AgentState](ctx, config)
}

func connString() string {
	if connString := os.Getenv("STATEKEEP_TEST_DSN"); connString != "" {
		return connString
	}
	return "embedded:?temp=1"
}

func Example() {
	ctx := context.Background()
	store, err := NewPostgresStateStore(ctx, Config{
		ConnString: connString(),     // postgres://user:password@localhost:5432/mydb?sslmode=disable
		TableName:  "example_states", // optional, defaults to agent_states
	})
	if err != nil {
		log.Fatal(err)
	}
	defer store.Close()

	state := &AgentState{
		AgentID:   "agent-1",
		SessionID: "session-1",
		Context:   map[string]any{"user": "john", "step": 1},
	}
	if err := store.Save(ctx, state); err != nil {
		log.Fatal(err)
	}
	loadedState, err := store.Load(ctx, "agent-1", "session-1")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("Loaded state for agent %s\n", loadedState.AgentID)
	sessions, err := store.List(ctx, "agent-1")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("Agent has %d sessions\n", len(sessions))
	// Output:
	// Loaded state for agent agent-1
	// Agent has 1 sessions
}

func ExampleStore_HealthCheck() {
	ctx := context.Background()
	store, err := statestore.Open[AgentState](ctx, statestore.Config{ConnString: connString(), TableName: "checked_states"})
	if err != nil {
		log.Fatal(err)
	}
	defer store.Close()
	if err := store.HealthCheck(ctx); err != nil {
		log.Printf("Database unhealthy: %v", err)
	}
	count, err := store.Count(ctx)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("Total states: %d\n", count)
	// Output: Total states: 0
}

func ExampleStore_Search() {
	ctx := context.Background()
	store, err := statestore.Open[AgentState](ctx, statestore.Config{ConnString: connString(), TableName: "searched_states"})
	if err != nil {
		log.Fatal(err)
	}
	defer store.Close()
	if err := store.Index(ctx); err != nil { // the optional GIN index
		log.Fatal(err)
	}
	for session, key := range map[string]string{"session-1": "value", "session-2": "other"} {
		state := &AgentState{AgentID: "agent-1", SessionID: session, Context: map[string]any{"key": key}}
		if err := store.Save(ctx, state); err != nil {
			log.Fatal(err)
		}
	}
	found, err := store.Search(ctx, `{"context": {"key": "value"}}`, 10, 0) // state @> '…'
	if err != nil {
		log.Fatal(err)
	}
	for _, state := range found {
		fmt.Println(state.AgentID, state.SessionID)
	}
	// Output: agent-1 session-1
}
