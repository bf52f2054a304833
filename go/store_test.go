package statekeep

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/statekeep/statekeep/go/internal/testserver"
)

var testDSN string

func TestMain(m *testing.M) {
	os.Exit(testserver.Run(func(dsn string) int {
		testDSN = dsn
		return m.Run()
	}))
}

// openTest opens a store whose states are in a table of the test's own, which the store's set-up has made.
func openTest(t *testing.T, options Options) *Store {
	t.Helper()
	if options.Tables == nil {
		name := fmt.Sprintf("%.40s_%x", strings.ToLower(t.Name()), time.Now().UnixNano())
		options.Tables = map[string]string{"agent_states": `"` + name + `"`}
	}
	store, err := Open(context.Background(), testDSN, options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	if err := store.State().Setup(context.Background()); err != nil {
		t.Fatal(err)
	}
	return store
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestCallKeepsEveryDigitOfADocument(t *testing.T) {
	ctx := context.Background()
	store := openTest(t, Options{})
	digits := strings.Repeat("1234567890", 40)
	document := json.RawMessage(`{"big": 9007199254740993, "huge": ` + digits + `, "text": "\u00e9\ud83d\ude00<>&"}`)
	_, err := store.Call(ctx, "state.save", "agent", "session", document)
	must(t, err)
	raw, err := store.Call(ctx, "state.load", "agent", "session")
	must(t, err)
	for _, part := range []string{"9007199254740993", digits, "é😀<>&"} {
		if !strings.Contains(string(raw), part) {
			t.Errorf("%s is not in %s", part, raw)
		}
	}
}

func TestCallTakesEveryKindOfArgument(t *testing.T) {
	ctx := context.Background()
	store := openTest(t, Options{})
	type id string
	documents := map[string]struct {
		argument any
		want     string
	}{
		"string":     {`{"a": 1}`, `{"a": 1}`},
		"bytes":      {[]byte(`[1, 2]`), `[1, 2]`},
		"raw":        {json.RawMessage(`"text"`), `"text"`},
		"int":        {7, `7`},
		"bool":       {true, `true`},
		"time":       {time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), `"2026-01-02T03:04:05Z"`},
		"map":        {map[string]any{"k": nil}, `{"k": null}`},
		"named text": {id("quoted"), `"quoted"`},
		"float":      {1.5, `1.5`},
	}
	for session, document := range documents {
		_, err := store.Call(ctx, "state.save", id("agent"), []byte(session), document.argument)
		must(t, err)
		raw, err := store.Call(ctx, "state.load", "agent", session)
		must(t, err)
		if string(raw) != document.want {
			t.Errorf("%s: got %s, want %s", session, raw, document.want)
		}
	}
}

func TestStateRoundTrip(t *testing.T) {
	ctx := context.Background()
	state := openTest(t, Options{}).State()
	for _, session := range []string{"one", "two", "three"} {
		must(t, state.Save(ctx, "agent", session, map[string]any{"name": session}))
	}
	var loaded struct{ Name string }
	found, err := state.Load(ctx, "agent", "two", &loaded)
	if err != nil || !found || loaded.Name != "two" {
		t.Fatalf("loaded %+v, found %v, error %v", loaded, found, err)
	}
	if found, err = state.Load(ctx, "agent", "none", &loaded); found || err != nil || loaded.Name != "two" {
		t.Fatalf("a missing state: %+v, found %v, error %v", loaded, found, err)
	}
	sessions, err := state.List(ctx, "agent", 0, 0)
	if got := fmt.Sprint(sessions); err != nil || got != "[three two one]" {
		t.Fatalf("listed %v, error %v", got, err)
	}
	sessions, err = state.List(ctx, "agent", 1, 1)
	if got := fmt.Sprint(sessions); err != nil || got != "[two]" {
		t.Fatalf("listed %v, error %v", got, err)
	}
	must(t, state.Index(ctx))
	hits, err := state.Search(ctx, map[string]any{"name": "one"}, 0, 0)
	if err != nil || len(hits) != 1 || hits[0].SessionID != "one" || time.Since(hits[0].UpdatedAt) > time.Minute {
		t.Fatalf("search found %+v, error %v", hits, err)
	}
	must(t, state.Delete(ctx, "agent", "two"))
	count, err := state.Count(ctx)
	if err != nil || count != 2 {
		t.Fatalf("count %d, error %v", count, err)
	}
}

func TestAdminCalls(t *testing.T) {
	ctx := context.Background()
	store := openTest(t, Options{Tables: map[string]string{"agent_states": `"Odd name"`}})
	must(t, store.Ping(ctx))
	text, err := store.SetupSQL(ctx, "state.setup")
	if err != nil || !strings.Contains(text, `create table if not exists "Odd name"`) {
		t.Fatalf("set-up SQL %q, error %v", text, err)
	}
	raw, err := store.Stats(ctx)
	must(t, err)
	var stats map[string]any
	if err := json.Unmarshal(raw, &stats); err != nil || len(stats) == 0 {
		t.Fatalf("stats %s, error %v", raw, err)
	}
}

func TestErrorsOfBadInput(t *testing.T) {
	ctx := context.Background()
	store := openTest(t, Options{})
	cases := map[string][]any{
		"state.save":   {"", "session", "{}"},
		"state.load":   {"agent"},
		"state.delete": {"agent", "a\x00b"},
		"state.list":   {"\xff", nil, nil},
		"no.such":      {},
		"state.count":  make([]any, argumentsMost+1),
	}
	for op, args := range cases {
		_, err := store.Call(ctx, op, args...)
		var failure *Error
		if !errors.Is(err, ErrInvalid) || !errors.As(err, &failure) || failure.Op != op || failure.Message == "" {
			t.Errorf("%s: %v", op, err)
		}
	}
	err := store.State().Save(ctx, "agent", "session", `{"a": "\u0000"}`)
	var failure interface{ SQLState() string }
	if !errors.Is(err, ErrInvalid) || !errors.As(err, &failure) || failure.SQLState() != "22P05" {
		t.Errorf("a NUL in a document: %v", err)
	}
	if err := store.State().Save(ctx, "agent", "session", make(chan int)); !errors.Is(err, ErrInvalid) {
		t.Errorf("a value that is no JSON: %v", err)
	}
}

func TestOpenRefusesWhatIsWrong(t *testing.T) {
	cancelled, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Open(cancelled, testDSN, Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled context: %v", err)
	}
	wrong := map[string]Options{
		"postgres://user:hidden@host:notaport/db": {},
		"a\x00b":      {},
		"host=/tmp":   {Tables: map[string]string{"agent_states": "a; drop table b"}},
		"host=/tmp/x": {Connections: 1000},
		"host=/tmp/y": {ConnectTimeout: -time.Nanosecond},
		"host=/tmp/z": {Queue: -1},
	}
	for dsn, options := range wrong {
		store, err := Open(context.Background(), dsn, options)
		if store != nil || !errors.Is(err, ErrInvalid) || strings.Contains(err.Error(), "hidden") {
			t.Errorf("%q: %v", dsn, err)
		}
	}
}

func TestErrorMatchesItsSentinelAlone(t *testing.T) {
	sentinels := []error{ErrAbsent, ErrConflict, ErrInvalid, ErrDeadline, ErrCancelled, ErrUnknown, ErrUnavailable,
		ErrFull, ErrClosed, ErrForked, ErrNoMemory, ErrInternal}
	for _, own := range sentinels {
		failure := fmt.Errorf("wrapped: %w", &Error{Status: Status(own.(sentinel))})
		for _, other := range sentinels {
			if errors.Is(failure, other) != (own == other) {
				t.Errorf("%v is %v: %v", failure, other, errors.Is(failure, other))
			}
		}
	}
	unknown := &Error{Status: Unknown, Reason: "deadline"}
	if !errors.Is(unknown, context.DeadlineExceeded) || errors.Is(&Error{Status: Unknown}, context.DeadlineExceeded) {
		t.Error("of unknown outcomes only those of a deadline are context.DeadlineExceeded")
	}
}
