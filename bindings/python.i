/* Python's half of statekeep.i: how stores, text and arguments cross, and the few functions a Python store runs on.
 * They do what would else be several calls from Python, so that a call costs one crossing on its way out and a turn of
 * the event loop costs one on the way back, however many calls it answers. Nothing here takes the interpreter's lock
 * inside the engine's, so the two can never wait for each other. */

%{
#define STORE_CAPSULE "statekeep.store"
enum { ARGUMENTS_INLINE = 16, WAIT_SLICE_MS = 100 };

/* The store's life is the capsule's: every caller holds a reference while it runs, so keep_free() comes last. */
static void store_capsule_free(PyObject *capsule)
{
    keep_store *store = PyCapsule_GetPointer(capsule, STORE_CAPSULE);
    Py_BEGIN_ALLOW_THREADS
    keep_free(store);
    Py_END_ALLOW_THREADS
}

/* Borrows the bytes of str, bytes or None; they live as long as the object. */
static int argument_text(PyObject *value, keep_text *out)
{
    Py_ssize_t size = 0;
    if (PyUnicode_Check(value)) {
        out->data = PyUnicode_AsUTF8AndSize(value, &size);
        if (out->data == NULL)
            return -1;
        out->size = (size_t)size;
    } else if (PyBytes_Check(value)) {
        out->data = PyBytes_AS_STRING(value);
        out->size = (size_t)PyBytes_GET_SIZE(value);
    } else if (value == Py_None) {
        *out = (keep_text){NULL, 0};
    } else {
        PyErr_Format(PyExc_TypeError, "str, bytes or None expected, got %s", Py_TYPE(value)->tp_name);
        return -1;
    }
    return 0;
}

/* Gives the ticket back and (status, text) for it; with `as_bytes` what an OK call gave is bytes. A result that Python
 * cannot hold fails its own call only. */
static PyObject *op_take(keep_store *store, keep_op op, int as_bytes)
{
    keep_status status = keep_op_status(store, op);
    keep_text result = keep_op_result(store, op);
    PyObject *text;
    if (result.data == NULL)
        text = Py_NewRef(Py_None);
    else if (as_bytes && status == KEEP_OK)
        text = PyBytes_FromStringAndSize(result.data, (Py_ssize_t)result.size);
    else
        text = PyUnicode_DecodeUTF8(result.data, (Py_ssize_t)result.size, NULL);
    if (text == NULL) {
        status = PyErr_ExceptionMatches(PyExc_MemoryError) ? KEEP_NO_MEMORY : KEEP_INTERNAL;
        PyErr_Clear();
        text = Py_NewRef(Py_None);
    }
    keep_release(store, op);
    return Py_BuildValue("(iN)", (int)status, text);
}

/* Waits for a ticket with the interpreter's lock let go. It wakes now and then to run signal handlers; when one raises
 * (KeyboardInterrupt), the call is cancelled and the exception goes on. */
static PyObject *op_await(keep_store *store, keep_op op, int as_bytes)
{
    keep_status status = keep_op_status(store, op);
    while (status == KEEP_PENDING) {
        Py_BEGIN_ALLOW_THREADS
        status = keep_wait(store, op, WAIT_SLICE_MS);
        Py_END_ALLOW_THREADS
        if (status == KEEP_PENDING && PyErr_CheckSignals() < 0) {
            keep_release(store, op);
            return NULL;
        }
    }
    return op_take(store, op, as_bytes);
}

static int set_has(PyObject *set, keep_op op)
{
    PyObject *ticket = PyLong_FromUnsignedLongLong(op);
    int found = ticket == NULL ? -1 : PySet_Contains(set, ticket);
    Py_XDECREF(ticket);
    if (found < 0)
        PyErr_Clear(); /* no memory for a number: the call then fails as one that is not text */
    return found > 0;
}

static PyObject *op_result(keep_store *store, keep_op op, int waits, int as_bytes)
{
    if (waits)
        return op_await(store, op, as_bytes);
    if (keep_op_status(store, op) != KEEP_PENDING)
        return op_take(store, op, as_bytes);
    PyObject *ticket = PyLong_FromUnsignedLongLong(op);
    if (ticket == NULL)
        keep_release(store, op);
    return ticket;
}
%}

%ignore keep_free; /* the capsule's */
%ignore keep_submit;
%ignore keep_cancel;
%ignore keep_next;
%ignore keep_op_status;
%ignore keep_op_result;
%ignore keep_interrupt;

%typemap(in) keep_store * {
    $1 = PyCapsule_GetPointer($input, STORE_CAPSULE);
    if ($1 == NULL)
        SWIG_fail;
}
%typemap(in) const keep_store * = keep_store *;

%typemap(argout) keep_store **out {
    PyObject *capsule = *$1 == NULL ? Py_NewRef(Py_None)
                                    : PyCapsule_New(*$1, STORE_CAPSULE, store_capsule_free);
    if (capsule == NULL)
        SWIG_fail;
    $result = SWIG_Python_AppendOutput($result, capsule);
}

%typemap(in) (const keep_text *args, int count) (keep_text few[ARGUMENTS_INLINE],
                                                  PyObject *items = NULL) {
    items = PySequence_Fast($input, "a sequence of arguments expected");
    if (items == NULL)
        SWIG_fail;
    Py_ssize_t count = PySequence_Fast_GET_SIZE(items);
    $1 = count <= ARGUMENTS_INLINE ? few : PyMem_Malloc((size_t)count * sizeof(keep_text));
    if ($1 == NULL) {
        PyErr_NoMemory();
        SWIG_fail;
    }
    $2 = (int)count;
    for (Py_ssize_t i = 0; i < count; i++) {
        if (argument_text(PySequence_Fast_GET_ITEM(items, i), &$1[i]) < 0)
            SWIG_fail;
    }
}
%typemap(freearg) (const keep_text *args, int count) {
    if ($1 != few$argnum)
        PyMem_Free($1);
    Py_XDECREF(items$argnum);
}

/* The flat sequence [value, OID, value, OID, …]: str and None travel in text form, bytes in binary form. */
%typemap(in) (const keep_param *params, int count) (keep_param few[ARGUMENTS_INLINE], PyObject *items = NULL) {
    items = PySequence_Fast($input, "a sequence of values and OIDs expected");
    if (items == NULL)
        SWIG_fail;
    Py_ssize_t count = PySequence_Fast_GET_SIZE(items) / 2;
    $1 = count <= ARGUMENTS_INLINE ? few : PyMem_Calloc((size_t)count, sizeof(keep_param));
    if ($1 == NULL) {
        PyErr_NoMemory();
        SWIG_fail;
    }
    $2 = (int)count;
    for (Py_ssize_t i = 0; i < count; i++) {
        PyObject *value = PySequence_Fast_GET_ITEM(items, 2 * i);
        unsigned long type = PyLong_AsUnsignedLong(PySequence_Fast_GET_ITEM(items, 2 * i + 1));
        if (PyErr_Occurred() != NULL || argument_text(value, &$1[i].value) < 0)
            SWIG_fail;
        $1[i].type = (uint32_t)type;
        $1[i].binary = PyBytes_Check(value);
    }
}
%typemap(freearg) (const keep_param *params, int count) {
    if ($1 != few$argnum)
        PyMem_Free((void *)$1);
    Py_XDECREF(items$argnum);
}

%typemap(in) keep_text {
    if (argument_text($input, &$1) < 0)
        SWIG_fail;
}

%typemap(out) keep_text {
    $result = $1.data == NULL ? Py_NewRef(Py_None)
                              : PyUnicode_DecodeUTF8($1.data, (Py_ssize_t)$1.size, NULL);
}

%inline %{
/* Each of these starts a call. With `waits` it waits for the end, so that no signal can come between and leave a ticket
 * behind, and gives (status, text); else the ticket as int while the call is pending, and (status, text) of one that
 * finished at once. */
static PyObject *submit(keep_store *store, const char *name, const keep_text *args, int count, int deadline_ms, int waits)
{
    return op_result(store, keep_submit(store, name, args, count, deadline_ms), waits, 0);
}

static PyObject *lease_take(keep_store *store, int deadline_ms, int waits)
{
    return op_result(store, keep_lease_take(store, deadline_ms), waits, 0);
}

static PyObject *query(keep_store *store, keep_lease lease, keep_text sql, const keep_param *params, int count,
                int deadline_ms, int waits)
{
    return op_result(store, keep_query(store, lease, sql, params, count, deadline_ms), waits, 0);
}

static PyObject *copy_in(keep_store *store, keep_lease lease, keep_text data, const char *failure, int deadline_ms,
                  int waits)
{
    return op_result(store, keep_copy_in(store, lease, data, failure, deadline_ms), waits, 0);
}

/* Its answer is bytes, also from wait() and drain() when they are told so. */
static PyObject *copy_out(keep_store *store, keep_lease lease, int deadline_ms, int waits)
{
    return op_result(store, keep_copy_out(store, lease, deadline_ms), waits, 1);
}

static PyObject *notification(keep_store *store, keep_lease lease, int deadline_ms, int waits)
{
    return op_result(store, keep_notification(store, lease, deadline_ms), waits, 0);
}

static void lease_return(keep_store *store, keep_lease lease)
{
    keep_lease_return(store, lease);
}

/* Steps the engine and collects what is finished: a list of (ticket, (status, text)). The tickets in the set `as_bytes`
 * give bytes. */
static PyObject *drain(keep_store *store, PyObject *as_bytes)
{
    PyObject *finished = PyList_New(0);
    if (finished == NULL)
        return NULL;
    keep_poll(store);
    for (keep_op op = keep_next(store); op != 0; op = keep_next(store)) {
        int bytes = PySet_GET_SIZE(as_bytes) > 0 ? set_has(as_bytes, op) : 0;
        PyObject *item = Py_BuildValue("(KN)", (unsigned long long)op, op_take(store, op, bytes));
        if (item == NULL || PyList_Append(finished, item) < 0) {
            Py_XDECREF(item);
            Py_DECREF(finished);
            return NULL;
        }
        Py_DECREF(item);
    }
    return finished;
}

/* Waits for a pending ticket with the interpreter's lock let go: (status, text). */
static PyObject *wait(keep_store *store, keep_op op, int as_bytes)
{
    return op_await(store, op, as_bytes);
}

/* keep_close() with the interpreter's lock let go. */
static int close_store(keep_store *store, int drain_ms)
{
    int status;
    Py_BEGIN_ALLOW_THREADS
    status = keep_close(store, drain_ms);
    Py_END_ALLOW_THREADS
    return status;
}
%}
