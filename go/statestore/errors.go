package statestore

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	statekeep "github.com/statekeep/statekeep/go"
)

// failure shows an engine's error in the words that callers of the pgx store know. errors.As reaches the
// *statekeep.Error behind it, and with it SQLState() string; errors.Is the context's errors.
type failure struct {
	text string
	err  error
}

func (f *failure) Error() string { return f.text }
func (f *failure) Unwrap() error { return f.err }

func cause(err error) error {
	var engine *statekeep.Error
	if !errors.As(err, &engine) {
		return err
	}
	return &failure{text: describe(engine), err: err}
}

func describe(err *statekeep.Error) string {
	switch {
	case err.Status == statekeep.Closed:
		return "closed pool"
	case err.Status == statekeep.Cancelled:
		return context.Canceled.Error()
	case errors.Is(err, context.DeadlineExceeded):
		if err.Message == context.DeadlineExceeded.Error() { // over before there was a statement to wait for
			return err.Message
		}
		return "timeout: " + context.DeadlineExceeded.Error()
	case err.Code != "":
		return fmt.Sprintf("%s: %s (SQLSTATE %s)", severity(err.Code), err.Message, err.Code)
	case err.Message != "":
		return err.Message
	}
	return err.Error()
}

// checkEncoding refuses an id that PostgreSQL's text cannot hold, as the server would; the engine refuses it before, and
// has no SQLSTATE to give.
func checkEncoding(op string, ids ...string) error {
	for _, id := range ids {
		for at, char := range id {
			if _, size := utf8.DecodeRuneInString(id[at:]); char == 0 || char == utf8.RuneError && size == 1 {
				return &statekeep.Error{Status: statekeep.Invalid, Op: op, Code: "22021",
					Message: fmt.Sprintf(`invalid byte sequence for encoding "UTF8": 0x%02x`, id[at])}
			}
		}
	}
	return nil
}

// severity is what the server says beside a code: FATAL where it refuses or ends a connection.
func severity(code string) string {
	for _, fatal := range []string{"08", "28", "3D", "53300", "57P"} {
		if strings.HasPrefix(code, fatal) {
			return "FATAL"
		}
	}
	return "ERROR"
}

// notFound is Load's error for a session without a state. It is ErrAbsent, which the pgx store has no value for.
type notFound struct{ agentID, sessionID string }

func (n *notFound) Error() string {
	return fmt.Sprintf("state not found for agent %s, session %s", n.agentID, n.sessionID)
}

func (n *notFound) Is(target error) bool { return target == statekeep.ErrAbsent }
