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

/* Gives the ticket back and (status, text) for it. A result that Python cannot hold fails its own call only. */
static PyObject *op_take(keep_store *store, keep_op op)
{
    keep_status status = keep_op_status(store, op);
    keep_text result = keep_op_result(store, op);
    PyObject *text = result.data == NULL
                         ? Py_NewRef(Py_None)
                         : PyUnicode_DecodeUTF8(result.data, (Py_ssize_t)result.size, NULL);
    if (text == NULL) {
        status = PyErr_ExceptionMatches(PyExc_MemoryError) ? KEEP_NO_MEMORY : KEEP_INTERNAL;
        PyErr_Clear();
        text = Py_NewRef(Py_None);
    }
    keep_release(store, op);
    return Py_BuildValue("(iN)", (int)status, text);
}
%}

%ignore keep_free; /* the capsule's */
%ignore keep_submit;
%ignore keep_cancel;
%ignore keep_poll;
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

%typemap(out) keep_text {
    $result = $1.data == NULL ? Py_NewRef(Py_None)
                              : PyUnicode_DecodeUTF8($1.data, (Py_ssize_t)$1.size, NULL);
}

%inline %{
/* Submits without waiting: the ticket as int while it is pending, else (status, text) of a call finished at once. */
PyObject *submit(keep_store *store, const char *name, const keep_text *args, int count, int deadline_ms)
{
    keep_op op = keep_submit(store, name, args, count, deadline_ms);
    if (keep_op_status(store, op) != KEEP_PENDING)
        return op_take(store, op);
    PyObject *ticket = PyLong_FromUnsignedLongLong(op);
    if (ticket == NULL)
        keep_release(store, op);
    return ticket;
}

/* Steps the engine and collects what is finished: a list of (ticket, (status, text)). */
PyObject *drain(keep_store *store)
{
    PyObject *finished = PyList_New(0);
    if (finished == NULL)
        return NULL;
    keep_poll(store);
    for (keep_op op = keep_next(store); op != 0; op = keep_next(store)) {
        PyObject *item = Py_BuildValue("(KN)", (unsigned long long)op, op_take(store, op));
        if (item == NULL || PyList_Append(finished, item) < 0) {
            Py_XDECREF(item);
            Py_DECREF(finished);
            return NULL;
        }
        Py_DECREF(item);
    }
    return finished;
}

/* Waits for a pending ticket with the interpreter's lock let go: (status, text). It wakes now and then to run signal
 * handlers; when one raises (KeyboardInterrupt), the call is cancelled and the exception goes on. */
PyObject *wait(keep_store *store, keep_op op)
{
    keep_status status = KEEP_PENDING;
    while (status == KEEP_PENDING) {
        Py_BEGIN_ALLOW_THREADS
        status = keep_wait(store, op, WAIT_SLICE_MS);
        Py_END_ALLOW_THREADS
        if (status == KEEP_PENDING && PyErr_CheckSignals() < 0) {
            keep_release(store, op);
            return NULL;
        }
    }
    return op_take(store, op);
}

/* submit() and wait() in one, so that no signal can come between and leave a ticket behind: (status, text). */
PyObject *call(keep_store *store, const char *name, const keep_text *args, int count, int deadline_ms)
{
    keep_op op = keep_submit(store, name, args, count, deadline_ms);
    return keep_op_status(store, op) == KEEP_PENDING ? wait(store, op) : op_take(store, op);
}

/* keep_close() with the interpreter's lock let go. */
int close_store(keep_store *store, int drain_ms)
{
    int status;
    Py_BEGIN_ALLOW_THREADS
    status = keep_close(store, drain_ms);
    Py_END_ALLOW_THREADS
    return status;
}
%}
