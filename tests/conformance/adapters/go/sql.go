package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log"
	"math"
	"strings"

	statekeep "github.com/statekeep/statekeep/go"
)

// serveSQL answers the requests of "SQL of the caller's own".
func (a *adapter) serveSQL(ctx context.Context, store *statekeep.Store, r request) (json.RawMessage, error) {
	switch r.Do {
	case "lease":
		lease, err := store.Lease(ctx)
		if err == nil {
			a.mu.Lock()
			a.leases[r.Lease] = lease
			a.mu.Unlock()
		}
		return nil, err
	case "return":
		a.lease(r).Return()
		return nil, nil
	case "query":
		return a.query(ctx, store, r)
	case "copy_in":
		count, err := a.lease(r).CopyFrom(ctx, r.SQL, &pieces{request: r})
		return encode(map[string]any{"count": count}), err
	case "copy_out":
		return a.copyOut(ctx, r)
	}
	heard, err := a.lease(r).Notification(ctx)
	return encode(heard), err
}

func (a *adapter) lease(r request) *statekeep.Lease {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.leases[r.Lease]
}

func (a *adapter) query(ctx context.Context, store *statekeep.Store, r request) (json.RawMessage, error) {
	var on statekeep.Querier = store
	if r.Lease != "" {
		on = a.lease(r)
	}
	params := make([]any, 0, len(r.Params))
	for _, raw := range r.Params {
		value, err := argument(raw)
		if text, is := value.(string); is && strings.HasPrefix(string(raw), "{") {
			value = []byte(text) // {"base64": …}
		}
		if err != nil {
			log.Fatalf("adapter: a parameter: %v", err)
		}
		params = append(params, value)
	}
	rows, err := on.Query(ctx, r.SQL, params...)
	if err != nil {
		return nil, err
	}
	result := shown(rows)
	var more []map[string]any
	for _, next := range rows.More {
		more = append(more, shown(next))
	}
	if more != nil {
		result["more"] = more
	}
	return encode(result), nil
}

func shown(rows *statekeep.Rows) map[string]any {
	result := map[string]any{"command": rows.Command, "count": nil}
	if ends := strings.LastIndexAny(rows.Command, "0123456789"); rows.Columns != nil || ends >= 0 && ends == len(rows.Command)-1 {
		result["count"] = rows.Count // other commands have none, and the package says 0
	}
	if rows.Columns == nil {
		return result
	}
	all := make([][]any, rows.Len())
	for row := range all {
		all[row] = rows.Values(row)
		for column, value := range all[row] {
			all[row][column] = shownValue(rows, row, column, value)
		}
	}
	result["columns"], result["rows"] = rows.Columns, all
	return result
}

// shownValue turns what the package made of a value back into text, but for what JSON has values for.
func shownValue(rows *statekeep.Rows, row, column int, value any) any {
	switch value := value.(type) {
	case nil, bool, int64, string:
		return value
	case float64:
		if !math.IsNaN(value) && !math.IsInf(value, 0) {
			return value
		}
	}
	var text string
	variables := make([]any, len(rows.Columns))
	variables[column] = &text
	if err := rows.Scan(row, variables...); err != nil {
		log.Fatalf("adapter: %v", err)
	}
	return text
}

// pieces is the reader of a copy: a Read gives one piece of the request's data, or as much of it as there is room for.
type pieces struct {
	request
	next int    // how many pieces were begun
	left string // of the last one
}

func (p *pieces) Read(space []byte) (int, error) {
	repeat := p.Repeat
	if repeat == 0 {
		repeat = 1
	}
	if p.left == "" && p.next == len(p.Data)*repeat {
		if p.Failure != nil {
			return 0, errors.New(*p.Failure)
		}
		return 0, io.EOF
	}
	if p.left == "" {
		p.left = p.Data[p.next%len(p.Data)]
		p.next++
	}
	size := copy(space, p.left)
	p.left = p.left[size:]
	return size, nil
}

var errStop = errors.New("enough")

// taken is the writer of a copy.
type taken struct {
	text          bytes.Buffer
	keep          bool
	stop          int
	size, largest int
	pieces        int
}

func (t *taken) Write(piece []byte) (int, error) {
	if t.keep {
		t.text.Write(piece)
	}
	if len(piece) > t.largest {
		t.largest = len(piece)
	}
	t.size += len(piece)
	if t.pieces++; t.pieces == t.stop {
		return len(piece), errStop
	}
	return len(piece), nil
}

func (a *adapter) copyOut(ctx context.Context, r request) (json.RawMessage, error) {
	writer := &taken{keep: !r.Sizes, stop: r.Stop}
	if _, err := a.lease(r).CopyTo(ctx, r.SQL, writer); err != nil && err != errStop {
		return nil, err
	}
	if r.Sizes {
		return encode(map[string]int{"bytes": writer.size, "pieces": writer.pieces, "largest": writer.largest}), nil
	}
	return encode(writer.text.String()), nil
}

func encode(value any) json.RawMessage {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		log.Fatalf("adapter: %v", err)
	}
	return bytes.TrimSpace(text.Bytes())
}
