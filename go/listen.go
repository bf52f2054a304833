//go:build cgo

package statekeep

import (
	"context"
	"encoding/json"
	"runtime"
	"strings"
)

// Notification is what somebody sent to a channel by NOTIFY.
type Notification struct {
	Channel string `json:"channel"`
	Payload string `json:"payload"`
	PID     int    `json:"pid"` // of the server process that sent it
}

// Listener hears the notifications of some channels, on a lease that it keeps until Close.
type Listener struct{ lease *Lease }

// Listen takes a lease and listens to the channels on it. Names are taken as they are written, case included.
func (s *Store) Listen(ctx context.Context, channels ...string) (*Listener, error) {
	lease, err := s.Lease(ctx)
	if err != nil {
		return nil, err
	}
	var statements []string
	for _, channel := range channels {
		statements = append(statements, `listen "`+strings.ReplaceAll(channel, `"`, `""`)+`"`)
	}
	if len(statements) > 0 {
		if _, err := lease.Exec(ctx, strings.Join(statements, ";")); err != nil {
			lease.Return()
			return nil, err
		}
	}
	return &Listener{lease}, nil
}

// Next waits for the next notification, as long as the context allows. What comes between two calls is kept.
func (l *Listener) Next(ctx context.Context) (Notification, error) { return l.lease.Notification(ctx) }

// Close returns the lease and with it stops listening. Closing twice is harmless. It is always nil.
func (l *Listener) Close() error {
	l.lease.Return()
	return nil
}

// Notification waits for the next notification on a lease that ran "listen …". Without a deadline of its context it waits
// for ever.
func (l *Lease) Notification(ctx context.Context) (Notification, error) {
	defer runtime.KeepAlive(l)
	c := l.store.newRequest(requestNotification, l.id)
	c.endless = true
	result, err := l.store.run(ctx, c)
	if err != nil {
		return Notification{}, err
	}
	var heard Notification
	err = json.Unmarshal(result, &heard)
	l.store.pool.Put(c)
	if err != nil {
		return heard, &Error{Status: Internal, Op: "sql.notification", Message: "unreadable answer of the core: " + err.Error()}
	}
	return heard, nil
}

// Notify sends a notification to a channel; in a transaction it leaves with the commit.
func Notify(ctx context.Context, on Querier, channel, payload string) error {
	_, err := on.Exec(ctx, "select pg_notify($1, $2)", channel, payload)
	return err
}
