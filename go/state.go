//go:build cgo

package statekeep

import (
	"context"
	"encoding/json"
	"time"
)

// State is the store of agent states: one JSON document for each pair of agent and session.
type State struct{ store *Store }

// State gives the store of agent states. Its table is agent_states unless Options.Tables names another.
func (s *Store) State() State { return State{s} }

// Setup makes the table and its indexes when the table is not there.
func (s State) Setup(ctx context.Context) error { return s.store.Setup(ctx, "state") }

// Index makes the GIN index that Search is quick with.
func (s State) Index(ctx context.Context) error {
	_, err := s.store.Call(ctx, "state.index")
	return err
}

// Save stores the state of a session in place of the one it had. A string, a []byte or a json.RawMessage is taken as
// JSON text, untouched; any other value is what encoding/json makes of it. An empty id is ErrInvalid.
func (s State) Save(ctx context.Context, agent, session string, state any) error {
	c, err := s.store.newCall("state.save")
	if err != nil {
		return err
	}
	c.addText(agent)
	c.addText(session)
	if err := c.add(state); err != nil {
		s.store.pool.Put(c)
		return err
	}
	return s.store.finishNothing(ctx, c)
}

// Load decodes the state of a session into dst, as json.Unmarshal does (a *json.RawMessage gets the text as it is), and
// says whether there is one; dst is left alone when there is none.
func (s State) Load(ctx context.Context, agent, session string, dst any) (bool, error) {
	c, err := s.store.newCall("state.load")
	if err != nil {
		return false, err
	}
	c.addText(agent)
	c.addText(session)
	result, err := s.store.run(ctx, c)
	if err != nil {
		return false, err
	}
	defer s.store.pool.Put(c)
	if string(result) == "null" {
		return false, nil
	}
	return true, json.Unmarshal(result, dst)
}

// Delete deletes the state of a session; it is no error when there is none.
func (s State) Delete(ctx context.Context, agent, session string) error {
	c, err := s.store.newCall("state.delete")
	if err != nil {
		return err
	}
	c.addText(agent)
	c.addText(session)
	return s.store.finishNothing(ctx, c)
}

// List gives at most limit sessions of an agent from the offset-th on, most recently saved first; limit 0 means all.
func (s State) List(ctx context.Context, agent string, limit, offset int) ([]string, error) {
	return callFor[[]string](ctx, s.store, "state.list", agent, limitArg(limit), offset)
}

// Count gives how many states the table holds. It reads the whole table.
func (s State) Count(ctx context.Context) (int64, error) {
	return callFor[int64](ctx, s.store, "state.count")
}

// Found is a state that Search found.
type Found struct {
	AgentID   string    `json:"agent_id"`
	SessionID string    `json:"session_id"`
	UpdatedAt time.Time `json:"updated_at"`
}

// Search gives at most limit sessions, from the offset-th on, whose state contains the given JSON (PostgreSQL's @>),
// most recently saved first; limit 0 means all. contains is taken as Save takes a state.
func (s State) Search(ctx context.Context, contains any, limit, offset int) ([]Found, error) {
	return callFor[[]Found](ctx, s.store, "state.search", contains, limitArg(limit), offset)
}

// limitArg makes of "no limit" the NULL that the operations take for it.
func limitArg(limit int) any {
	if limit == 0 {
		return nil
	}
	return limit
}

// finishNothing runs a call whose result is null.
func (s *Store) finishNothing(ctx context.Context, c *call) error {
	if _, err := s.run(ctx, c); err != nil {
		return err
	}
	s.pool.Put(c)
	return nil
}
