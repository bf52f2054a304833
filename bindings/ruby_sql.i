/* SQL of the caller's own: requests that are no operations, submitted and waited for as those are. A request is named by a
 * Symbol, where an operation is by a String:
 *
 *   :lease []    :query [Held or nil, sql, [value, …]]    :copy_in [Held, bytes or nil, failure or nil]
 *   :copy_out [Held]    :notification [Held]
 *
 * A value is nil, or [text, OID], or [bytes, OID, true] in binary form. The answer to :lease is a Held, which gives the
 * lease back when it is collected, so that none is lost wherever its thread is killed; that to :copy_out is binary. */

%{
enum { MAX_PARAMS = 65535 }; /* what the protocol can number */

struct held {
    struct handle *handle;
    keep_lease lease;
    bool returned;
};

static VALUE class_held;
static ID id_lease, id_query, id_copy_in, id_copy_out, id_notification;

static void held_free(void *data)
{
    struct held *held = data;
    keep_lease_return(held->handle->store, held->lease);
    handle_drop(held->handle);
    xfree(held);
}

static const rb_data_type_t held_type = {
    .wrap_struct_name = "StateKeep::Core::Held",
    .function = {.dfree = held_free},
};

/* From {"lease":<number>}. */
static VALUE held_of(struct handle *handle, keep_text result)
{
    struct held *held;
    const char *colon = memchr(result.data, ':', result.size);
    VALUE self = TypedData_Make_Struct(class_held, struct held, &held_type, held);
    held->handle = handle;
    handle->users++;
    held->lease = colon ? strtoull(colon + 1, NULL, 10) : 0;
    return self;
}

static keep_lease lease_at(VALUE args, long index)
{
    VALUE held = rb_ary_entry(args, index);
    return NIL_P(held) ? 0 : ((struct held *)rb_check_typeddata(held, &held_type))->lease;
}

static keep_op submit_query(keep_store *store, VALUE args, int deadline_ms)
{
    VALUE values = rb_ary_entry(args, 2), memory = Qnil;
    Check_Type(values, T_ARRAY);
    long count = RARRAY_LEN(values);
    if (count > MAX_PARAMS)
        rb_raise(rb_eArgError, "%ld parameters (at most %d)", count, MAX_PARAMS);
    keep_param *params = ALLOCV_N(keep_param, memory, count + 1);
    for (long i = 0; i < count; i++) {
        VALUE value = RARRAY_AREF(values, i);
        params[i] = (keep_param){.type = 0};
        if (NIL_P(value))
            continue;
        Check_Type(value, T_ARRAY);
        params[i].value = text_at(value, 0);
        params[i].type = NUM2UINT(rb_ary_entry(value, 1));
        params[i].binary = RTEST(rb_ary_entry(value, 2));
    }
    keep_op op = keep_query(store, lease_at(args, 0), text_at(args, 1), params, (int)count, deadline_ms);
    ALLOCV_END(memory);
    RB_GC_GUARD(values);
    return op;
}

static keep_op submit_copy_in(keep_store *store, VALUE args, int deadline_ms)
{
    VALUE failure = rb_ary_entry(args, 2);
    return keep_copy_in(store, lease_at(args, 0), text_at(args, 1),
                        NIL_P(failure) ? NULL : StringValueCStr(failure), deadline_ms);
}

static keep_op submit_sql(keep_store *store, ID request, VALUE args, int deadline_ms)
{
    if (request == id_query)
        return submit_query(store, args, deadline_ms);
    if (request == id_lease)
        return keep_lease_take(store, deadline_ms);
    if (request == id_copy_in)
        return submit_copy_in(store, args, deadline_ms);
    if (request == id_copy_out)
        return keep_copy_out(store, lease_at(args, 0), deadline_ms);
    if (request == id_notification)
        return keep_notification(store, lease_at(args, 0), deadline_ms);
    rb_raise(rb_eArgError, "there is no such request");
}

/* What the caller gets of a finished ticket: text, a Held, or bytes. */
static VALUE result_of(struct handle *handle, VALUE name, keep_op op, keep_status status)
{
    keep_text result = keep_op_result(handle->store, op);
    if (status != KEEP_OK || !SYMBOL_P(name))
        return utf8(result);
    if (SYM2ID(name) == id_lease)
        return held_of(handle, result);
    if (SYM2ID(name) == id_copy_out)
        return rb_str_new(result.data, (long)result.size);
    return utf8(result);
}
%}

%inline %{
/* Gives a lease back now. */
static VALUE core_lease_return(VALUE held)
{
    struct held *given = rb_check_typeddata(held, &held_type);
    keep_lease_return(given->handle->store, given->lease);
    given->returned = true;
    return Qnil;
}

/* Whether the lease was not given back. */
static VALUE core_lease_held(VALUE held)
{
    return ((struct held *)rb_check_typeddata(held, &held_type))->returned ? Qfalse : Qtrue;
}
%}
