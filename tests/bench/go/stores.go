package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	statekeep "github.com/statekeep/statekeep/go"
)

// store is what both sides do. Each has its own table of the same shape.
type store interface {
	prepare(ctx context.Context) error // empties the table and fills in the states that load reads
	save(ctx context.Context, agent, session string, document []byte) error
	load(ctx context.Context, agent, session string) ([]byte, error)
	close()
}

const loadedStates = 2000

// document is a state of 1 KiB.
var document = func() []byte {
	text, _ := json.Marshal(map[string]any{"agent_id": "agent", "session_id": "session", "version": 1,
		"data": map[string]any{"notes": strings.Repeat("all work and no play ", 44)}})
	return text
}()

var saved atomic.Int64 // makes each saved key new

// measure gives the rate of a workload, in calls a second.
func measure(ctx context.Context, side store, workload string, callers int, length time.Duration) (float64, error) {
	if err := side.prepare(ctx); err != nil {
		return 0, err
	}
	var (
		calls   atomic.Int64
		failure atomic.Value
		group   sync.WaitGroup
	)
	start := time.Now()
	for caller := 0; caller < callers; caller++ {
		group.Add(1)
		go func(caller int) {
			defer group.Done()
			for turn := caller; time.Since(start) < length; turn += callers {
				if err := once(ctx, side, workload, turn); err != nil {
					failure.Store(err)
					return
				}
				calls.Add(1)
			}
		}(caller)
	}
	group.Wait()
	if err, failed := failure.Load().(error); failed {
		return 0, err
	}
	return float64(calls.Load()) / time.Since(start).Seconds(), nil
}

func once(ctx context.Context, side store, workload string, turn int) error {
	if workload == "save_new" {
		return side.save(ctx, "agent", fmt.Sprintf("new-%d", saved.Add(1)), document)
	}
	found, err := side.load(ctx, "agent", fmt.Sprintf("session-%d", turn%loadedStates))
	if err == nil && len(found) < len(document)/2 {
		return fmt.Errorf("a state of %d bytes", len(found))
	}
	return err
}

type keeper struct {
	store *statekeep.Store
	admin *pool // empties the table
}

func openStateKeep(ctx context.Context, dsn string) (*keeper, error) {
	admin, err := openPgxpool(ctx, dsn)
	if err != nil {
		return nil, err
	}
	admin.table = "bench_statekeep"
	store, err := statekeep.Open(ctx, dsn, statekeep.Options{Tables: map[string]string{"agent_states": admin.table}})
	if err != nil {
		return nil, err
	}
	return &keeper{store, admin}, store.State().Setup(ctx)
}

func (k *keeper) prepare(ctx context.Context) error { return k.admin.prepare(ctx) }

func (k *keeper) save(ctx context.Context, agent, session string, document []byte) error {
	return k.store.State().Save(ctx, agent, session, document)
}

func (k *keeper) load(ctx context.Context, agent, session string) ([]byte, error) {
	return k.store.Call(ctx, "state.load", agent, session)
}

func (k *keeper) close() {
	k.store.Close()
	k.admin.close()
}

// pool does what the replaced store does: one statement a call on a pgx pool of its usual size.
type pool struct {
	pgx   *pgxpool.Pool
	table string
}

func openPgxpool(ctx context.Context, dsn string) (*pool, error) {
	pgx, err := pgxpool.New(ctx, dsn)
	if err != nil {
		return nil, err
	}
	return &pool{pgx, "bench_pgxpool"}, nil
}

func (p *pool) prepare(ctx context.Context) error {
	_, err := p.pgx.Exec(ctx, fmt.Sprintf(`
		create table if not exists %[1]s (agent_id text not null, session_id text not null, state jsonb not null,
			created_at timestamptz default now(), updated_at timestamptz default now(), primary key (agent_id, session_id));
		create index if not exists idx_%[1]s_agent_id on %[1]s (agent_id);
		create index if not exists idx_%[1]s_updated_at on %[1]s (updated_at);
		truncate %[1]s;`, p.table))
	if err != nil {
		return err
	}
	_, err = p.pgx.Exec(ctx, fmt.Sprintf(`insert into %s (agent_id, session_id, state)
		select 'agent', 'session-' || n, $1::jsonb from generate_series(0, $2::int - 1) as n`, p.table),
		document, loadedStates)
	return err
}

func (p *pool) save(ctx context.Context, agent, session string, document []byte) error {
	_, err := p.pgx.Exec(ctx, fmt.Sprintf(`insert into %s (agent_id, session_id, state, created_at, updated_at)
		values ($1, $2, $3, now(), now())
		on conflict (agent_id, session_id) do update set state = $3, updated_at = now()`, p.table),
		agent, session, document)
	return err
}

func (p *pool) load(ctx context.Context, agent, session string) ([]byte, error) {
	var state []byte
	err := p.pgx.QueryRow(ctx, fmt.Sprintf(`select state from %s where agent_id = $1 and session_id = $2`, p.table),
		agent, session).Scan(&state)
	return state, err
}

func (p *pool) version(ctx context.Context) string {
	var version string
	if err := p.pgx.QueryRow(ctx, "show server_version").Scan(&version); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
	}
	return version
}

func (p *pool) close() { p.pgx.Close() }
