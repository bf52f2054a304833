package statekeep

/*
#cgo CFLAGS: -I${SRCDIR}/../core/include
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include "statekeep.h"

enum { ARGUMENTS_MOST = 32, FINISHED_MOST = 256 };

typedef struct {
    keep_op op;
    const char *data;
    size_t size;
    int status;
} finished;

// One crossing from Go for a whole call. `packed` holds the operation's name with its NUL, then the arguments back to
// back; a size below 0 is NULL.
static finished submit(keep_store *store, const char *packed, const int64_t *sizes, int count, int deadline_ms)
{
    keep_text args[ARGUMENTS_MOST];
    const char *next = packed + strlen(packed) + 1;
    for (int i = 0; i < count; i++) {
        args[i] = sizes[i] < 0 ? (keep_text){NULL, 0} : (keep_text){next, (size_t)sizes[i]};
        next += args[i].size;
    }
    finished call = {.op = keep_submit(store, packed, args, count, deadline_ms)};
    call.status = keep_op_status(store, call.op);
    if (call.status != KEEP_PENDING) {
        keep_text result = keep_op_result(store, call.op);
        call.data = result.data;
        call.size = result.size;
    }
    return call;
}

static int collect(keep_store *store, finished *list)
{
    int count = 0;
    while (count < FINISHED_MOST && (list[count].op = keep_next(store)) != 0) {
        keep_text result = keep_op_result(store, list[count].op);
        list[count].data = result.data;
        list[count].size = result.size;
        list[count].status = keep_op_status(store, list[count].op);
        count++;
    }
    return count;
}

// One crossing for many completions: gives back the tickets of the last time, steps the engine, collects the next ones.
static int drain(keep_store *store, finished *list, int held)
{
    for (int i = 0; i < held; i++) {
        keep_release(store, list[i].op);
    }
    keep_poll(store);
    return collect(store, list);
}

// poll() ignores the -1 of a store that is closed.
static int readable(keep_store *store)
{
    struct pollfd ready = {.fd = keep_fd(store), .events = POLLIN};
    return poll(&ready, 1, 0) > 0;
}

static int duplicate(int fd)
{
    return fcntl(fd, F_DUPFD_CLOEXEC, 0);
}
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

func (e *engine) submit(packed []byte, sizes []int64, deadlineMS int) finished {
	var first *C.int64_t
	if len(sizes) > 0 {
		first = (*C.int64_t)(&sizes[0])
	}
	call := C.submit(e.store, (*C.char)(unsafe.Pointer(&packed[0])), first, C.int(len(sizes)), C.int(deadlineMS))
	return finished{ticket: uint64(call.op), status: int(call.status), result: borrow(call.data, call.size)}
}

func (e *engine) cancel(ticket uint64) { C.keep_cancel(e.store, C.keep_op(ticket)) }

// drain steps the engine once and gives each finished call to deliver. The results are borrowed until the next drain,
// which gives their tickets back.
func (e *engine) drain(deliver func(finished)) {
	e.held = C.drain(e.store, e.list, e.held)
	for _, call := range unsafe.Slice(e.list, int(e.held)) {
		deliver(finished{ticket: uint64(call.op), status: int(call.status), result: borrow(call.data, call.size)})
	}
}

// more says whether another drain has something to do. The runtime's poller is edge-triggered and would sleep on what one
// step left unread.
func (e *engine) more() bool { return e.held == C.FINISHED_MOST || e.readable() }

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
