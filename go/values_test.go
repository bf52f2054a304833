package statekeep

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/big"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"
)

func openSQL(t *testing.T, options Options) *Store {
	t.Helper()
	store, err := Open(context.Background(), testDSN, options)
	must(t, err)
	t.Cleanup(func() { store.Close() })
	return store
}

func TestColumnsHaveGoTypes(t *testing.T) {
	store := openSQL(t, Options{})
	at := time.Date(2026, 1, 2, 3, 4, 5, 678900000, time.UTC)
	for expression, want := range map[string]any{
		"null::int":           nil,
		"7::smallint":         int64(7),
		"(-2147483648)::int":  int64(math.MinInt32),
		"9223372036854775807": int64(math.MaxInt64),
		"4294967295::oid":     int64(math.MaxUint32),
		"0.1::float8":         0.1,
		"'-Infinity'::float4": math.Inf(-1),
		"true":                true,
		"'it''s é😀'":          "it's é😀",
		`'\x00ff41'::bytea`:   []byte{0, 255, 'A'},
		"timestamptz '2026-01-02 03:04:05.6789Z'":        at,
		"timestamp '2026-01-02 03:04:05.6789'":           at,
		"date '2026-01-02'":                              at.Truncate(24 * time.Hour),
		"date 'infinity'":                                "infinity",
		"timestamptz '0044-03-15 12:00:00+00 BC'":        "0044-03-15 12:00:00+00 BC",
		`'{"a": 9007199254740993.10}'::json`:             json.RawMessage(`{"a": 9007199254740993.10}`),
		"'null'::jsonb":                                  json.RawMessage("null"),
		"123456789012345678901234567890.5":               json.Number("123456789012345678901234567890.5"),
		"interval '1 day 2 hours'":                       "1 day 02:00:00",
		"array[1, null, 3]":                              []any{int64(1), nil, int64(3)},
		"array[[1, 2], [3, 4]]::bigint[]":                []any{[]any{int64(1), int64(2)}, []any{int64(3), int64(4)}},
		"'[0:1]={5,6}'::int[]":                           []any{int64(5), int64(6)},
		`array['a"b\c', 'NULL', null, '', '{x,y}']`:      []any{`a"b\c`, "NULL", nil, "", "{x,y}"},
		"'{}'::text[]":                                   []any{},
		"array[true, false]":                             []any{true, false},
		`array['\x01'::bytea]`:                           []any{[]byte{1}},
		"array[1.5, 'NaN'::numeric]":                     []any{json.Number("1.5"), json.Number("NaN")},
		`array['{"a": [1, 2]}'::jsonb]`:                  []any{json.RawMessage(`{"a": [1, 2]}`)},
		"array[timestamptz '2026-01-02 03:04:05.6789Z']": []any{at},
	} {
		rows, err := store.Query(context.Background(), "select "+expression+" as value")
		if err != nil {
			t.Errorf("%s: %v", expression, err)
			continue
		}
		if got := rows.Map(0)["value"]; !reflect.DeepEqual(got, want) {
			t.Errorf("%s is %#v, not %#v", expression, got, want)
		}
	}
}

func TestTimesOfEveryZoneAreInstants(t *testing.T) {
	ctx := context.Background()
	lease, err := openSQL(t, Options{}).Lease(ctx)
	must(t, err)
	defer lease.Return()
	for _, zone := range []string{"Asia/Kolkata", "America/St_Johns", "UTC", "Europe/Amsterdam"} {
		_, err := lease.Exec(ctx, "select set_config('timezone', $1, false)", zone)
		must(t, err)
		for _, at := range []time.Time{time.Date(1890, 5, 6, 7, 8, 9, 0, time.UTC), time.Date(2026, 5, 6, 7, 8, 9, 1000, time.UTC)} {
			var got time.Time
			if must(t, lease.QueryRow(ctx, "select $1::timestamptz", at).Scan(&got)); !got.Equal(at) {
				t.Errorf("in %s %v became %v", zone, at, got)
			}
		}
	}
}

func TestParametersComeBack(t *testing.T) {
	type word string
	ctx := context.Background()
	store := openSQL(t, Options{})
	text, empty := "pointed", []byte{}
	at := time.Date(2026, 1, 2, 3, 4, 5, 6000, time.FixedZone("", 3600))
	for _, c := range []struct {
		place string
		arg   any
		want  any
	}{
		{"$1::text", nil, nil},
		{"$1", "text", "text"},
		{"$1", "", ""},
		{"$1", word("named"), "named"},
		{"$1::text", &text, "pointed"},
		{"$1::text", (*string)(nil), nil},
		{"$1 + 1", 41, int64(42)},
		{"$1", int64(math.MinInt64), int64(math.MinInt64)},
		{"$1", uint64(math.MaxUint64), json.Number("18446744073709551615")},
		{"$1", 0.1, 0.1},
		{"$1 is not distinct from 'NaN'", math.NaN(), true},
		{"not $1", false, true},
		{"$1", []byte("\x00\xff"), []byte("\x00\xff")},
		{"$1", empty, empty},
		{"$1::bytea", []byte(nil), nil},
		{"$1", at, at.UTC()},
		{"$1", 90 * time.Minute, "01:30:00"},
		{"$1", json.Number("1.50"), json.Number("1.50")},
		{"$1::json", json.RawMessage(`{"b":1, "a":1.0}`), json.RawMessage(`{"b":1, "a":1.0}`)},
		{"$1 -> 'k'", map[string]any{"k": []int{1}}, json.RawMessage("[1]")},
		{"$1", struct{ A int }{7}, json.RawMessage(`{"A": 7}`)},
		{"$1::inet", netip.MustParseAddr("10.0.0.1"), "10.0.0.1"},
		{"$1::numeric", new(big.Int).Lsh(big.NewInt(1), 100), json.Number("1267650600228229401496703205376")},
		{"$1::text", sql.NullString{}, nil},
		{"$1", sql.NullInt64{Int64: 5, Valid: true}, int64(5)},
		{"$1", []int{1, 70000}, []any{int64(1), int64(70000)}},
		{"$1::int[]", []int64{}, []any{}},
		{"$1::text[]", []string{`a"b`, `\`, "NULL", "", "é"}, []any{`a"b`, `\`, "NULL", "", "é"}},
		{"$1::text[]", []string(nil), nil},
		{"$1::int[]", []any{1, nil, 3}, []any{int64(1), nil, int64(3)}},
		{"$1", [][]float64{{1, 2}, {3, 4.5}}, []any{[]any{1.0, 2.0}, []any{3.0, 4.5}}},
		{"$1", [][]byte{{0}, {1, 2}}, []any{[]byte{0}, []byte{1, 2}}},
		{"$1", []time.Time{at}, []any{at.UTC()}},
	} {
		rows, err := store.Query(ctx, "select "+c.place, c.arg)
		if err != nil {
			t.Errorf("%s of %#v: %v", c.place, c.arg, err)
			continue
		}
		if got := rows.Values(0)[0]; !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s of %#v is %#v, not %#v", c.place, c.arg, got, c.want)
		}
	}
}

func TestParametersThatSQLCannotHold(t *testing.T) {
	store := openSQL(t, Options{})
	for _, arg := range []any{make(chan int), func() {}, []any{make(chan int)}, map[string]any{"a": make(chan int)}} {
		if _, err := store.Query(context.Background(), "select $1", arg); !errors.Is(err, ErrInvalid) {
			t.Errorf("%T: %v", arg, err)
		}
	}
	_, err := store.Query(context.Background(), "select $1", "a\x00b")
	var failure *Error
	if !errors.As(err, &failure) || failure.Status != Invalid || failure.SQLState() != "22021" {
		t.Errorf("a NUL: %v", err)
	}
}

func TestScanConverts(t *testing.T) {
	store := openSQL(t, Options{})
	rows, err := store.Query(context.Background(), `select 7 as n, 1.5 as d, 'x' as s, null as nothing, array[1,2] as list,
		'{"a": 1}'::jsonb as doc, '\x01'::bytea as raw, timestamptz '2026-01-02Z' as at, 'yes' as word`)
	must(t, err)
	var (
		small   uint8
		float   float32
		text    string
		nothing *int
		list    []int32
		doc     struct{ A int }
		raw     []byte
		at      *time.Time
		word    sql.NullString
	)
	must(t, rows.Scan(0, &small, &float, &text, &nothing, &list, &doc, &raw, &at, &word))
	got := fmt.Sprintln(small, float, text, nothing, list, doc, raw, at.Year(), word.String)
	if want := "7 1.5 x <nil> [1 2] {1} [1] 2026 yes\n"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	var texts [9]*string
	must(t, rows.Scan(0, &texts[0], &texts[1], &texts[2], &texts[3], &texts[4], &texts[5], nil, nil, nil))
	if *texts[0] != "7" || *texts[1] != "1.5" || texts[3] != nil || *texts[4] != "{1,2}" || *texts[5] != `{"a": 1}` {
		t.Errorf("texts %v", texts)
	}
	var number int
	var flag bool
	for column, variable := range []any{&flag, &number, &number, &number, &number, &number, &number, &number, &number} {
		variables := make([]any, 9)
		variables[column] = variable
		if err := rows.Scan(0, variables...); !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), rows.Columns[column]) {
			t.Errorf("column %s into a %T: %v", rows.Columns[column], variable, err)
		}
	}
	if err := rows.Scan(0, &number); !errors.Is(err, ErrInvalid) {
		t.Errorf("one variable for nine columns: %v", err)
	}
	if err := rows.Scan(0, number, nil, nil, nil, nil, nil, nil, nil, nil); !errors.Is(err, ErrInvalid) {
		t.Errorf("no pointer: %v", err)
	}
}

func TestCollect(t *testing.T) {
	type base struct {
		ID int64 `json:"id,omitempty"`
	}
	type person struct {
		base
		Name  string
		Tags  []string `db:"labels"`
		Since *time.Time
	}
	ctx := context.Background()
	store := openSQL(t, Options{})
	people, err := Collect[person](store.Query(ctx, `select * from (values (1, 'ann', array['x', 'y'], null::timestamptz),
		(2, 'bob', '{}', '2026-01-02Z')) as p(id, name, labels, since)`))
	must(t, err)
	if len(people) != 2 || people[0].ID != 1 || people[0].Name != "ann" || fmt.Sprint(people[0].Tags) != "[x y]" ||
		people[0].Since != nil || people[1].Since.Year() != 2026 {
		t.Errorf("%+v", people)
	}
	numbers, err := Collect[int](store.Query(ctx, "select generate_series(1, 3)"))
	if fmt.Sprint(numbers) != "[1 2 3]" || err != nil {
		t.Errorf("%v, error %v", numbers, err)
	}
	if _, err := Collect[person](store.Query(ctx, "select 1 as unknown")); !errors.Is(err, ErrInvalid) {
		t.Errorf("a column without a field: %v", err)
	}
	if _, err := Collect[int](store.Query(ctx, "select 1/0")); !errors.Is(err, ErrInvalid) {
		t.Errorf("a statement that fails: %v", err)
	}
}
