// The adapter of the Go package: a goroutine for each call in flight, let go by cancelling its context.
package main

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"log"
	"os"
	"sync"
	"time"

	statekeep "github.com/statekeep/statekeep/go"
)

type request struct {
	ID         int64                      `json:"id"`
	Do         string                     `json:"do"`
	Store      string                     `json:"store"`
	DSN        *string                    `json:"dsn"`
	Options    options                    `json:"options"`
	Op         string                     `json:"op"`
	Names      []string                   `json:"names"`
	Args       map[string]json.RawMessage `json:"args"`
	DeadlineMS int64                      `json:"deadline_ms"`

	Lease   string            `json:"lease"`
	SQL     string            `json:"sql"`
	Params  []json.RawMessage `json:"params"`
	Data    []string          `json:"data"`
	Repeat  int               `json:"repeat"`
	Failure *string           `json:"failure"`
	Sizes   bool              `json:"sizes"`
	Stop    int               `json:"stop"`
}

type answer struct {
	ID     int64   `json:"id"`
	Status string  `json:"status"`
	Result *string `json:"result,omitempty"`
	Error  *fault  `json:"error,omitempty"`
}

type fault struct {
	Status   string `json:"status"`
	Op       string `json:"op,omitempty"`
	Message  string `json:"message"`
	SQLState string `json:"sqlstate,omitempty"`
	Detail   string `json:"detail,omitempty"`
	Reason   string `json:"reason,omitempty"`
	Retry    bool   `json:"retry"`

	Hint       string `json:"hint,omitempty"`
	Position   int    `json:"position,omitempty"`
	Schema     string `json:"schema,omitempty"`
	Table      string `json:"table,omitempty"`
	Column     string `json:"column,omitempty"`
	Constraint string `json:"constraint,omitempty"`
}

type adapter struct {
	mu      sync.Mutex
	stores  map[string]*statekeep.Store
	leases  map[string]*statekeep.Lease
	cancels map[int64]context.CancelFunc
	running sync.WaitGroup
	writing sync.Mutex
	out     *bufio.Writer
}

const hello = `{"binding":"go","ordered":false,"cancels":true,"waits_when_full":true,"forks":false,"sql":true}`

func main() {
	a := &adapter{
		stores:  map[string]*statekeep.Store{},
		leases:  map[string]*statekeep.Lease{},
		cancels: map[int64]context.CancelFunc{},
		out:     bufio.NewWriter(os.Stdout),
	}
	lines := bufio.NewReaderSize(os.Stdin, 1<<20)
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			break
		}
		var r request
		if err := json.Unmarshal(line, &r); err != nil {
			log.Fatalf("adapter: %v in a request", err)
		}
		a.serve(r)
	}
	a.running.Wait()
	for _, store := range a.stores {
		store.Close()
	}
}

func (a *adapter) serve(r request) {
	switch r.Do {
	case "hello":
		a.answer(r, hello, nil)
	case "open":
		a.open(r)
	case "call":
		a.start(r, call)
	case "lease", "return", "query", "copy_in", "copy_out", "notification":
		a.start(r, a.serveSQL)
	case "cancel":
		a.mu.Lock()
		if cancel := a.cancels[r.ID]; cancel != nil {
			cancel()
		}
		a.mu.Unlock()
	case "close":
		a.answer(r, "null", a.store(r).Close())
	default:
		log.Fatalf("adapter: no request %q", r.Do)
	}
}

func (a *adapter) open(r request) {
	converted, err := r.Options.convert()
	if err != nil {
		a.answer(r, "", err)
		return
	}
	dsn := ""
	if r.DSN != nil {
		dsn = *r.DSN
	}
	store, err := statekeep.Open(context.Background(), dsn, converted)
	if err == nil {
		a.mu.Lock()
		a.stores[r.Store] = store
		a.mu.Unlock()
	}
	a.answer(r, "null", err)
}

func (a *adapter) store(r request) *statekeep.Store {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.stores[r.Store]
}

func (a *adapter) start(r request, work func(context.Context, *statekeep.Store, request) (json.RawMessage, error)) {
	ctx, cancel := context.WithCancel(context.Background())
	if r.DeadlineMS != 0 {
		ctx, cancel = context.WithTimeout(context.Background(), time.Duration(r.DeadlineMS)*time.Millisecond)
	}
	a.mu.Lock()
	a.cancels[r.ID] = cancel
	a.mu.Unlock()
	store := a.store(r)
	a.running.Add(1)
	go func() {
		defer a.running.Done()
		result, err := work(ctx, store, r)
		a.mu.Lock()
		delete(a.cancels, r.ID)
		a.mu.Unlock()
		cancel()
		if result == nil {
			result = json.RawMessage("null")
		}
		a.answer(r, string(result), err)
	}()
}

func call(ctx context.Context, store *statekeep.Store, r request) (json.RawMessage, error) {
	args := make([]any, 0, len(r.Names))
	for _, name := range r.Names {
		value, err := argument(r.Args[name])
		if err != nil {
			log.Fatalf("adapter: argument %s: %v", name, err)
		}
		args = append(args, value)
	}
	return store.Call(ctx, r.Op, args...)
}

// argument gives a value of a request as a user of the package would; a Go string holds any bytes.
func argument(raw json.RawMessage) (any, error) {
	if raw == nil {
		return nil, nil
	}
	var forms map[string]json.RawMessage
	if json.Unmarshal(raw, &forms) != nil {
		return scalar(raw)
	}
	for form, inner := range forms {
		if form == "value" {
			var value any
			return value, json.Unmarshal(inner, &value)
		}
		if form == "vector" {
			var value []float32
			return value, json.Unmarshal(inner, &value)
		}
		var text string
		if err := json.Unmarshal(inner, &text); err != nil {
			return nil, err
		}
		if form == "json" {
			return json.RawMessage(text), nil
		}
		bytes, err := base64.StdEncoding.DecodeString(text)
		if form == "json_base64" {
			return json.RawMessage(bytes), err
		}
		return string(bytes), err
	}
	return nil, nil
}

func scalar(raw json.RawMessage) (any, error) {
	var number int
	if json.Unmarshal(raw, &number) == nil && string(raw) != "null" {
		return number, nil
	}
	var value any
	err := json.Unmarshal(raw, &value)
	return value, err
}

func (a *adapter) answer(r request, result string, err error) {
	message := answer{ID: r.ID, Status: "OK", Result: &result}
	if err != nil {
		var failure *statekeep.Error
		if !errors.As(err, &failure) {
			log.Fatalf("adapter: an error that is not the package's: %v", err)
		}
		message = answer{ID: r.ID, Status: string(failure.Status), Error: &fault{
			Status: string(failure.Status), Op: failure.Op, Message: failure.Message, SQLState: failure.SQLState(),
			Detail: failure.Detail, Reason: failure.Reason, Retry: failure.Retry, Hint: failure.Hint, Position: failure.Position,
			Schema: failure.Schema, Table: failure.Table, Column: failure.Column, Constraint: failure.Constraint,
		}}
	}
	line, err := json.Marshal(message)
	if err != nil {
		log.Fatalf("adapter: %v", err)
	}
	a.writing.Lock()
	defer a.writing.Unlock()
	a.out.Write(append(line, '\n'))
	a.out.Flush()
}
