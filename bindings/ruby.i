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

%include "ruby_handle.i"
%include "ruby_times.i"
%include "ruby_documents.i"
%include "ruby_document_times.i"

%init %{
    documents_init();
    id_ticket = rb_intern("@ticket");
    id_answer = rb_intern("@answer");
    id_list = rb_intern("list");
    id_for_fd = rb_intern("for_fd");
    id_autoclose = rb_intern("autoclose");
    id_request = rb_intern("@request");
    id_to_s = rb_intern("to_s");
    id_lease = rb_intern("lease");
    id_query = rb_intern("query");
    id_copy_in = rb_intern("copy_in");
    id_copy_out = rb_intern("copy_out");
    id_notification = rb_intern("notification");
    class_handle = rb_define_class_under(mCore, "Handle", rb_cObject);
    rb_undef_alloc_func(class_handle);
    class_held = rb_define_class_under(mCore, "Held", rb_cObject);
    rb_undef_alloc_func(class_held);
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
    handle->users = 1;
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

/* Submits an operation, or another request by its Symbol, and blocks the thread until there is an answer: [status,
 * result]. Yields once the call is accepted (not FULL). Killed or raised into, it lets go of the call. */
static VALUE core_call(VALUE self, VALUE name, VALUE args, VALUE deadline_ms)
{
    struct handle *handle = handle_of(self);
    struct call call = {handle, handle->store, name, 0, KEEP_PENDING};
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
        rb_ivar_set(waiter, id_answer, answer_of(handle, name, op, status));
        keep_release(handle->store, op);
        return Qnil;
    }
    rb_ivar_set(waiter, id_request, name);
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
                    answer_of(handle, rb_ivar_get(waiter, id_request), op,
                              keep_op_status(handle->store, op)));
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
    rb_ivar_set(waiter, id_answer, answer_of(handle, rb_ivar_get(waiter, id_request), op, status));
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
