/* The operations as data. compile.py makes the table from the annotated SQL; nothing here is written by hand for one
 * operation. Everything is constant and lives as long as the program. */
#ifndef KEEP_CATALOG_H
#define KEEP_CATALOG_H

#include <stdbool.h>
#include <stddef.h>

enum arg_type {
    ARG_TEXT,  /* text, UTF-8 without NUL */
    ARG_INT,   /* bigint, given as decimal digits */
    ARG_BOOL,  /* boolean, given as "true" or "false" */
    ARG_JSON,  /* jsonb */
    ARG_TIME,  /* text that the statement casts to timestamptz */
    ARG_BYTES, /* bytea */
    ARG_DOCUMENT, /* JSON as text: the statement casts it to json, so it is kept character by character */
    ARG_VECTOR, /* 32-bit floats as the machine has them; pgvector's vector, or real[] where there is none */
};

/* One argument. The parameter is the type's array when the statement is batched, else the type itself; a list is jsonb
 * whatever its elements are. */
struct arg_spec {
    const char *name;
    enum arg_type type;
    bool nullable;
    bool nonempty; /* text that must have at least one byte */
    bool list;     /* a JSON array of `type` */
};

/* One column of the result. Columns named `source.provider`, `source.raw` … are the fields of one object `source`. */
struct column_spec {
    const char *head; /* of a row's JSON, before this value: `,"name":` */
    size_t head_size;
};

enum { LIMIT_OP_COLUMNS = 40 };

enum gives_kind {
    GIVES_NONE,  /* nothing: the result is null */
    GIVES_ONE,   /* exactly one row */
    GIVES_MAYBE, /* a row or null */
    GIVES_MANY,  /* an array of rows */
};

/* What becomes of calls with equal keys that wait together. */
enum same_key {
    SAME_KEY_ANY,      /* they may share a batch as they are */
    SAME_KEY_LAST,     /* the last one travels, and its outcome is told to those it superseded */
    SAME_KEY_SERIAL,   /* never two in one batch; in order */
    SAME_KEY_CONFLICT, /* as SERIAL; compared with what is stored */
};

/* Whether a call is sent again when the link broke after sending. */
enum resend {
    RESEND_NO,
    RESEND_YES,
    RESEND_KEY, /* when the argument `resend_arg` is not null */
};

enum piece_kind {
    PIECE_TEXT,       /* as it is */
    PIECE_IDENTIFIER, /* `text` is a table's slot: its configured name, quoted as an identifier */
    PIECE_LITERAL,    /* the same identifier as a string literal, for to_regclass() */
    PIECE_INDEX,      /* the quoted name of that table's index `suffix` */
    PIECE_VECTOR,     /* the type of ARG_VECTOR */
};

struct sql_piece {
    enum piece_kind kind;
    const char *text;
    const char *suffix; /* PIECE_INDEX, else NULL */
};

/* One operation. A batched statement whose result has columns gives the item's number, from 1, as an additional first
 * column `n`. */
struct statement_spec {
    const char *name;
    const struct arg_spec *args; /* NULL when there are none; so are columns, key and sql */
    int arg_count;
    const struct column_spec *columns; /* without `n` */
    int column_count;
    const char *tail; /* of a row's JSON, behind its last value; empty where that is the row */
    const int *key;   /* indexes of arguments */
    int key_count;
    const struct sql_piece *sql; /* in order; NULL when the engine answers itself */
    int sql_count;
    const struct sql_piece
        *single; /* a batched statement's form for one call: scalars, no `n`; or NULL */
    int single_count;
    enum gives_kind gives;
    enum same_key same_key;
    enum resend resend;
    int resend_arg; /* RESEND_KEY: index of the idempotency key, else -1 */
    bool batch;     /* array form: many calls in one statement */
    bool writes;
    bool engine;       /* answered by the engine, without SQL */
    bool vectors;      /* an argument is an ARG_VECTOR; never batched */
    const char *fails; /* "ABSENT no such room; CONFLICT …", or "" */
    const char *doc;
};

#endif
