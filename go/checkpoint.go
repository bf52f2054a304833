//go:build cgo

package statekeep

import (
	"context"
	"encoding/json"
)

// Checkpoint is the store of checkpoints: the latest state of each thread of a run. The empty thread id is a key like any
// other. States are taken and given as State does.
type Checkpoint struct{ store *Store }

// Checkpoint gives the store of checkpoints. Its table is agent_checkpoints unless Options.Tables names another.
func (s *Store) Checkpoint() Checkpoint { return Checkpoint{s} }

// Setup makes the table and its index when the table is not there.
func (c Checkpoint) Setup(ctx context.Context) error { return c.store.Setup(ctx, "checkpoint") }

// SetupVersions adds the column that counts versions. Saves that know nothing of it count, too.
func (c Checkpoint) SetupVersions(ctx context.Context) error {
	_, err := c.store.Call(ctx, "checkpoint.setup_versions")
	return err
}

// Save stores the state of a thread in place of the one it had.
func (c Checkpoint) Save(ctx context.Context, thread string, state any) error {
	_, err := c.store.Call(ctx, "checkpoint.save", thread, state)
	return err
}

// Load decodes the state of a thread into dst and says whether it has one; dst is left alone when it has none.
func (c Checkpoint) Load(ctx context.Context, thread string, dst any) (bool, error) {
	found, err := callFor[*foundState](ctx, c.store, "checkpoint.find", thread)
	if err != nil || found == nil {
		return false, err
	}
	return true, json.Unmarshal(found.State, dst)
}

// ThreadState is a state that LoadMany found.
type ThreadState struct {
	ThreadID string          `json:"thread_id"`
	State    json.RawMessage `json:"state"`
}

// LoadMany gives the states of many threads in one call, in the order asked for; threads that have none are left out.
func (c Checkpoint) LoadMany(ctx context.Context, threads ...string) ([]ThreadState, error) {
	if len(threads) == 0 {
		return nil, nil
	}
	return callFor[[]ThreadState](ctx, c.store, "checkpoint.load_many", threads)
}

// Delete deletes the state of a thread; it is no error when it has none.
func (c Checkpoint) Delete(ctx context.Context, thread string) error {
	_, err := c.store.Call(ctx, "checkpoint.delete", thread)
	return err
}

// List gives at most limit threads whose id begins with prefix, from the offset-th on, most recently saved first; limit
// 0 means all.
func (c Checkpoint) List(ctx context.Context, prefix string, limit, offset int) ([]string, error) {
	var begins any
	if prefix != "" {
		begins = prefix
	}
	return callFor[[]string](ctx, c.store, "checkpoint.list", limitArg(limit), offset, begins)
}

// Copy copies the state of a thread to another one, in place of what that had; ErrAbsent when there is nothing to copy.
func (c Checkpoint) Copy(ctx context.Context, from, to string) error {
	_, err := c.store.Call(ctx, "checkpoint.copy", from, to)
	return err
}

// SaveVersion stores the state of a thread if its version is the expected one (0: if it has no state) and gives the new
// version. ErrConflict when it has another one: somebody saved since it was loaded. It needs SetupVersions.
func (c Checkpoint) SaveVersion(ctx context.Context, thread string, state any, expected int64) (int64, error) {
	var known any
	if expected != 0 {
		known = expected
	}
	return callFor[int64](ctx, c.store, "checkpoint.save_version", thread, state, known)
}

// LoadVersion decodes the state of a thread into dst and gives its version; 0, and dst left alone, when it has none. It
// needs SetupVersions.
func (c Checkpoint) LoadVersion(ctx context.Context, thread string, dst any) (int64, error) {
	found, err := callFor[*foundState](ctx, c.store, "checkpoint.load_version", thread)
	if err != nil || found == nil {
		return 0, err
	}
	return found.Version, json.Unmarshal(found.State, dst)
}

// CountExpired gives how many threads were last saved more than keepDays days ago.
func (c Checkpoint) CountExpired(ctx context.Context, keepDays int) (int64, error) {
	return callFor[int64](ctx, c.store, "checkpoint.count_expired", keepDays)
}

// DeleteExpired deletes the threads that were last saved more than keepDays days ago, oldest first and batch (at least 1)
// in a transaction, and gives how many. Rows that another session has locked are left.
func (c Checkpoint) DeleteExpired(ctx context.Context, keepDays, batch int) (int64, error) {
	if batch < 1 {
		batch = 1
	}
	var deleted int64
	for {
		count, err := callFor[int64](ctx, c.store, "checkpoint.delete_expired", keepDays, batch)
		if err != nil || count == 0 {
			return deleted, err
		}
		deleted += count
	}
}

// foundState tells a stored null from nothing.
type foundState struct {
	State   json.RawMessage `json:"state"`
	Version int64           `json:"version"`
}
