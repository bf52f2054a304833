package statekeep

/*
#cgo CFLAGS: -I${SRCDIR}/../core/include
#include "engine.h"
*/
import "C"

import (
	"os"
	"syscall"
	"time"
	"unsafe"

	_ "github.com/statekeep/statekeep/core/src" // the C core
)

const (
	argumentsMost = C.ARGUMENTS_MOST
	statusPending = C.KEEP_PENDING
	statusOK      = C.KEEP_OK
	statusFull    = C.KEEP_FULL
	statusClosed  = C.KEEP_CLOSED

	requestNone         = C.REQUEST_NONE
	requestLease        = C.REQUEST_LEASE
	requestQuery        = C.REQUEST_QUERY
	requestCopyIn       = C.REQUEST_COPY_IN
	requestCopyFail     = C.REQUEST_COPY_FAIL
	requestCopyOut      = C.REQUEST_COPY_OUT
	requestNotification = C.REQUEST_NOTIFICATION
)

// engine is the C store and the array in which its finished calls arrive. Any goroutine may submit and cancel; one at
// a time may drain; free comes last.
type engine struct {
	store *C.keep_store
	list  *C.finished
	held  C.int // tickets in list that the next drain gives back
}

// finished is a call that has an outcome. Its result lies in C memory until the next drain.
type finished struct {
	ticket uint64
	status int
	result []byte
}

func openEngine(dsn, options string) (*engine, error) {
	cDSN, cOptions := C.CString(dsn), C.CString(options)
	defer C.free(unsafe.Pointer(cDSN))
	defer C.free(unsafe.Pointer(cOptions))
	var store *C.keep_store
	if C.keep_open(&store, cDSN, cOptions) == C.KEEP_NO_MEMORY && store == nil {
		return nil, &Error{Status: NoMemory, Message: "no memory for a store"}
	}
	if failure := C.keep_error(store); failure.data != nil {
		err := newError("", borrow(failure.data, failure.size))
		C.keep_free(store)
		return nil, err
	}
	list := (*C.finished)(C.malloc(C.FINISHED_MOST * C.size_t(unsafe.Sizeof(C.finished{}))))
	return &engine{store: store, list: list}, nil
}

// descriptor gives a duplicate of the store's descriptor on the runtime's poller; closing it is the runtime's own affair.
func (e *engine) descriptor() (*os.File, syscall.RawConn, error) {
	fd := int(C.duplicate(C.keep_fd(e.store)))
	if fd < 0 {
		return nil, nil, &Error{Status: Internal, Message: "cannot duplicate the store's descriptor"}
	}
	if err := syscall.SetNonblock(fd, true); err != nil {
		syscall.Close(fd)
		return nil, nil, &Error{Status: Internal, Message: "the store's descriptor: " + err.Error()}
	}
	file := os.NewFile(uintptr(fd), "statekeep")
	raw, err := file.SyscallConn()
	if err == nil {
		err = file.SetReadDeadline(time.Time{}) // fails when the poller did not take the descriptor
	}
	if err != nil {
		file.Close()
		return nil, nil, &Error{Status: Internal, Message: "the runtime cannot wait on the descriptor: " + err.Error()}
	}
	return file, raw, nil
}

func (e *engine) submit(c *call, deadlineMS int) finished {
	packed := append(c.packed, 0) // so that there is a first byte, and texts end
	first := (*C.char)(unsafe.Pointer(&packed[0]))
	var sizes *C.int64_t
	if len(c.sizes) > 0 {
		sizes = (*C.int64_t)(&c.sizes[0])
	}
	var call C.finished
	if c.request == requestNone {
		call = C.submit(e.store, first, sizes, C.int(len(c.sizes)), C.int(deadlineMS))
	} else {
		var types *C.uint32_t
		if len(c.types) > 0 {
			types = (*C.uint32_t)(&c.types[0])
		}
		call = C.request(e.store, C.int(c.request), C.keep_lease(c.lease), first, sizes, types, C.int(len(c.types)),
			C.int(deadlineMS))
	}
	return finished{ticket: uint64(call.op), status: int(call.status), result: borrow(call.data, call.size)}
}

func (e *engine) giveBack(lease uint64) { C.keep_lease_return(e.store, C.keep_lease(lease)) }

func (e *engine) cancel(ticket uint64) { C.keep_cancel(e.store, C.keep_op(ticket)) }

// drain steps the engine once and gives each finished call to deliver. The results are borrowed until the next drain or
// collect, which gives their tickets back.
func (e *engine) drain(deliver func(finished)) { e.take(deliver, 1) }

// collect is drain without the step: it leaves the descriptor as it is.
func (e *engine) collect(deliver func(finished)) { e.take(deliver, 0) }

func (e *engine) take(deliver func(finished), steps C.int) {
	e.held = C.drain(e.store, e.list, e.held, steps)
	for _, call := range unsafe.Slice(e.list, int(e.held)) {
		deliver(finished{ticket: uint64(call.op), status: int(call.status), result: borrow(call.data, call.size)})
	}
}

// full says that the last drain or collect may have left finished calls behind.
func (e *engine) full() bool { return e.held == C.FINISHED_MOST }

// more says whether another drain has something to do. The runtime's poller is edge-triggered and would sleep on what one
// step left unread.
func (e *engine) more() bool { return e.full() || e.readable() }

func (e *engine) readable() bool { return C.readable(e.store) != 0 }

// close refuses new calls and gives pending ones an outcome, which drain then collects.
func (e *engine) close(drainMS int) { C.keep_close(e.store, C.int(drainMS)) }

func (e *engine) free() {
	C.keep_free(e.store)
	C.free(unsafe.Pointer(e.list))
}

// borrow shows C memory as a slice, without a copy and without a terminator.
func borrow(data *C.char, size C.size_t) []byte {
	if data == nil {
		return nil
	}
	return unsafe.Slice((*byte)(unsafe.Pointer(data)), int(size))
}

func catalogText() string { return C.GoString(C.keep_catalog()) }

// Version is the version of the C core.
func Version() string { return C.GoString(C.keep_version()) }
