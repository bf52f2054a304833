//go:build cgo && go1.21

package statekeep

import "context"

// onDone calls f in a goroutine of its own once the context is over; stop keeps it from being called. ok says that it
// will be.
func onDone(ctx context.Context, f func()) (stop func() bool, ok bool) {
	if ctx.Done() == nil {
		return func() bool { return true }, true
	}
	return context.AfterFunc(ctx, f), true
}
