/* Table names: what a user writes in the option "tables", and how it is written into SQL. */
#ifndef KEEP_IDENT_H
#define KEEP_IDENT_H

#include "statekeep.h"

enum {
    IDENT_PARTS = 3,      /* database, schema, table */
    IDENT_PART_SIZE = 64, /* with its NUL: PostgreSQL's NAMEDATALEN */
    /* Room for any rendering below: every byte of every part doubled, quotes, dots, and E'' around. */
    IDENT_SQL_SIZE = IDENT_PARTS * (2 * IDENT_PART_SIZE + 3) + 4,
};

/* A name as the server keeps it: folded, unescaped, each part cut to 63 bytes. The table is the last part. */
struct ident {
    int count;
    char parts[IDENT_PARTS][IDENT_PART_SIZE];
};

/* Reads `size` bytes of a table name: parts split on dots outside double quotes.
 *   "Quoted"    is taken verbatim, "" standing for one quote
 *   plain       (what PostgreSQL's own lexer takes for a name) is folded to lower case as the server does
 *   my-table    letters, digits, _ $ - blanks and non-ASCII characters in any other order are taken as they stand
 * Anything else, and a name that could not be used (empty, too many parts, invalid UTF-8, control characters,
 * the dollar quote of our own set-up statements) is KEEP_INVALID with *error set: an allocated text, freed with
 * keep_alloc(error, 0). KEEP_NO_MEMORY when that text cannot be allocated (*error is NULL). *out is then undefined. */
keep_status ident_parse(const char *text, size_t size, struct ident *out, char **error);

/* "s"."t" as an identifier. Each of these three gives the number of bytes written, without the closing NUL. */
size_t ident_quoted(const struct ident *name, char out[IDENT_SQL_SIZE]);

/* The same as a string literal, '"s"."t"', for to_regclass(); E'' when it holds a backslash, so that it means the same
 * whatever standard_conforming_strings is. */
size_t ident_literal(const struct ident *name, char out[IDENT_SQL_SIZE]);

/* "idx_<table>_<suffix>", never schema-qualified (an index lives in its table's schema). A name of more than 63 bytes
 * is shortened and ends in a hash of the whole, so that two indexes of one table never meet after the server's cut. */
size_t ident_index(const struct ident *name, const char *suffix, char out[IDENT_SQL_SIZE]);

#endif
