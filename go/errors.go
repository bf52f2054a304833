//go:build cgo

package statekeep

import (
	"context"
	"encoding/json"
	"strings"
)

// Status is how a call ended, by the name the C core gives it.
type Status string

// The statuses of failed calls. Only Unknown, and Cancelled for what was sent already, leave open whether a write took
// effect; with every other status nothing was stored.
const (
	Absent      Status = "ABSENT"      // the operation needs a row that is not there
	Conflict    Status = "CONFLICT"    // another version, key or owner was there first
	Invalid     Status = "INVALID"     // an argument, a name or an option is wrong
	Deadline    Status = "DEADLINE"    // the call's time was over before an answer
	Cancelled   Status = "CANCELLED"   // the caller let go; what was sent already may take effect
	Unknown     Status = "UNKNOWN"     // sent, but whether it was committed is not known
	Unavailable Status = "UNAVAILABLE" // no server that serves us
	Full        Status = "FULL"        // the queue is at its cap
	Closed      Status = "CLOSED"      // the store is closed
	Forked      Status = "FORKED"      // the store belongs to the parent process
	NoMemory    Status = "NO_MEMORY"   // an allocation failed
	Internal    Status = "INTERNAL"    // a mistake of StateKeep or an unforeseen answer of the server
)

// Values for errors.Is: errors.Is(err, statekeep.ErrConflict). Deadline errors are also context.DeadlineExceeded,
// cancelled ones also context.Canceled.
var (
	ErrAbsent      error = sentinel(Absent)
	ErrConflict    error = sentinel(Conflict)
	ErrInvalid     error = sentinel(Invalid)
	ErrDeadline    error = sentinel(Deadline)
	ErrCancelled   error = sentinel(Cancelled)
	ErrUnknown     error = sentinel(Unknown)
	ErrUnavailable error = sentinel(Unavailable)
	ErrFull        error = sentinel(Full)
	ErrClosed      error = sentinel(Closed)
	ErrForked      error = sentinel(Forked)
	ErrNoMemory    error = sentinel(NoMemory)
	ErrInternal    error = sentinel(Internal)
)

type sentinel Status

func (s sentinel) Error() string { return "statekeep: " + string(s) }

// Error is the failure of one call.
type Error struct {
	Status  Status `json:"status"`
	Op      string `json:"op"`       // the operation, "state.save"; "sql.query" and its like; empty when the store itself is unusable
	Message string `json:"message"`  // the server's primary message, or the core's; never holds a password
	Code    string `json:"sqlstate"` // the server's SQLSTATE; empty when the server did not answer
	Detail  string `json:"detail"`   // the server's detail; may be empty
	Reason  string `json:"reason"`   // with Unknown: "link", "deadline" or "memory"; with Deadline: "queue" past Options.QueueTimeout
	Retry   bool   `json:"retry"`    // the same call may succeed later, and repeating it does no harm

	// What else the server told of a refused statement; empty where it did not.
	Hint       string `json:"hint"`
	Position   int    `json:"position"` // in the SQL, in characters from 1 on
	Schema     string `json:"schema"`
	Table      string `json:"table"`
	Column     string `json:"column"`
	Constraint string `json:"constraint"`

	cause error
}

// Error gives "statekeep: state.save: INVALID: message (SQLSTATE 22P05)" without the parts that are empty.
func (e *Error) Error() string {
	var text strings.Builder
	text.WriteString("statekeep: ")
	if e.Op != "" {
		text.WriteString(e.Op + ": ")
	}
	text.WriteString(string(e.Status))
	if e.Message != "" {
		text.WriteString(": " + e.Message)
	}
	if e.Code != "" {
		text.WriteString(" (SQLSTATE " + e.Code + ")")
	}
	return text.String()
}

// SQLState gives the server's error code, or "" when the server did not answer.
func (e *Error) SQLState() string { return e.Code }

// Unwrap gives the error of the caller's own reader that ended a copy, and nil else.
func (e *Error) Unwrap() error { return e.cause }

// Is matches the sentinel of the error's status, and the context errors that say the same.
func (e *Error) Is(target error) bool {
	switch target {
	case context.Canceled:
		return e.Status == Cancelled
	case context.DeadlineExceeded:
		return e.Status == Deadline || e.Status == Unknown && e.Reason == "deadline"
	}
	return target == sentinel(e.Status)
}

// newError reads the error JSON of the core.
func newError(op string, text []byte) *Error {
	failure := &Error{}
	if err := json.Unmarshal(text, failure); err != nil {
		return &Error{Status: Internal, Op: op, Message: "unreadable error of the core: " + err.Error()}
	}
	if failure.Op == "" {
		failure.Op = op
	}
	return failure
}

// contextError is the error of a call whose context was over before the core had the call, or once it let go of it.
func contextError(op string, err error) *Error {
	if err == context.DeadlineExceeded {
		return &Error{Status: Deadline, Op: op, Message: err.Error()}
	}
	return &Error{Status: Cancelled, Op: op, Message: err.Error()}
}
