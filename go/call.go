//go:build cgo

package statekeep

import (
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"sync"
	"time"
	"unsafe"
)

// operation is what the catalogue says about one operation.
type operation struct {
	Name string `json:"op"`
	Args []struct {
		Name string `json:"name"`
		Type string `json:"type"`
	} `json:"args"`
}

var (
	catalogOnce sync.Once
	catalog     map[string]*operation
)

func operations() map[string]*operation {
	catalogOnce.Do(func() {
		var list []*operation
		if err := json.Unmarshal([]byte(catalogText()), &list); err != nil {
			panic("statekeep: the core's catalogue: " + err.Error())
		}
		catalog = make(map[string]*operation, len(list))
		for _, op := range list {
			catalog[op.Name] = op
		}
	})
	return catalog
}

// call is one call on its way: its packed arguments, then its outcome. Whoever takes it from the pool puts it back once
// the result was read, unless the call was let go of while the engine still had it.
type call struct {
	op     *operation
	packed []byte  // the operation's name, NUL, the arguments back to back; for a request see engine.h
	sizes  []int64 // of the arguments; -1: NULL
	done   chan struct{}
	status int    // once done has a token
	result []byte // once done has a token; the memory is the call's

	request int      // what is asked when it is no operation
	lease   uint64   // on which
	types   []uint32 // of the parameters
	endless bool     // it has no deadline but its context's

	delivered func(uintptr) bool // for the poller: drains, and says whether done has its token
	waited    bool               // whether the poller has called it
}

func (s *Store) makeCall() *call {
	c := &call{done: make(chan struct{}, 1)}
	c.delivered = func(uintptr) bool {
		if len(c.done) > 0 { // by the last leader, or by who collected
			return true
		}
		if !c.waited { // the answer is hardly there yet, so a cheaper look will do
			c.waited = true
			if !s.readable() {
				return false
			}
		}
		s.step(c)
		return len(c.done) > 0
	}
	return c
}

// keepBytes is the most memory that a call takes back into the pool.
const keepBytes = 64 << 10

func (s *Store) newCall(name string) (*call, error) {
	op := operations()[name]
	if op == nil {
		return nil, &Error{Status: Invalid, Op: name, Message: "there is no such operation"}
	}
	c := s.emptyCall(op)
	c.packed = append(append(c.packed, name...), 0)
	return c, nil
}

// requestNames are what errors of requests call them, by their number.
var requestNames = [...]*operation{{}, {Name: "lease.take"}, {Name: "sql.query"}, {Name: "sql.copy_in"},
	{Name: "sql.copy_in"}, {Name: "sql.copy_out"}, {Name: "sql.notification"}}

// newRequest is newCall for what is no operation.
func (s *Store) newRequest(request int, lease uint64) *call {
	c := s.emptyCall(requestNames[request])
	c.request, c.lease = request, lease
	return c
}

func (s *Store) emptyCall(op *operation) *call {
	c := s.pool.Get().(*call)
	if cap(c.packed) > keepBytes {
		c.packed = nil
	}
	if cap(c.result) > keepBytes {
		c.result = nil
	}
	c.op, c.request, c.lease, c.endless = op, requestNone, 0, false
	c.packed, c.sizes, c.types = c.packed[:0], c.sizes[:0], c.types[:0]
	return c
}

func (c *call) addText(text string) {
	c.packed = append(c.packed, text...)
	c.sizes = append(c.sizes, int64(len(text)))
}

func (c *call) addBytes(bytes []byte) {
	if bytes == nil {
		c.sizes = append(c.sizes, -1)
		return
	}
	c.packed = append(c.packed, bytes...)
	c.sizes = append(c.sizes, int64(len(bytes)))
}

// addVector appends floats as the machine has them.
func (c *call) addVector(floats []float32) {
	if floats == nil {
		c.addBytes(nil)
		return
	}
	for _, float := range floats {
		bits := math.Float32bits(float)
		c.packed = append(c.packed, (*[4]byte)(unsafe.Pointer(&bits))[:]...)
	}
	c.sizes = append(c.sizes, int64(4*len(floats)))
}

// add appends an argument as Call describes it.
func (c *call) add(arg any) error {
	if len(c.sizes) == argumentsMost {
		return &Error{Status: Invalid, Op: c.op.Name, Message: "too many arguments"}
	}
	switch value := arg.(type) {
	case nil:
		c.addBytes(nil)
	case string:
		c.addText(value)
	case []byte:
		c.addBytes(value)
	case json.RawMessage:
		c.addBytes(value)
	case []float32:
		c.addVector(value)
	case int:
		c.addText(strconv.Itoa(value))
	case bool:
		c.addText(strconv.FormatBool(value))
	default:
		return c.addEncoded(arg)
	}
	return nil
}

func (c *call) addEncoded(arg any) error {
	if at, isTime := arg.(time.Time); isTime && !c.takesJSON() {
		c.addText(at.Format(time.RFC3339Nano))
		return nil
	}
	if value := reflect.ValueOf(arg); value.Kind() == reflect.String && !c.takesJSON() {
		c.addText(value.String())
		return nil
	}
	text, err := json.Marshal(arg)
	if err != nil {
		return &Error{Status: Invalid, Op: c.op.Name, Message: fmt.Sprintf("argument %d: %v", len(c.sizes)+1, err)}
	}
	c.addBytes(text)
	return nil
}

// takesJSON says whether the next argument is a document or a list, which travels as JSON.
func (c *call) takesJSON() bool {
	next := len(c.sizes)
	if next >= len(c.op.Args) {
		return false
	}
	kind := c.op.Args[next].Type
	return kind == "json" || len(kind) > 2 && kind[len(kind)-2:] == "[]"
}
