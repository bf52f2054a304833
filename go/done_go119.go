//go:build cgo && !go1.21

package statekeep

import "context"

// onDone is context.AfterFunc where there is one. Here only contexts that are never over can do without a goroutine to
// watch them; for others ok is false.
func onDone(ctx context.Context, f func()) (stop func() bool, ok bool) {
	return func() bool { return true }, ctx.Done() == nil
}
