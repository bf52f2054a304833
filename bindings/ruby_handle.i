/* The C inside of ruby.i: the object that owns a store, strings and answers, and how a thread waits. */

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
    int users;     /* the object that owns it, and leases: the collector frees them in any order */
    VALUE waiting; /* Hash: ticket => the fiber's waiter */
    VALUE leader;  /* the waiter that watches the descriptor, or nil */
    VALUE io;      /* the descriptor, once somebody watches it, or nil */
};

struct call {
    struct handle *handle;
    keep_store *store;
    VALUE name;
    keep_op op;
    keep_status status;
};

struct closing {
    keep_store *store;
    int drain_ms;
    keep_status status;
};

static ID id_ticket, id_answer, id_request, id_list, id_for_fd, id_autoclose, id_to_s;
static VALUE class_handle;

static void handle_mark(void *data)
{
    struct handle *handle = data;
    rb_gc_mark(handle->waiting);
    rb_gc_mark(handle->leader);
    rb_gc_mark(handle->io);
}

static void handle_drop(struct handle *handle)
{
    if (--handle->users > 0)
        return;
    keep_free(handle->store);
    xfree(handle);
}

static void handle_free(void *data)
{
    handle_drop(data);
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

static keep_op submit_operation(keep_store *store, VALUE name, VALUE args, int deadline_ms)
{
    long count = RARRAY_LEN(args);
    if (count > MAX_ARGS)
        rb_raise(rb_eArgError, "%ld arguments (at most %d)", count, MAX_ARGS);
    const char *operation = StringValueCStr(name);
    keep_text texts[MAX_ARGS];
    for (long i = 0; i < count; i++)
        texts[i] = text_at(args, i);
    return keep_submit(store, operation, texts, (int)count, deadline_ms);
}
%}

%include "ruby_sql.i"

%{
static keep_op submit(keep_store *store, VALUE name, VALUE args, int deadline_ms)
{
    Check_Type(args, T_ARRAY);
    keep_op op = SYMBOL_P(name) ? submit_sql(store, SYM2ID(name), args, deadline_ms)
                                : submit_operation(store, name, args, deadline_ms);
    RB_GC_GUARD(args);
    RB_GC_GUARD(name);
    return op;
}

static VALUE answer_of(struct handle *handle, VALUE name, keep_op op, keep_status status)
{
    return rb_assoc_new(INT2FIX(status), result_of(handle, name, op, status));
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
 * without the lock, Ruby starts and ends a helper thread for it each time, so that signals reach it. Not so where a fiber of
 * the thread watches the descriptor, too, and a blocking one waits here: keep_wait() leaves it the wake-up for its answer. */
static bool only_thread(const struct handle *handle)
{
    return NIL_P(handle->leader) && rb_thread_current() == rb_thread_main() &&
           RARRAY_LEN(rb_funcall(rb_cThread, id_list, 0)) == 1;
}

static VALUE await_answer(VALUE data)
{
    struct call *call = (struct call *)data;
    if (call->status != KEEP_FULL && rb_block_given_p())
        rb_yield_values(0);
    while (call->status == KEEP_PENDING) {
        if (only_thread(call->handle)) {
            rb_io_wait(handle_io(call->handle), INT2FIX(RUBY_IO_READABLE),
                       DBL2NUM(WAIT_SLICE_MS / 1000.0));
            keep_poll(call->store);
            call->status = keep_op_status(call->store, call->op);
            continue;
        }
        rb_thread_call_without_gvl(wait_slice, call, interrupt_wait, call);
    }
    return answer_of(call->handle, call->name, call->op, call->status);
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
