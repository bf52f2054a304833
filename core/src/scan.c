/* What a caller's SQL may do to its session, as far as its words tell: enough to know whether a reset has to follow, and
 * whether the text may be prepared. Doubt counts as "it may". What a function hides in its body is not seen. */
#include "core.h"

#include <string.h>

struct sql_scan {
    const char *at, *end;
    unsigned flags;
    int statements; /* that hold anything */
    bool begun;     /* the current one holds something */
    int words;      /* of the current one; its first two decide */
    bool declares, sets;
};

enum { WORD_SIZE = 32 };

static bool is_letter(char byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || byte == '_' ||
           (unsigned char)byte >= 0x80;
}

static bool is_digit(char byte)
{
    return byte >= '0' && byte <= '9';
}

static bool among(const char *word, const char *const *words)
{
    for (; *words; words++)
        if (strcmp(word, *words) == 0)
            return true;
    return false;
}

static bool begins(const char *word, const char *start)
{
    return strncmp(word, start, strlen(start)) == 0;
}

/* Functions that leave something in the session, and the words of temporary tables. */
static bool word_changes(const char *word)
{
    static const char *const words[] = {"set_config", "nextval",   "setval", "currval",
                                        "lastval",    "setseed",   "temp",   "temporary",
                                        "pg_temp",    "pg_listen", NULL};
    bool advisory = begins(word, "pg_advisory_") || begins(word, "pg_try_advisory_");
    return among(word, words) || begins(word, "dblink") || begins(word, "lo_") ||
           (advisory && !strstr(word, "xact"));
}

/* What the first word of a statement tells. */
static unsigned first_word(const char *word)
{
    static const char *const plans[] = {"select", "insert", "update", "delete", "merge",
                                        "values", "table",  "with",   NULL};
    static const char *const harmless[] = {"begin",    "start", "savepoint", "release", "rollback",
                                           "abort",    "lock",  "fetch",     "move",    "close",
                                           "declare",  "copy",  "notify",    "explain", "show",
                                           "truncate", NULL};
    static const char *const commits[] = {"commit", "end", NULL};
    static const char *const forgets[] = {"prepare", "deallocate", "discard", NULL};
    if (among(word, plans))
        return SCAN_PLAN;
    if (among(word, harmless))
        return 0;
    if (among(word, commits))
        return SCAN_COMMITS;
    if (among(word, forgets))
        return SCAN_FORGETS | SCAN_CHANGES | SCAN_COMMITS; /* "prepare transaction" */
    return SCAN_CHANGES;
}

static void scan_word(struct sql_scan *scan, const char *word)
{
    scan->words++;
    if (scan->words == 1) {
        unsigned found = first_word(word);
        scan->declares = strcmp(word, "declare") == 0;
        scan->sets = strcmp(word, "set") == 0;
        scan->flags |= scan->sets ? 0 : found;
    } else if (scan->words == 2 && scan->sets) {
        /* These end with the transaction. */
        static const char *const local[] = {"local", "transaction", "constraints", NULL};
        scan->flags |= among(word, local) ? 0u : SCAN_CHANGES;
    } else if (word_changes(word) || (scan->declares && strcmp(word, "hold") == 0)) {
        scan->flags |= SCAN_CHANGES;
    }
}

static void skip_comment(struct sql_scan *scan)
{
    int depth = 0;
    do {
        if (scan->end - scan->at >= 2 && scan->at[0] == '/' && scan->at[1] == '*') {
            depth++;
            scan->at += 2;
        } else if (scan->end - scan->at >= 2 && scan->at[0] == '*' && scan->at[1] == '/') {
            depth--;
            scan->at += 2;
        } else {
            scan->at++;
        }
    } while (depth > 0 && scan->at < scan->end);
}

/* Past the closing quote; a doubled one is the next iteration's opening one. */
static void skip_quoted(struct sql_scan *scan, bool backslashes)
{
    char quote = *scan->at++;
    for (; scan->at < scan->end && *scan->at != quote; scan->at++)
        if (backslashes && *scan->at == '\\' && scan->at + 1 < scan->end)
            scan->at++;
    if (scan->at < scan->end)
        scan->at++;
}

/* $tag$ … $tag$; any other dollar is passed over. */
static void skip_dollar(struct sql_scan *scan)
{
    const char *tag = scan->at++, *close = scan->at;
    while (close < scan->end && (is_letter(*close) || (close > scan->at && is_digit(*close))))
        close++;
    if (close == scan->end || *close != '$')
        return;
    size_t size = (size_t)(close + 1 - tag);
    for (scan->at = close + 1; (size_t)(scan->end - scan->at) >= size; scan->at++)
        if (*scan->at == '$' && memcmp(scan->at, tag, size) == 0) {
            scan->at += size;
            return;
        }
    scan->at = scan->end;
}

/* Folds the word at `scan->at`, also a quoted one, into `word`, cut to its size. */
static void take_word(struct sql_scan *scan, char word[WORD_SIZE])
{
    size_t size = 0;
    for (;
         scan->at < scan->end && (is_letter(*scan->at) || is_digit(*scan->at) || *scan->at == '$');
         scan->at++) {
        char byte = *scan->at;
        if (size + 1 < WORD_SIZE)
            word[size++] = byte >= 'A' && byte <= 'Z' ? (char)(byte + 32) : byte;
    }
    word[size] = '\0';
}

static void scan_token(struct sql_scan *scan)
{
    char word[WORD_SIZE];
    char byte = *scan->at;
    scan->begun = true;
    if (is_letter(byte)) {
        take_word(scan, word);
        bool escapes = strcmp(word, "e") == 0 && scan->at < scan->end && *scan->at == '\'';
        if (escapes)
            skip_quoted(scan, true);
        else
            scan_word(scan, word);
    } else if (byte == '"') {
        scan->at++;
        take_word(scan, word);
        scan_word(scan, word);
        while (scan->at < scan->end && *scan->at != '"')
            scan->at++;
        if (scan->at < scan->end)
            scan->at++;
    } else if (byte == '\'') {
        skip_quoted(scan, false);
    } else if (byte == '$') {
        skip_dollar(scan);
    } else {
        scan->at++;
    }
}

static void scan_statement_ends(struct sql_scan *scan)
{
    scan->statements += scan->begun;
    scan->begun = scan->declares = scan->sets = false;
    scan->words = 0;
}

unsigned scan_sql(const char *sql, size_t size)
{
    struct sql_scan scan = {.at = sql, .end = sql + size};
    while (scan.at < scan.end) {
        char byte = *scan.at, next = scan.end - scan.at > 1 ? scan.at[1] : '\0';
        if (byte == ' ' || (byte >= '\t' && byte <= '\r') || (byte == '(' && !scan.begun)) {
            scan.at++;
        } else if (byte == '-' && next == '-') {
            while (scan.at < scan.end && *scan.at != '\n')
                scan.at++;
        } else if (byte == '/' && next == '*') {
            skip_comment(&scan);
        } else if (byte == ';') {
            scan.at++;
            scan_statement_ends(&scan);
        } else {
            scan_token(&scan);
        }
    }
    scan_statement_ends(&scan);
    if (scan.statements > 1)
        scan.flags = (scan.flags | SCAN_SEVERAL) & ~(unsigned)SCAN_PLAN;
    return scan.flags;
}
