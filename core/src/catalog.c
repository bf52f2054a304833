/* The operations by name, the tables by slot, and an operation's SQL with a store's table names in it. */
#include "core.h"

#include "ops_table.h"

#include <stdio.h>
#include <string.h>

enum { CATALOG_COUNT = KEEP_STATEMENT_COUNT };

const char *keep_catalog(void)
{
    return (const char *)KEEP_CATALOG_JSON;
}

const char *keep_version(void)
{
    return KEEP_VERSION;
}

int catalog_count(void)
{
    return CATALOG_COUNT;
}

const struct statement_spec *catalog_at(int index)
{
    return &KEEP_STATEMENTS[index];
}

/* The table is sorted by name. */
int catalog_find(const char *name)
{
    int low = 0, high = CATALOG_COUNT - 1;
    while (low <= high) {
        int middle = (low + high) / 2;
        int order = strcmp(name, KEEP_STATEMENTS[middle].name);
        if (order == 0)
            return middle;
        if (order < 0)
            high = middle - 1;
        else
            low = middle + 1;
    }
    return -1;
}

int catalog_table_count(void)
{
    return (int)(sizeof KEEP_TABLES / sizeof KEEP_TABLES[0]);
}

int catalog_table_find(const char *name)
{
    for (int i = 0; i < catalog_table_count(); i++)
        if (strcmp(KEEP_TABLES[i], name) == 0)
            return i;
    return -1;
}

const char *catalog_table_name(int slot)
{
    return KEEP_TABLE_NAMES[slot];
}

char *catalog_sql(const keep_store *store, const struct statement_spec *spec, enum form_kind kind)
{
    struct buffer sql = {0};
    char name[IDENT_SQL_SIZE];
    const struct sql_piece *pieces = kind == FORM_SINGLE ? spec->single : spec->sql;
    int count = kind == FORM_SINGLE ? spec->single_count : spec->sql_count;
    for (int i = 0; i < count; i++) {
        const struct sql_piece *piece = &pieces[i];
        if (piece->kind == PIECE_TEXT || piece->kind == PIECE_VECTOR) {
            const char *type = kind == FORM_REAL ? "real[]" : "vector";
            buffer_text(&sql, piece->kind == PIECE_VECTOR ? type : piece->text);
            continue;
        }
        const struct ident *table = &store->tables[catalog_table_find(piece->text)];
        size_t size = piece->kind == PIECE_IDENTIFIER ? ident_quoted(table, name)
                      : piece->kind == PIECE_LITERAL  ? ident_literal(table, name)
                                                      : ident_index(table, piece->suffix, name);
        buffer_append(&sql, name, size);
    }
    return sql.data; /* NULL once an allocation failed */
}

/* PostgreSQL's object identifiers of the types that parameters have: the type itself, and its array. */
static Oid parameter_type(const struct arg_spec *arg, bool array)
{
    static const Oid types[]
                          [2] = {
                              [ARG_TEXT] = {25, 1009},
                              [ARG_INT] = {20, 1016},
                              [ARG_BOOL] = {16, 1000},
                              [ARG_JSON] = {3802, 3807},
                              [ARG_TIME] = {25, 1009},
                              [ARG_BYTES] = {17, 1001},
                              [ARG_DOCUMENT] = {25, 1009},
                              [ARG_VECTOR] = {0, 0}, /* an extension's: the server infers it */
                          };
    return types[arg->list ? ARG_JSON : arg->type][array];
}

static uint64_t hash_text(uint64_t hash, const char *text)
{
    for (const char *c = text; *c; c++)
        hash = (hash ^ (unsigned char)*c) * 0x100000001b3u;
    return hash * 0x100000001b3u;
}

/* The name says the text (through a pooler, another process's equal name must mean equal SQL), and whose it is: each
 * operation prepares its own, though two may have the same text. */
static void form_name(struct form *form, const char *operation)
{
    uint64_t hash = hash_text(hash_text(0xcbf29ce484222325u, operation), form->sql);
    snprintf(form->name, sizeof form->name, "sk_%016llx", (unsigned long long)hash);
}

const struct form *statement_form(const keep_store *store, struct statement *statement,
                                  enum form_kind kind)
{
    struct form *form = &statement->forms[kind];
    if (form->sql)
        return form;
    form->sql = catalog_sql(store, statement->spec, kind);
    if (!form->sql)
        return NULL;
    form_name(form, statement->spec->name);
    form->array = kind == FORM_MANY && statement->spec->batch;
    form->reals = kind == FORM_REAL;
    for (int i = 0; i < statement->spec->arg_count; i++)
        form->types[i] = parameter_type(&statement->spec->args[i], form->array);
    return form;
}
