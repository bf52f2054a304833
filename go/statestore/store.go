// Package statestore stands in for the PostgreSQL state store of Forge's ai-sdk
// (github.com/xraph/ai-sdk/integrations/statestores/postgres): the same table, documents, errors, logs and metrics, on
// the StateKeep engine, which sends the calls of many goroutines together. It imports neither the SDK nor pgx: the
// store is generic over the state type, and *Store[sdk.AgentState] satisfies the SDK's StateStore interface.
//
//	store, err := statestore.Open[sdk.AgentState](ctx, statestore.Config{ConnString: connString})
//	if err != nil { … }
//	defer store.Close()
package statestore

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"runtime"
	"strings"
	"time"

	statekeep "github.com/statekeep/statekeep/go"
)

const tableDefault = "agent_states"

// Config says where the states are.
type Config struct {
	// ConnString is required: a URL or key=value words, as for pgx (pool_max_conns included), or StateKeep's
	// "embedded:".
	ConnString string
	// TableName may be schema-qualified and double-quoted; unquoted letters fold to lower case. "" is agent_states.
	TableName string
	// Logger may be nil, a go-utils log.Logger, a *slog.Logger, or anything with Debugw and Infow, or Debugf and Infof
	// (which get the messages without their values).
	Logger any
	// Metrics may be nil, a go-utils metrics.Metrics, or anything with Counter(name, …) giving a value with Inc() and
	// Histogram(name, …) giving one with Observe(float64).
	Metrics any
}

// Store keeps states of type S: a struct with string fields whose JSON names are agent_id and session_id. All methods
// may be called from any goroutine. Without a deadline in its context a call waits as long as it takes.
type Store[S any] struct {
	store *statekeep.Store
	table string
	keys  keys
	hooks hooks
}

// Open checks the configuration, reaches the server and makes the table with its indexes when it is not there; a role
// with data rights only may open a table that exists.
func Open[S any](ctx context.Context, config Config) (*Store[S], error) {
	if config.ConnString == "" {
		return nil, errors.New("connection string cannot be empty")
	}
	keys, err := findKeys(reflect.TypeOf((*S)(nil)).Elem())
	if err != nil {
		return nil, err
	}
	hooks, err := newHooks(config.Logger, config.Metrics)
	if err != nil {
		return nil, err
	}
	table := config.TableName
	if table == "" {
		table = tableDefault
	}
	store, err := connect(ctx, config.ConnString, table)
	if err != nil {
		return nil, err
	}
	hooks.debug("schema initialized", "table", table)
	hooks.info("postgres state store initialized", "table", table)
	return &Store[S]{store: store, table: table, keys: keys, hooks: hooks}, nil
}

// NewPostgresStateStore is Open by the peer's name.
func NewPostgresStateStore[S any](ctx context.Context, config Config) (*Store[S], error) {
	return Open[S](ctx, config)
}

func connect(ctx context.Context, connString, table string) (*statekeep.Store, error) {
	options := statekeep.Options{Connections: connections(connString), Deadline: -1}
	parsed, err := statekeep.Open(ctx, connString, options) // reaches no server: it tells a wrong string from a wrong table
	if err != nil {
		return nil, fmt.Errorf("failed to parse connection string: %w", cause(err))
	}
	parsed.Close()
	options.Tables = map[string]string{tableDefault: table}
	store, err := statekeep.Open(ctx, connString, options)
	if err == nil {
		if err := store.Ping(ctx); err != nil {
			store.Close()
			return nil, fmt.Errorf("failed to ping database: %w", cause(err))
		}
		if err = store.State().Setup(ctx); err == nil {
			return store, nil
		}
		store.Close()
	}
	return nil, fmt.Errorf("failed to initialize schema: failed to create table: %w", cause(err))
}

// connections gives the pool size of pgx: what the connection string says (0: the engine reads it there), else the
// number of CPUs, at least 4. The engine takes at most 128.
func connections(connString string) int {
	if strings.Contains(connString, "pool_max_conns") {
		return 0
	}
	count := runtime.NumCPU()
	if count < 4 {
		return 4
	}
	if count > 128 {
		return 128
	}
	return count
}

// Save stores the state in place of the one its agent and session had. It never changes *state, and compares no
// version: the last save wins.
func (s *Store[S]) Save(ctx context.Context, state *S) error {
	if state == nil {
		return errors.New("state cannot be nil")
	}
	agentID, sessionID := s.keys.of(reflect.ValueOf(state).Elem())
	if err := checkIDs(agentID, sessionID); err != nil {
		return err
	}
	start := time.Now()
	defer s.hooks.observe(saveDuration, start)
	document, err := json.Marshal(state)
	if err != nil {
		return fmt.Errorf("failed to marshal state: %w", err)
	}
	if err = checkEncoding("state.save", agentID, sessionID); err == nil {
		err = s.store.State().Save(ctx, agentID, sessionID, json.RawMessage(document))
	}
	if err != nil {
		return fmt.Errorf("failed to save state: %w", cause(err))
	}
	s.hooks.count(saveCount)
	s.hooks.done("saved state to postgres", agentID, sessionID, start)
	return nil
}

// Load gives a session's state, decoded from its document; the ids in it are the document's own. A session without one
// is an error, errors.Is(err, statekeep.ErrAbsent).
func (s *Store[S]) Load(ctx context.Context, agentID, sessionID string) (*S, error) {
	if err := checkIDs(agentID, sessionID); err != nil {
		return nil, err
	}
	start := time.Now()
	defer s.hooks.observe(loadDuration, start)
	var document json.RawMessage
	err := checkEncoding("state.find", agentID, sessionID)
	if err == nil {
		document, err = s.store.Call(ctx, "state.find", agentID, sessionID)
	}
	if err != nil {
		return nil, fmt.Errorf("failed to load state: %w", cause(err))
	}
	if string(document) == "null" {
		return nil, &notFound{agentID, sessionID}
	}
	state := new(S)
	document = document[len(`{"state":`) : len(document)-len(`}`)] // decoded by itself, so that errors name its own fields
	if err := json.Unmarshal(document, state); err != nil {
		return nil, fmt.Errorf("failed to unmarshal state: %w", err)
	}
	s.hooks.count(loadCount)
	s.hooks.done("loaded state from postgres", agentID, sessionID, start)
	return state, nil
}

// Delete deletes a session's state; it is no error when there is none.
func (s *Store[S]) Delete(ctx context.Context, agentID, sessionID string) error {
	if err := checkIDs(agentID, sessionID); err != nil {
		return err
	}
	start := time.Now()
	err := checkEncoding("state.delete", agentID, sessionID)
	if err == nil {
		err = s.store.State().Delete(ctx, agentID, sessionID)
	}
	if err != nil {
		return fmt.Errorf("failed to delete state: %w", cause(err))
	}
	s.hooks.count(deleteCount)
	s.hooks.done("deleted state from postgres", agentID, sessionID, start)
	return nil
}

// List gives all sessions of an agent, most recently saved first; nil when it has none.
func (s *Store[S]) List(ctx context.Context, agentID string) ([]string, error) {
	if agentID == "" {
		return nil, errors.New("agent ID cannot be empty")
	}
	start := time.Now()
	defer s.hooks.observe(listDuration, start)
	var sessions []string
	err := checkEncoding("state.list", agentID)
	if err == nil {
		sessions, err = s.store.State().List(ctx, agentID, 0, 0)
	}
	if err != nil {
		return nil, fmt.Errorf("failed to list sessions: %w", cause(err))
	}
	if len(sessions) == 0 {
		sessions = nil
	}
	s.hooks.count(listCount)
	s.hooks.sample(sessionsSize, float64(len(sessions)))
	s.hooks.debug("listed sessions from postgres",
		"agent_id", agentID, "count", len(sessions), "duration", time.Since(start))
	return sessions, nil
}

// Count gives how many states the table holds. It reads the whole table.
func (s *Store[S]) Count(ctx context.Context) (int64, error) {
	count, err := s.store.State().Count(ctx)
	if err != nil {
		return 0, fmt.Errorf("failed to count states: %w", cause(err))
	}
	return count, nil
}

// HealthCheck asks the server for an answer.
func (s *Store[S]) HealthCheck(ctx context.Context) error {
	if err := s.store.Ping(ctx); err != nil {
		return cause(err)
	}
	return nil
}

// Index makes the optional GIN index on the states, which Search is quick with.
func (s *Store[S]) Index(ctx context.Context) error {
	if err := s.store.State().Index(ctx); err != nil {
		return fmt.Errorf("failed to create index: %w", cause(err))
	}
	return nil
}

// Search gives at most limit sessions of any agent, from the offset-th on, whose state contains the given JSON
// (PostgreSQL's @>), most recently saved first; limit 0 means all. contains is JSON text or a value for encoding/json.
func (s *Store[S]) Search(ctx context.Context, contains any, limit, offset int) ([]statekeep.Found, error) {
	found, err := s.store.State().Search(ctx, contains, limit, offset)
	if err != nil {
		return nil, fmt.Errorf("failed to search states: %w", cause(err))
	}
	return found, nil
}

// Close ends the connections; calls after it fail with "closed pool". It is always nil.
func (s *Store[S]) Close() error {
	s.store.Close()
	s.hooks.info("postgres state store closed")
	return nil
}

func checkIDs(agentID, sessionID string) error {
	if agentID == "" {
		return errors.New("agent ID cannot be empty")
	}
	if sessionID == "" {
		return errors.New("session ID cannot be empty")
	}
	return nil
}
