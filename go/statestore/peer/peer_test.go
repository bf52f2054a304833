// Package peer tests the drop-in against the real types of what it replaces: go-utils' loggers and metrics, and pgx on
// the same table. It is a module of its own, so that the drop-in's has no dependencies.
package peer

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/statekeep/statekeep/go/statestore"
	"github.com/xraph/go-utils/log"
	"github.com/xraph/go-utils/metrics"
)

type agentState struct {
	AgentID   string         `json:"agent_id"`
	SessionID string         `json:"session_id"`
	Version   int            `json:"version"`
	Data      map[string]any `json:"data"`
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// dsn is a server that pgx reaches, too: $STATEKEEP_TEST_DSN.
func dsn(t *testing.T) string {
	t.Helper()
	dsn := os.Getenv("STATEKEEP_TEST_DSN")
	if dsn == "" {
		t.Skip("STATEKEEP_TEST_DSN is not set")
	}
	return dsn
}

func connect(t *testing.T) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(context.Background(), dsn(t))
	must(t, err)
	t.Cleanup(func() { conn.Close(context.Background()) })
	return conn
}

func table(t *testing.T) string {
	return fmt.Sprintf("t%x_%.40s", time.Now().UnixNano(), strings.ToLower(t.Name()))
}

func open(t *testing.T, config statestore.Config) *statestore.Store[agentState] {
	t.Helper()
	store, err := statestore.Open[agentState](context.Background(), config)
	must(t, err)
	t.Cleanup(func() { store.Close() })
	return store
}

// peerTable makes the table as the peer does.
func peerTable(t *testing.T, conn *pgx.Conn, name string) {
	t.Helper()
	for _, statement := range []string{
		`create table if not exists %[1]s (agent_id text not null, session_id text not null, state jsonb not null,
			created_at timestamptz default now(), updated_at timestamptz default now(), primary key (agent_id, session_id))`,
		`create index if not exists idx_%[1]s_agent_id on %[1]s (agent_id)`,
		`create index if not exists idx_%[1]s_updated_at on %[1]s (updated_at)`,
	} {
		_, err := conn.Exec(context.Background(), fmt.Sprintf(statement, name))
		must(t, err)
	}
}

func TestTableOfThePeerOpensInPlace(t *testing.T) {
	ctx := context.Background()
	conn := connect(t)
	name := table(t)
	peerTable(t, conn, name)
	_, err := conn.Exec(ctx, "insert into "+name+` values ('a', 'old', '{"agent_id": "a", "version": 7}', '2020-01-01', '2020-01-01'),
		('a', 'undated', '{}', null, null)`)
	must(t, err)
	store := open(t, statestore.Config{ConnString: dsn(t), TableName: name})
	state, err := store.Load(ctx, "a", "old")
	must(t, err)
	if state.Version != 7 {
		t.Errorf("loaded %+v", state)
	}
	must(t, store.Save(ctx, &agentState{AgentID: "a", SessionID: "new"}))
	must(t, store.Save(ctx, &agentState{AgentID: "a", SessionID: "old", Version: 2}))
	sessions, err := store.List(ctx, "a")
	if got := strings.Join(sessions, " "); err != nil || got != "undated old new" {
		t.Errorf("listed %q, error %v", got, err)
	}
	var year, version int
	var recent bool
	must(t, conn.QueryRow(ctx, "select extract(year from created_at), (state->>'version')::int, updated_at > now() - interval '1 minute' from "+
		name+" where session_id = 'old'").Scan(&year, &version, &recent))
	if year != 2020 || version != 2 || !recent {
		t.Errorf("the row: created in %d, version %d, updated recently %v", year, version, recent)
	}
}

func TestTableIsMadeAsThePeerMakesIt(t *testing.T) {
	ctx := context.Background()
	conn := connect(t)
	ours, theirs := table(t)[:20]+"_ours", table(t)[:20]+"_theirs" // longer names have other index names than the peer's
	open(t, statestore.Config{ConnString: dsn(t), TableName: ours})
	peerTable(t, conn, theirs)
	shape := func(name string) (text string) {
		must(t, conn.QueryRow(ctx, `select (select string_agg(concat_ws(' ', column_name, data_type, is_nullable, column_default), ', '
				order by ordinal_position) from information_schema.columns where table_name = $1) || '; '
			|| (select string_agg(indexdef, ', ' order by indexname) from pg_indexes where tablename = $1)`, name).Scan(&text))
		return strings.ReplaceAll(text, name, "…")
	}
	if got, want := shape(ours), shape(theirs); got != want {
		t.Errorf("made\n%s\nthe peer makes\n%s", got, want)
	}
}

func TestRoleWithDataRightsOnlyOpens(t *testing.T) {
	ctx := context.Background()
	conn := connect(t)
	name, role := table(t), table(t)+"_role"
	peerTable(t, conn, name)
	_, err := conn.Exec(ctx, fmt.Sprintf(`create role %[1]s login password 'p'; grant select, insert, update, delete on %[2]s to %[1]s`, role, name))
	must(t, err)
	config := conn.Config()
	connString := fmt.Sprintf("host=%s port=%d dbname=%s user=%s password=p sslmode=disable pool_max_conns=2",
		config.Host, config.Port, config.Database, role)
	store := open(t, statestore.Config{ConnString: connString, TableName: name})
	must(t, store.Save(ctx, &agentState{AgentID: "a", SessionID: "s"}))
	readOnly := open(t, statestore.Config{ConnString: connString + " default_transaction_read_only=on", TableName: name})
	if _, err := readOnly.Load(ctx, "a", "s"); err != nil {
		t.Error(err)
	}
	var coded interface{ SQLState() string }
	if err := readOnly.Save(ctx, &agentState{AgentID: "a", SessionID: "s"}); !errors.As(err, &coded) || coded.SQLState() != "25006" {
		t.Errorf("a save on a read-only session: %v", err)
	}
	_, err = statestore.Open[agentState](ctx, statestore.Config{ConnString: connString, TableName: name + "_none"})
	want := "failed to initialize schema: failed to create table: ERROR: permission denied for schema public (SQLSTATE 42501)"
	if err == nil || err.Error() != want {
		t.Errorf("got error %v, want %q", err, want)
	}
}

func TestDeadlineBehindALock(t *testing.T) {
	ctx := context.Background()
	conn := connect(t)
	name := table(t)
	store := open(t, statestore.Config{ConnString: dsn(t), TableName: name})
	must(t, store.Save(ctx, &agentState{AgentID: "a", SessionID: "locked"}))
	tx, err := conn.Begin(ctx)
	must(t, err)
	defer tx.Rollback(ctx)
	_, err = tx.Exec(ctx, "select 1 from "+name+" for update")
	must(t, err)
	start := time.Now() // before the context, whose time begins with it
	short, cancel := context.WithTimeout(ctx, 300*time.Millisecond)
	defer cancel()
	err = store.Save(short, &agentState{AgentID: "a", SessionID: "locked"})
	took := time.Since(start)
	if !errors.Is(err, context.DeadlineExceeded) || !strings.HasSuffix(err.Error(), "context deadline exceeded") {
		t.Errorf("%v", err)
	}
	if took < 300*time.Millisecond || took > 30*time.Second {
		t.Errorf("took %v", took)
	}
	must(t, store.Save(ctx, &agentState{AgentID: "a", SessionID: "free"}))
}

func TestLoggersAndMetricsOfGoUtils(t *testing.T) {
	ctx := context.Background()
	for _, logger := range []log.Logger{log.NewTestLogger(), log.NewNoopLogger(), log.NewBeautifulLogger("test"),
		log.NewLogger(log.LoggingConfig{Level: log.LevelError})} {
		collector := metrics.NewMetricsCollector("test")
		store := open(t, statestore.Config{ConnString: dsn(t), TableName: table(t), Logger: logger, Metrics: collector})
		must(t, store.Save(ctx, &agentState{AgentID: "a", SessionID: "s"}))
		if count := collector.Counter("forge.integrations.postgres.statestore.save").Value(); count != 1 {
			t.Errorf("%T: save counted %v times", logger, count)
		}
		if count := collector.Histogram("forge.integrations.postgres.statestore.save_duration").Count(); count != 1 {
			t.Errorf("%T: %v durations", logger, count)
		}
		if test, ok := logger.(*log.TestLogger); ok && !test.AssertHasLog("DEBUG", "saved state to postgres") {
			t.Errorf("logged %+v", test.GetLogs())
		}
	}
}
