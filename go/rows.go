//go:build cgo

package statekeep

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"time"
)

// Rows is what a statement gave, all of it; for results that do not fit into memory there is Tx.Stream.
//
// Go values of columns are: int64 for integers, float64, bool, string, []byte for bytea, time.Time in UTC for date,
// timestamp and timestamptz, json.RawMessage for json and jsonb, json.Number for numeric, []any for arrays of these, nil for
// NULL, and the server's text for everything else. So is what the Go type cannot hold, such as the date infinity.
type Rows struct {
	Command string   // "SELECT 2", "INSERT 0 1", "CREATE TABLE"
	Count   int64    // rows returned or changed; 0 where the command has none
	Columns []string // names; nil for a statement that returns no rows
	Types   []uint32 // the OIDs of their types
	More    []*Rows  // results of the further statements, when the SQL held several

	// cells are nil, a bool, a json.Number, or else the server's text.
	cells [][]any
}

// newRows reads the result of the core.
func newRows(text []byte) (*Rows, error) {
	type result struct {
		Command string
		Count   *int64
		Columns []string
		Types   []uint32
		Rows    [][]any
		Copy    string // it only began one: nothing was copied yet, nor ever will be
	}
	var all struct {
		result
		More []result
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	if err := decoder.Decode(&all); err != nil {
		return nil, &Error{Status: Internal, Op: "sql.query", Message: "unreadable answer of the core: " + err.Error()}
	}
	if all.Copy != "" || len(all.More) > 0 && all.More[len(all.More)-1].Copy != "" {
		return nil, &Error{Status: Invalid, Op: "sql.query", Message: "a copy cannot be run as a query, but as one of the copies"}
	}
	convert := func(r result) *Rows {
		rows := &Rows{Command: r.Command, Columns: r.Columns, Types: r.Types, cells: r.Rows}
		if r.Count != nil {
			rows.Count = *r.Count
		}
		return rows
	}
	rows := convert(all.result)
	for _, more := range all.More {
		rows.More = append(rows.More, convert(more))
	}
	return rows, nil
}

// Len is the number of rows.
func (r *Rows) Len() int { return len(r.cells) }

// Values gives the Go values of a row, in the order of Columns.
func (r *Rows) Values(row int) []any {
	values := make([]any, len(r.Columns))
	for column, cell := range r.cells[row] {
		values[column] = goValue(r.Types[column], cell)
	}
	return values
}

// Map gives the Go values of a row by column name; of columns with one name the last.
func (r *Rows) Map(row int) map[string]any {
	values := make(map[string]any, len(r.Columns))
	for column, cell := range r.cells[row] {
		values[r.Columns[column]] = goValue(r.Types[column], cell)
	}
	return values
}

// Maps gives Map of each row.
func (r *Rows) Maps() []map[string]any {
	maps := make([]map[string]any, r.Len())
	for row := range maps {
		maps[row] = r.Map(row)
	}
	return maps
}

// Scan converts the columns of a row into variables, in their order: numbers into numeric types that hold them, any value
// into a *string (the server's text) or an *any (the Go value), arrays into slices, JSON into whatever encoding/json
// decodes it into, NULL into pointers and slices as nil; a sql.Scanner is asked. nil leaves a column out.
func (r *Rows) Scan(row int, dst ...any) error {
	if len(dst) != len(r.Columns) {
		return scanError("%d variables for %d columns", len(dst), len(r.Columns))
	}
	for column, variable := range dst {
		if variable == nil {
			continue
		}
		if err := scan(variable, r.Types[column], r.cells[row][column]); err != nil {
			return scanError("column %s: %v", r.Columns[column], err)
		}
	}
	return nil
}

func scanError(format string, args ...any) error {
	return &Error{Status: Invalid, Op: "sql.query", Message: fmt.Sprintf(format, args...)}
}

// Row is the first row of a result, or why there is none.
type Row struct {
	rows *Rows
	err  error
}

// Scan is Rows.Scan; ErrAbsent when the statement gave no row.
func (r *Row) Scan(dst ...any) error {
	if r.err != nil {
		return r.err
	}
	return r.rows.Scan(0, dst...)
}

// Map is Rows.Map; ErrAbsent when the statement gave no row.
func (r *Row) Map() (map[string]any, error) {
	if r.err != nil {
		return nil, r.err
	}
	return r.rows.Map(0), nil
}

func firstRow(rows *Rows, err error) *Row {
	if err == nil && rows.Len() == 0 {
		err = &Error{Status: Absent, Op: "sql.query", Message: "the statement gave no row"}
	}
	return &Row{rows, err}
}

func rowCount(rows *Rows, err error) (int64, error) {
	if err != nil {
		return 0, err
	}
	return rows.Count, nil
}

// Collect converts all rows into values of T: a struct takes columns by their names (the tag `db:"…"`, else `json:"…"`,
// else the field's name in any case), anything else is the only column.
//
//	people, err := statekeep.Collect[Person](store.Query(ctx, "select id, name from people"))
func Collect[T any](rows *Rows, err error) ([]T, error) {
	if err != nil {
		return nil, err
	}
	list := make([]T, rows.Len())
	kind := reflect.TypeOf(list).Elem()
	if kind.Kind() != reflect.Struct || kind == reflect.TypeOf(time.Time{}) || isScanner(reflect.PointerTo(kind)) {
		for row := range list {
			if err := rows.Scan(row, &list[row]); err != nil {
				return nil, err
			}
		}
		return list, nil
	}
	fields, err := fieldsOf(kind, rows.Columns)
	if err != nil {
		return nil, err
	}
	variables := make([]any, len(fields))
	for row := range list {
		value := reflect.ValueOf(&list[row]).Elem()
		for column, field := range fields {
			variables[column] = value.FieldByIndex(field).Addr().Interface()
		}
		if err := rows.Scan(row, variables...); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// fieldsOf finds the field of each column.
func fieldsOf(kind reflect.Type, columns []string) ([][]int, error) {
	fields := make([][]int, len(columns))
	for column, name := range columns {
		for _, field := range reflect.VisibleFields(kind) {
			if field.IsExported() && !field.Anonymous && fieldTakes(field, name) {
				fields[column] = field.Index
				break
			}
		}
		if fields[column] == nil {
			return nil, scanError("%s has no field for the column %s", kind, name)
		}
	}
	return fields, nil
}

func fieldTakes(field reflect.StructField, column string) bool {
	for _, tag := range []string{"db", "json"} {
		if name, _, _ := strings.Cut(field.Tag.Get(tag), ","); name != "" {
			return name == column
		}
	}
	return strings.EqualFold(field.Name, column)
}
