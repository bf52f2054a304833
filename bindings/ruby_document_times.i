/* The times in documents of simple_acp's models, read in place before the models would read them, which costs them most. */

%{
/* The Time, in UTC, of text as the models write it; nil for any other. */
static VALUE time_of(VALUE text)
{
    if (!RB_TYPE_P(text, T_STRING) || RSTRING_LEN(text) != STAMP_SIZE)
        return Qnil;
    const char *at = RSTRING_PTR(text);
    if (at[4] != '-' || at[7] != '-' || at[10] != 'T' || at[13] != ':' || at[16] != ':' || at[19] != 'Z')
        return Qnil;
    int64_t seconds;
    if (!seconds_of(at, &seconds))
        return Qnil;
    struct timespec time = {.tv_sec = (time_t)seconds};
    return rb_time_timespec_new(&time, TIME_UTC_OFFSET);
}

/* Names in documents, made once. */
static VALUE name_message, name_output, name_await_request, name_run, message_times, run_times;

static VALUE named(const char *name)
{
    VALUE text = rb_interned_str_cstr(name);
    rb_gc_register_mark_object(text);
    return text;
}

static VALUE names_of_times(const char *second)
{
    VALUE names = rb_obj_freeze(rb_ary_new_from_args(2, named("created_at"), named(second)));
    rb_gc_register_mark_object(names);
    return names;
}

static void documents_init(void)
{
    name_message = named("message");
    name_output = named("output");
    name_await_request = named("await_request");
    name_run = named("run");
    message_times = names_of_times("completed_at");
    run_times = names_of_times("finished_at");
}

/* Puts Times in place of their texts, where those are as the models write them. What is no Hash is left as it is. */
static void read_times(VALUE hash, VALUE names)
{
    if (!RB_TYPE_P(hash, T_HASH))
        return;
    for (long i = 0; i < RARRAY_LEN(names); i++) {
        VALUE name = RARRAY_AREF(names, i), time = time_of(rb_hash_lookup(hash, name));
        if (!NIL_P(time))
            rb_hash_aset(hash, name, time);
    }
}

static void read_messages(VALUE messages)
{
    if (RB_TYPE_P(messages, T_ARRAY))
        for (long i = 0; i < RARRAY_LEN(messages); i++)
            read_times(rb_ary_entry(messages, i), message_times);
}

/* The message in an event or in a request to go on. */
static void read_message(VALUE holder)
{
    if (RB_TYPE_P(holder, T_HASH))
        read_times(rb_hash_lookup(holder, name_message), message_times);
}

static void read_run(VALUE run)
{
    if (!RB_TYPE_P(run, T_HASH))
        return;
    read_times(run, run_times);
    read_messages(rb_hash_lookup(run, name_output));
    read_message(rb_hash_lookup(run, name_await_request));
}

static void read_event(VALUE event)
{
    if (!RB_TYPE_P(event, T_HASH))
        return;
    read_message(event);
    read_message(rb_hash_lookup(event, name_await_request));
    read_run(rb_hash_lookup(event, name_run));
}
%}

%inline %{
/* Reads the times of messages in place: of an Array of them, of the one under "message" in a Hash. Gives what it was given;
 * times that are not as the models write them stay text. */
static VALUE core_message_times(VALUE messages)
{
    read_messages(messages);
    read_message(messages);
    return messages;
}

/* The same for an Array of events, with the runs and requests in them. */
static VALUE core_event_times(VALUE events)
{
    Check_Type(events, T_ARRAY);
    for (long i = 0; i < RARRAY_LEN(events); i++)
        read_event(rb_ary_entry(events, i));
    return events;
}
%}
