package statestore

import (
	"context"
	"errors"
	"math"
	"strings"
	"testing"
	"time"
)

func TestErrorTexts(t *testing.T) {
	ctx := context.Background()
	store := openTest(t)
	state := &AgentState{AgentID: "a", SessionID: "s", Data: map[string]any{"x": math.NaN()}}
	wantError(t, store.Save(ctx, state), "failed to marshal state: json: unsupported value: NaN")

	state.Data["x"] = "a\x00b"
	err := store.Save(ctx, state)
	wantError(t, err, "failed to save state: ERROR: unsupported Unicode escape sequence (SQLSTATE 22P05)")
	var coded interface{ SQLState() string }
	if !errors.As(err, &coded) || coded.SQLState() != "22P05" {
		t.Errorf("no SQLSTATE in %v", err)
	}

	for _, id := range []string{"a\x00b", "\xff"} {
		err = store.Delete(ctx, id, "s")
		if !errors.As(err, &coded) || coded.SQLState() != "22021" || !strings.HasPrefix(err.Error(), "failed to delete state: ERROR: ") {
			t.Errorf("id %q: %v", id, err)
		}
	}

	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	_, err = store.Load(cancelled, "a", "s")
	wantError(t, err, "failed to load state: context canceled")
	if !errors.Is(err, context.Canceled) {
		t.Errorf("%v is not context.Canceled", err)
	}
	past, cancel := context.WithTimeout(ctx, -time.Second)
	defer cancel()
	_, err = store.Count(past)
	wantError(t, err, "failed to count states: context deadline exceeded")
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v is not context.DeadlineExceeded", err)
	}

	must(t, store.Close())
	must(t, store.Close())
	delete(state.Data, "x")
	wantError(t, store.Save(ctx, state), "failed to save state: closed pool")
	_, err = store.List(ctx, "a")
	wantError(t, err, "failed to list sessions: closed pool")
	wantError(t, store.HealthCheck(ctx), "closed pool")
}

func TestOpenErrors(t *testing.T) {
	ctx := context.Background()
	cases := map[Config]string{
		{ConnString: "postgres://u:hidden@host:notaport/db"}:                          "failed to parse connection string: ",
		{ConnString: testDSN, TableName: "a (b int); drop table c"}:                   "failed to initialize schema: failed to create table: ",
		{ConnString: testDSN, TableName: "no_such_schema.states"}:                     "failed to initialize schema: failed to create table: ERROR: ",
		{ConnString: "host=127.0.0.1 port=1 user=u password=hidden sslmode=disable"}:  "failed to ping database: ",
		{ConnString: "host=127.0.0.1 port=1 pool_max_conns=0 user=u sslmode=disable"}: "failed to parse connection string: ",
	}
	for config, prefix := range cases {
		short, cancel := context.WithTimeout(ctx, 10*time.Second)
		store, err := Open[AgentState](short, config)
		cancel()
		if store != nil || err == nil || !strings.HasPrefix(err.Error(), prefix) || strings.Contains(err.Error(), "hidden") {
			t.Errorf("%+v: %v", config, err)
		}
	}
	if _, err := Open[struct{ ID string }](ctx, Config{ConnString: testDSN}); err == nil {
		t.Error("a state without ids was accepted")
	}
}

func TestStoredDocumentSaysTheIDs(t *testing.T) {
	ctx := context.Background()
	store := openTest(t)
	for session, document := range map[string]string{"extra": `{"agent_id": "zz", "extra": 1}`, "empty": `{}`} {
		must(t, store.store.State().Save(ctx, "a", session, document))
	}
	if state, err := store.Load(ctx, "a", "extra"); err != nil || state.AgentID != "zz" || state.SessionID != "" {
		t.Errorf("loaded %+v, error %v", state, err)
	}
	if state, err := store.Load(ctx, "a", "empty"); err != nil || state.AgentID != "" {
		t.Errorf("loaded %+v, error %v", state, err)
	}
	must(t, store.store.State().Save(ctx, "a", "list", `[1]`))
	if _, err := store.Load(ctx, "a", "list"); err == nil || !strings.HasPrefix(err.Error(), "failed to unmarshal state: json: ") {
		t.Errorf("a list as a state: %v", err)
	}
}
