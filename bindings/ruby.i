/* What Ruby adds to the C interface: a store that the collector owns, and calls whose answers are [status, text].
 *
 * A thread waits in keep_wait() with the interpreter's lock let go, where the core elects a leader. A fiber under a
 * scheduler must not block its thread: it registers a waiter, and one waiter of each store, the leader, watches
 * keep_fd() through the scheduler and drains for all. What must be whole when a thread is killed or raised into
 * (submit and register, drain and hand out, leave and name the next leader) is one C function each, since Ruby
 * delivers such interrupts only between them. */

%rename("%(regex:/^(keep|core)_(.*)/\\2/)s", %$isfunction) "";
%rename("%(strip:[KEEP_])s", %$isenumitem) "";

%ignore keep_open;
%ignore keep_error;
%ignore keep_free;
%ignore keep_submit;
%ignore keep_cancel;
%ignore keep_fd;
%ignore keep_poll;
%ignore keep_next;
%ignore keep_op_status;
%ignore keep_op_result;
%ignore keep_release;
%ignore keep_interrupt;

%{
#include <ruby/encoding.h>
#include <ruby/io.h>
#include <ruby/thread.h>
#include <stdbool.h>

enum {
    MAX_ARGS = 16,       /* of one operation; the core's own limit */
    WAIT_SLICE_MS = 100, /* an interrupt that comes just before keep_wait() sleeps is seen after this */
};

struct handle {
    keep_store *store;
    VALUE waiting; /* Hash: ticket => the fiber's waiter */
    VALUE leader;  /* the waiter that watches the descriptor, or nil */
    VALUE io;      /* the descriptor, once somebody watches it, or nil */
};

struct call {
    struct handle *handle;
    keep_store *store;
    keep_op op;
    keep_status status;
};

struct closing {
    keep_store *store;
    int drain_ms;
    keep_status status;
};

static ID id_ticket, id_answer, id_list, id_for_fd, id_autoclose;
static VALUE class_handle;

static void handle_mark(void *data)
{
    struct handle *handle = data;
    rb_gc_mark(handle->waiting);
    rb_gc_mark(handle->leader);
    rb_gc_mark(handle->io);
}

static void handle_free(void *data)
{
    struct handle *handle = data;
    keep_free(handle->store);
    xfree(handle);
}

static const rb_data_type_t handle_type = {
    .wrap_struct_name = "StateKeep::Core::Handle",
    .function = {.dmark = handle_mark, .dfree = handle_free},
};

static struct handle *handle_of(VALUE self)
{
    return rb_check_typeddata(self, &handle_type);
}

static VALUE utf8(keep_text text)
{
    return text.data == NULL ? Qnil : rb_utf8_str_new(text.data, (long)text.size);
}

/* Bytes of a string in UTF-8, US-ASCII or binary are taken as they are (the core refuses what is not UTF-8); others are
 * transcoded, and the copy put into `args` so that it lives as long as the call. */
static keep_text text_at(VALUE args, long index)
{
    VALUE value = rb_ary_entry(args, index);
    if (NIL_P(value))
        return (keep_text){NULL, 0};
    Check_Type(value, T_STRING);
    int encoding = rb_enc_get_index(value);
    if (encoding != rb_utf8_encindex() && encoding != rb_usascii_encindex() &&
        encoding != rb_ascii8bit_encindex()) {
        value = rb_str_encode(value, rb_enc_from_encoding(rb_utf8_encoding()), 0, Qnil);
        rb_ary_store(args, index, value);
    }
    return (keep_text){RSTRING_PTR(value), (size_t)RSTRING_LEN(value)};
}

static keep_op submit(keep_store *store, VALUE name, VALUE args, int deadline_ms)
{
    Check_Type(args, T_ARRAY);
    long count = RARRAY_LEN(args);
    if (count > MAX_ARGS)
        rb_raise(rb_eArgError, "%ld arguments (at most %d)", count, MAX_ARGS);
    const char *operation = StringValueCStr(name);
    keep_text texts[MAX_ARGS];
    for (long i = 0; i < count; i++)
        texts[i] = text_at(args, i);
    keep_op op = keep_submit(store, operation, texts, (int)count, deadline_ms);
    RB_GC_GUARD(args);
    RB_GC_GUARD(name);
    return op;
}

static VALUE answer_of(keep_store *store, keep_op op, keep_status status)
{
    return rb_assoc_new(INT2FIX(status), utf8(keep_op_result(store, op)));
}

static void *wait_slice(void *data)
{
    struct call *call = data;
    call->status = keep_wait(call->store, call->op, WAIT_SLICE_MS);
    return NULL;
}

static void interrupt_wait(void *data)
{
    struct call *call = data;
    keep_interrupt(call->store, call->op);
}

/* The descriptor as an IO that does not close it: it belongs to the store. */
static VALUE handle_io(struct handle *handle)
{
    if (NIL_P(handle->io)) {
        VALUE arguments[] = {INT2NUM(keep_fd(handle->store)), rb_hash_new()};
        rb_hash_aset(arguments[1], ID2SYM(id_autoclose), Qfalse);
        handle->io = rb_funcallv_kw(rb_cIO, id_for_fd, 2, arguments, RB_PASS_KEYWORDS);
    }
    return handle->io;
}

/* Whether this is the only thread of Ruby's. Such a one is quicker on the descriptor: around a function that runs
 * without the lock, Ruby starts and ends a helper thread for it each time, so that signals reach it. */
static bool only_thread(void)
{
    return rb_thread_current() == rb_thread_main() &&
           RARRAY_LEN(rb_funcall(rb_cThread, id_list, 0)) == 1;
}

static VALUE await_answer(VALUE data)
{
    struct call *call = (struct call *)data;
    if (call->status != KEEP_FULL && rb_block_given_p())
        rb_yield_values(0);
    while (call->status == KEEP_PENDING) {
        if (only_thread()) {
            rb_io_wait(handle_io(call->handle), INT2FIX(RUBY_IO_READABLE),
                       DBL2NUM(WAIT_SLICE_MS / 1000.0));
            keep_poll(call->store);
            call->status = keep_op_status(call->store, call->op);
            continue;
        }
        rb_thread_call_without_gvl(wait_slice, call, interrupt_wait, call);
    }
    return answer_of(call->store, call->op, call->status);
}

static VALUE release_call(VALUE data)
{
    struct call *call = (struct call *)data;
    keep_release(call->store, call->op);
    return Qnil;
}

static void *close_store(void *data)
{
    struct closing *closing = data;
    closing->status = keep_close(closing->store, closing->drain_ms);
    return NULL;
}

static int take_first(VALUE ticket, VALUE waiter, VALUE first)
{
    (void)ticket;
    *(VALUE *)first = waiter;
    return ST_STOP;
}
%}

%init %{
    id_ticket = rb_intern("@ticket");
    id_answer = rb_intern("@answer");
    id_list = rb_intern("list");
    id_for_fd = rb_intern("for_fd");
    id_autoclose = rb_intern("autoclose");
    class_handle = rb_define_class_under(mCore, "Handle", rb_cObject);
    rb_undef_alloc_func(class_handle);
%}

%inline %{
/* The store behind `dsn` (a String or nil) with `options` (JSON or nil), as a Handle. Never blocks. */
static VALUE core_open(VALUE dsn, VALUE options)
{
    struct handle *handle;
    const char *dsn_text = NIL_P(dsn) ? NULL : StringValueCStr(dsn);
    const char *options_text = NIL_P(options) ? NULL : StringValueCStr(options);
    VALUE self = TypedData_Make_Struct(class_handle, struct handle, &handle_type, handle);
    handle->waiting = handle->leader = handle->io = Qnil;
    handle->waiting = rb_hash_new();
    if (keep_open(&handle->store, dsn_text, options_text) == KEEP_NO_MEMORY)
        rb_memerror();
    RB_GC_GUARD(dsn);
    RB_GC_GUARD(options);
    return self;
}

/* The JSON error of a store that is unusable, else nil. */
static VALUE core_error(VALUE self)
{
    return utf8(keep_error(handle_of(self)->store));
}

/* The descriptor to watch for readability, as an IO. */
static VALUE core_io(VALUE self)
{
    return handle_io(handle_of(self));
}

/* keep_close() with the interpreter's lock let go; cannot be interrupted. Gives the status. */
static VALUE core_close(VALUE self, VALUE drain_ms)
{
    struct closing closing = {handle_of(self)->store, NUM2INT(drain_ms), KEEP_OK};
    rb_thread_call_without_gvl(close_store, &closing, NULL, NULL);
    RB_GC_GUARD(self);
    return INT2FIX(closing.status);
}

/* Submits and blocks the thread until there is an answer: [status, text]. Yields once the
 * call is accepted (not FULL). Killed or raised into, it lets go of the call. */
static VALUE core_call(VALUE self, VALUE name, VALUE args, VALUE deadline_ms)
{
    struct handle *handle = handle_of(self);
    struct call call = {handle, handle->store, 0, KEEP_PENDING};
    call.op = submit(call.store, name, args, NUM2INT(deadline_ms));
    call.status = keep_op_status(call.store, call.op);
    VALUE answer = rb_ensure(await_answer, (VALUE)&call, release_call, (VALUE)&call);
    RB_GC_GUARD(self);
    return answer;
}

/* Lets the engine step, for callers that wait for room and so have no call of their own to wait for. Where there is a
 * leader it does so, and would miss what somebody else found. */
static VALUE core_poll(VALUE self)
{
    struct handle *handle = handle_of(self);
    if (NIL_P(handle->leader))
        keep_poll(handle->store);
    return Qnil;
}

/* Submits for a fiber: sets the waiter's @answer when there is one at once, else its @ticket. The first waiter
 * becomes the leader. */
static VALUE core_enter(VALUE self, VALUE waiter, VALUE name, VALUE args, VALUE deadline_ms)
{
    struct handle *handle = handle_of(self);
    keep_op op = submit(handle->store, name, args, NUM2INT(deadline_ms));
    keep_status status = keep_op_status(handle->store, op);
    if (status != KEEP_PENDING) {
        rb_ivar_set(waiter, id_answer, answer_of(handle->store, op, status));
        keep_release(handle->store, op);
        return Qnil;
    }
    VALUE ticket = ULL2NUM(op);
    rb_ivar_set(waiter, id_ticket, ticket);
    rb_hash_aset(handle->waiting, ticket, waiter);
    if (NIL_P(handle->leader))
        handle->leader = waiter;
    return Qnil;
}

/* The waiter that watches the descriptor, or nil. */
static VALUE core_leader(VALUE self)
{
    return handle_of(self)->leader;
}

/* Makes `waiter` the leader, in place of one whose thread is gone. */
static VALUE core_lead(VALUE self, VALUE waiter)
{
    return handle_of(self)->leader = waiter;
}

/* Lets the engine step and sets @answer of each waiter that has one now; gives those waiters. A ticket without a
 * waiter belongs to a thread that is about to wait for it in call(), which also releases it. */
static VALUE core_drain(VALUE self)
{
    struct handle *handle = handle_of(self);
    VALUE answered = rb_ary_new();
    keep_poll(handle->store);
    for (keep_op op = keep_next(handle->store); op != 0; op = keep_next(handle->store)) {
        VALUE waiter = rb_hash_delete(handle->waiting, ULL2NUM(op));
        if (NIL_P(waiter))
            continue;
        rb_ivar_set(waiter, id_answer,
                    answer_of(handle->store, op, keep_op_status(handle->store, op)));
        keep_release(handle->store, op);
        rb_ary_push(answered, waiter);
    }
    return answered;
}

/* Lets the engine step and sets @answer when it is there: for a waiter whose leader may be stuck. From then on it has to
 * go on looking, since no leader finds its answer any more. Others' answers stay where their leader will find them. */
static VALUE core_look(VALUE self, VALUE waiter)
{
    struct handle *handle = handle_of(self);
    if (handle->leader == waiter || !NIL_P(rb_ivar_get(waiter, id_answer)))
        return Qnil;
    VALUE ticket = rb_ivar_get(waiter, id_ticket);
    keep_op op = NUM2ULL(ticket);
    rb_hash_delete(handle->waiting, ticket);
    keep_status status = keep_wait(handle->store, op, 0);
    if (status == KEEP_PENDING)
        return Qnil;
    rb_ivar_set(waiter, id_answer, answer_of(handle->store, op, status));
    keep_release(handle->store, op);
    return Qnil;
}

/* Ends a fiber's call: without an answer it is cancelled. Gives the waiter that leads from now on and has to be told,
 * or nil. */
static VALUE core_leave(VALUE self, VALUE waiter)
{
    struct handle *handle = handle_of(self);
    VALUE ticket = rb_ivar_get(waiter, id_ticket);
    if (!NIL_P(ticket) && NIL_P(rb_ivar_get(waiter, id_answer))) {
        rb_hash_delete(handle->waiting, ticket);
        keep_release(handle->store, NUM2ULL(ticket));
    }
    if (handle->leader != waiter)
        return Qnil;
    handle->leader = Qnil;
    rb_hash_foreach(handle->waiting, take_first, (VALUE)&handle->leader);
    return handle->leader;
}
%}
