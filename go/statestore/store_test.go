package statestore

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	statekeep "github.com/statekeep/statekeep/go"
	"github.com/statekeep/statekeep/go/internal/testserver"
)

var testDSN string

func TestMain(m *testing.M) {
	os.Exit(testserver.Run(func(dsn string) int {
		testDSN = dsn
		return m.Run()
	}))
}

// AgentState, AgentMessage and StateStore have the shape of the SDK's.
type AgentState struct {
	AgentID   string         `json:"agent_id"`
	SessionID string         `json:"session_id"`
	Version   int            `json:"version"`
	Data      map[string]any `json:"data"`
	History   []AgentMessage `json:"history"`
	Context   map[string]any `json:"context"`
	CreatedAt time.Time      `json:"created_at"`
	UpdatedAt time.Time      `json:"updated_at"`
}

type AgentMessage struct {
	Role      string         `json:"role"`
	Content   string         `json:"content"`
	Timestamp time.Time      `json:"timestamp"`
	Metadata  map[string]any `json:"metadata,omitempty"`
}

type StateStore interface {
	Save(ctx context.Context, state *AgentState) error
	Load(ctx context.Context, agentID, sessionID string) (*AgentState, error)
	Delete(ctx context.Context, agentID, sessionID string) error
	List(ctx context.Context, agentID string) ([]string, error)
}

// The shim of three declarations that the README gives, but for NewPostgresStateStore's name, which Open's second name
// has in this package.
type PostgresStateStore = Store[AgentState]

type ShimConfig = Config

func newPostgresStateStore(ctx context.Context, config ShimConfig) (*PostgresStateStore, error) {
	return NewPostgresStateStore[AgentState](ctx, config)
}

var _ StateStore = (*PostgresStateStore)(nil)

func openTest(t *testing.T) *PostgresStateStore {
	t.Helper()
	store, err := newPostgresStateStore(context.Background(), ShimConfig{ConnString: testDSN, TableName: testTable(t)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	return store
}

func testTable(t *testing.T) string {
	return fmt.Sprintf("%.40s_%x", strings.ToLower(t.Name()), time.Now().UnixNano())
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantError(t *testing.T, err error, text string) {
	t.Helper()
	if err == nil || err.Error() != text {
		t.Errorf("got error %v, want %q", err, text)
	}
}

// The peer's own tests, by what they test.

func TestNewPostgresStateStore_EmptyConnString(t *testing.T) {
	_, err := newPostgresStateStore(context.Background(), ShimConfig{})
	wantError(t, err, "connection string cannot be empty")
}

func TestSaveAndLoad(t *testing.T) {
	ctx := context.Background()
	store := openTest(t)
	saved := &AgentState{AgentID: "agent-1", SessionID: "session-1", Version: 3,
		Data:    map[string]any{"big": int64(9007199254740993), "html": "<&>", "none": nil},
		History: []AgentMessage{{Role: "user", Content: "héllo", Timestamp: time.Now()}},
		Context: map[string]any{}, CreatedAt: time.Now().In(time.FixedZone("", 3600))}
	must(t, store.Save(ctx, saved))
	loaded, err := store.Load(ctx, "agent-1", "session-1")
	must(t, err)
	if loaded.AgentID != "agent-1" || loaded.SessionID != "session-1" || loaded.Version != 3 {
		t.Errorf("loaded %+v", loaded)
	}
	if loaded.Data["big"] != 9007199254740992.0 || loaded.Data["html"] != "<&>" || len(loaded.Data) != 3 {
		t.Errorf("data %v", loaded.Data)
	}
	if len(loaded.History) != 1 || loaded.History[0].Content != "héllo" || loaded.History[0].Metadata != nil {
		t.Errorf("history %+v", loaded.History)
	}
	if loaded.Context == nil || !loaded.CreatedAt.Equal(saved.CreatedAt) || !loaded.UpdatedAt.IsZero() {
		t.Errorf("context %v, created %v, updated %v", loaded.Context, loaded.CreatedAt, loaded.UpdatedAt)
	}
}

func TestSaveNilState(t *testing.T) {
	wantError(t, openTest(t).Save(context.Background(), nil), "state cannot be nil")
}

func TestEmptyIDs(t *testing.T) {
	store := openTest(t)
	cancelled, cancel := context.WithCancel(context.Background())
	cancel() // ids are looked at first
	wantError(t, store.Save(cancelled, &AgentState{}), "agent ID cannot be empty")
	wantError(t, store.Save(cancelled, &AgentState{AgentID: "a"}), "session ID cannot be empty")
	_, err := store.Load(cancelled, "", "")
	wantError(t, err, "agent ID cannot be empty")
	_, err = store.Load(cancelled, "a", "")
	wantError(t, err, "session ID cannot be empty")
	wantError(t, store.Delete(cancelled, "", "s"), "agent ID cannot be empty")
	wantError(t, store.Delete(cancelled, "a", ""), "session ID cannot be empty")
	_, err = store.List(cancelled, "")
	wantError(t, err, "agent ID cannot be empty")
}

func TestLoadNotFound(t *testing.T) {
	_, err := openTest(t).Load(context.Background(), "agent", "missing")
	wantError(t, err, "state not found for agent agent, session missing")
	if !errors.Is(err, statekeep.ErrAbsent) {
		t.Errorf("%v is not ErrAbsent", err)
	}
}

func TestLoadStoredNull(t *testing.T) {
	ctx := context.Background()
	store := openTest(t)
	_, err := store.store.Call(ctx, "state.save", "agent", "session", json.RawMessage("null"))
	must(t, err)
	state, err := store.Load(ctx, "agent", "session")
	must(t, err)
	if !reflect.DeepEqual(*state, AgentState{}) {
		t.Errorf("loaded %+v, want the zero state", *state)
	}
}

func TestLoadAfterDelete(t *testing.T) {
	ctx := context.Background()
	store := openTest(t)
	must(t, store.Save(ctx, &AgentState{AgentID: "agent", SessionID: "session"}))
	must(t, store.Delete(ctx, "agent", "session"))
	must(t, store.Delete(ctx, "agent", "session"))
	_, err := store.Load(ctx, "agent", "session")
	wantError(t, err, "state not found for agent agent, session session")
}

func TestList(t *testing.T) {
	ctx := context.Background()
	store := openTest(t)
	for _, session := range []string{"session-1", "session-2", "session-3"} {
		must(t, store.Save(ctx, &AgentState{AgentID: "agent-1", SessionID: session}))
	}
	must(t, store.Save(ctx, &AgentState{AgentID: "agent-1", SessionID: "session-1"}))
	sessions, err := store.List(ctx, "agent-1")
	if got := strings.Join(sessions, " "); err != nil || got != "session-1 session-3 session-2" {
		t.Errorf("listed %q, error %v", got, err)
	}
	if sessions, err = store.List(ctx, "nobody"); sessions != nil || err != nil {
		t.Errorf("listed %v, error %v", sessions, err)
	}
}

func TestHealthCheck(t *testing.T) {
	must(t, openTest(t).HealthCheck(context.Background()))
}

func TestCount(t *testing.T) {
	ctx := context.Background()
	store := openTest(t)
	for number := int64(0); number < 2; number++ {
		if count, err := store.Count(ctx); count != number || err != nil {
			t.Errorf("count %d, error %v; want %d", count, err, number)
		}
		must(t, store.Save(ctx, &AgentState{AgentID: "a", SessionID: fmt.Sprint(number)}))
	}
}

func TestStateStoreInterface(t *testing.T) {
	ctx := context.Background()
	var store StateStore = openTest(t)
	must(t, store.Save(ctx, &AgentState{AgentID: "agent", SessionID: "session"}))
	if state, err := store.Load(ctx, "agent", "session"); err != nil || state.AgentID != "agent" {
		t.Errorf("loaded %+v, error %v", state, err)
	}
	if sessions, err := store.List(ctx, "agent"); err != nil || len(sessions) < 1 {
		t.Errorf("listed %v, error %v", sessions, err)
	}
	must(t, store.Delete(ctx, "agent", "session"))
}

func TestTableNames(t *testing.T) {
	ctx := context.Background()
	for _, name := range []string{"", "my-table", "select", `public."Quoted"`, "AgentStates", strings.Repeat("long", 20)} {
		for round := int64(1); round <= 2; round++ {
			store, err := Open[AgentState](ctx, Config{ConnString: testDSN, TableName: name})
			must(t, err)
			must(t, store.Save(ctx, &AgentState{AgentID: "table", SessionID: fmt.Sprint(round)}))
			if sessions, err := store.List(ctx, "table"); err != nil || int64(len(sessions)) < round {
				t.Errorf("table %q: %v, error %v", name, sessions, err)
			}
			store.Close()
		}
	}
}

func TestSearch(t *testing.T) {
	ctx := context.Background()
	store := openTest(t)
	for number := 0; number < 3; number++ {
		must(t, store.Save(ctx, &AgentState{AgentID: "a", SessionID: fmt.Sprint(number), Version: number % 2}))
	}
	must(t, store.Index(ctx))
	must(t, store.Index(ctx))
	found, err := store.Search(ctx, map[string]int{"version": 0}, 0, 0)
	if err != nil || len(found) != 2 || found[0].SessionID != "2" || found[1].SessionID != "0" {
		t.Errorf("found %+v, error %v", found, err)
	}
}
