/* The C interface as SWIG reads it, for Python and Ruby. It wraps statekeep.h itself, so nothing is typed twice; what
 * text, arguments and the interpreter's lock look like is said in python.i and ruby.i, whose typemaps come first.
 * The typed functions of statekeep_ops.h are for C only: bindings make their methods from keep_catalog(). */
%module core

%{
#include "statekeep.h"
%}

%include <stdint.i>

%ignore keep_text;           /* a language's own strings stand for it */
%ignore KEEP_API;
%ignore keep_close;          /* both block: each language wraps them with its lock let go */
%ignore keep_wait;
%ignore keep_param;          /* SQL of the caller's own: each language wraps it in its own types */
%ignore keep_query;
%ignore keep_lease_take;
%ignore keep_lease_return;
%ignore keep_copy_in;
%ignore keep_copy_out;
%ignore keep_notification;

/* keep_open() gives the store as a second result; the store is NULL only without memory. */
%typemap(in, numinputs=0) keep_store **out (keep_store *store) {
    store = NULL;
    $1 = &store;
}

#ifdef SWIGPYTHON
%include "python.i"
#endif
#ifdef SWIGRUBY
%include "ruby.i"
#endif

%include "statekeep.h"
