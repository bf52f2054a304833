/* Table names: what is accepted becomes exactly one identifier, everything else is refused with its reason. */
#include "ident.h"

#include "check.h"

static void accept(const char *text, const char *quoted, const char *literal)
{
    struct ident name;
    char *error;
    char out[IDENT_SQL_SIZE];
    keep_status status = ident_parse(text, strlen(text), &name, &error);
    CHECK_TEXT(error, NULL);
    CHECK(status == KEEP_OK);
    if (status != KEEP_OK)
        return;
    CHECK(ident_quoted(&name, out) == strlen(out));
    CHECK_TEXT(out, quoted);
    CHECK(ident_literal(&name, out) == strlen(out));
    CHECK_TEXT(out, literal);
}

static void refuse_sized(const char *text, size_t size, const char *message)
{
    struct ident name;
    char *error;
    CHECK(ident_parse(text, size, &name, &error) == KEEP_INVALID);
    CHECK_TEXT(error, message);
    keep_alloc(error, 0);
}

static void refuse_name(const char *text, const char *message)
{
    refuse_sized(text, strlen(text), message);
}

static void test_accepted(void)
{
    accept("agent_states", "\"agent_states\"", "'\"agent_states\"'");
    accept("AgentStates", "\"agentstates\"", "'\"agentstates\"'");
    accept("\"AgentStates\"", "\"AgentStates\"", "'\"AgentStates\"'");
    accept("App.T1$", "\"app\".\"t1$\"", "'\"app\".\"t1$\"'");
    accept("db.App.\"T.x\"", "\"db\".\"app\".\"T.x\"", "'\"db\".\"app\".\"T.x\"'");
    accept("my-Table", "\"my-Table\"", "'\"my-Table\"'");
    accept("My States", "\"My States\"", "'\"My States\"'");
    accept("1Day", "\"1Day\"", "'\"1Day\"'");
    accept("$Table", "\"$Table\"", "'\"$Table\"'");
    accept("select", "\"select\"", "'\"select\"'");
    accept("  app . \"My\"  ", "\"app\".\"My\"", "'\"app\".\"My\"'");
    accept("Gr\xC3\xB6\xC3\x9F"
           "E",
           "\"gr\xC3\xB6\xC3\x9F"
           "e\"",
           "'\"gr\xC3\xB6\xC3\x9F"
           "e\"'");
    accept("\"a\"\"b\"", "\"a\"\"b\"", "'\"a\"\"b\"'");
    accept("\"it's\"", "\"it's\"", "'\"it''s\"'");
    accept("\"a\\b'\"", "\"a\\b'\"", "E'\"a\\\\b''\"'");
    accept("\"x; drop table victim --\"", "\"x; drop table victim --\"",
           "'\"x; drop table victim --\"'");
    accept("\"\xF0\x9F\x90\x98\"", "\"\xF0\x9F\x90\x98\"", "'\"\xF0\x9F\x90\x98\"'");
}

static void test_refused(void)
{
    refuse_name("", "table name: an empty part");
    refuse_name("   ", "table name: an empty part");
    refuse_name(".t", "table name: an empty part");
    refuse_name("t.", "table name: an empty part");
    refuse_name("a..b", "table name: an empty part");
    refuse_name("\"\"", "table name: an empty part");
    refuse_name(
        "a.b.c.d",
        "table name: more than three parts; put a name that holds dots inside double quotes");
    refuse_name("\"open", "table name: a double quote is not closed");
    refuse_name("\"open\"\"", "table name: a double quote is not closed");
    refuse_name("\"a\"b", "table name: only a dot may follow the closing double quote");
    const char *unusual = ";'()/*,=\\!@#%^&+[]{}|<>?`~:";
    for (const char *at = unusual; *at != '\0'; at++) {
        char text[] = {'t', *at, 'x', '\0'}, message[128];
        snprintf(message, sizeof message,
                 "table name: the character %c must be inside double quotes, as in \"my;table\"",
                 *at);
        refuse_name(text, message);
    }
    refuse_name("a\"b\"",
                "table name: the character \" must be inside double quotes, as in \"my;table\"");
    refuse_sized("a\0b", 3, "table name: a NUL character");
    refuse_sized("\"a\0b\"", 5, "table name: a NUL character");
    refuse_name("a\nb", "table name: a control character");
    refuse_name("\"a\x7F\"", "table name: a control character");
    refuse_name("\"a\xC2\x85\"", "table name: a control character");
    refuse_name("x$statekeep$y", "table name: must not hold $statekeep$");
    refuse_name("app.\"$statekeep$\"", "table name: must not hold $statekeep$");
    refuse_name("$StateKeep$.\"$statekeep$\"", "table name: must not hold $statekeep$");
}

static void test_utf8(void)
{
    const char *wrong[] = {"\x80",         "\xC0\xAF",         "\xC3",
                           "\xE0\x80\xAF", "\xED\xA0\x80",     "\xE2\x82",
                           "\xFF",         "\xF0\x80\x80\xAF", "\xF4\x90\x80\x80"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        refuse_name(wrong[i], "table name: invalid UTF-8");
        char quoted[16];
        snprintf(quoted, sizeof quoted, "\"%s\"", wrong[i]);
        refuse_name(quoted, "table name: invalid UTF-8");
    }
}

/* The server keeps 63 bytes and never half a character. */
static void test_cut(void)
{
    struct ident name;
    char *error, text[200];
    memset(text, 'a', 70);
    CHECK(ident_parse(text, 70, &name, &error) == KEEP_OK);
    CHECK(strlen(name.parts[0]) == 63);
    memcpy(text + 62, "\xC3\xB6", 2);
    CHECK(ident_parse(text, 70, &name, &error) == KEEP_OK);
    CHECK(strlen(name.parts[0]) == 62);
    text[61] = '"', text[62] = '"', text[63] = 'b', text[0] = '"', text[70] = '"';
    CHECK(ident_parse(text, 71, &name, &error) == KEEP_OK);
    CHECK(strlen(name.parts[0]) == 63 && name.parts[0][60] == '"' && name.parts[0][61] == 'b');
    memset(text, '\'', sizeof text);
    text[0] = text[199] = '"';
    CHECK(ident_parse(text, 200, &name, &error) == KEEP_OK);
    char out[IDENT_SQL_SIZE];
    CHECK(ident_literal(&name, out) == 2 * 63 + 4);
}

/* The longest renderings stay within IDENT_SQL_SIZE (the address sanitizer watches). */
static void test_longest(void)
{
    const char *fill[] = {"\"\"", "''", "\\\\"};
    for (size_t kind = 0; kind < 3; kind++) {
        char text[3 * 130 + 4], *at = text;
        for (int part = 0; part < 3; part++) {
            if (part > 0)
                *at++ = '.';
            *at++ = '"';
            for (int i = 0; i < 63; i++, at += 2)
                memcpy(at, fill[kind], 2);
            *at++ = '"';
        }
        struct ident name;
        char *error, out[IDENT_SQL_SIZE];
        CHECK(ident_parse(text, (size_t)(at - text), &name, &error) == KEEP_OK);
        CHECK(strlen(name.parts[2]) == 63);
        CHECK(ident_literal(&name, out) < IDENT_SQL_SIZE);
        CHECK(ident_quoted(&name, out) < IDENT_SQL_SIZE);
        CHECK(ident_index(&name, "agent_id", out) < IDENT_SQL_SIZE);
    }
}

static void index_name(const char *text, const char *suffix, char out[IDENT_SQL_SIZE])
{
    struct ident name;
    char *error;
    CHECK(ident_parse(text, strlen(text), &name, &error) == KEEP_OK);
    CHECK(ident_index(&name, suffix, out) == strlen(out));
}

static void test_index(void)
{
    char one[IDENT_SQL_SIZE], two[IDENT_SQL_SIZE];
    index_name("agent_states", "agent_id", one);
    CHECK_TEXT(one, "\"idx_agent_states_agent_id\"");
    index_name("app.\"My \"\"States\"", "updated_at", one);
    CHECK_TEXT(one, "\"idx_My \"\"States_updated_at\"");
    char table[64];
    memset(table, 'a', 50);
    table[50] = '\0'; /* idx_ + 50 + _agent_id: 63 bytes, the last that fits */
    index_name(table, "agent_id", one);
    CHECK(strlen(one) == 65 && strstr(one, "a_agent_id\"") != NULL);
    memset(table, 'a', 63);
    table[63] = '\0';
    index_name(table, "agent_id", one);
    index_name(table, "updated_at", two);
    CHECK(strlen(one) == 65 && strlen(two) == 65 && strcmp(one, two) != 0);
    index_name(table, "agent_id", two);
    CHECK_TEXT(two, one);
    table[62] = 'b';
    index_name(table, "agent_id", two);
    CHECK(strcmp(one, two) != 0);
    for (int i = 0; i < 60; i += 2)
        memcpy(table + i, "\xC3\xB6", 2);
    index_name(table, "agent_id", one);
    struct ident back;
    char *error;
    CHECK(ident_parse(one, strlen(one), &back, &error) == KEEP_OK);
    CHECK(strlen(back.parts[0]) <= 63);
}

static void test_no_memory(void)
{
    struct ident name;
    char *error = (char *)&name;
    check_refuse_allocation(1);
    CHECK(ident_parse("a;b", 3, &name, &error) == KEEP_NO_MEMORY);
    CHECK(error == NULL);
    CHECK(ident_parse("ab", 2, &name, &error) == KEEP_OK);
    CHECK(check_held == 0);
}

int main(void)
{
    test_accepted();
    test_refused();
    test_utf8();
    test_cut();
    test_longest();
    test_index();
    test_no_memory();
    return check_failures != 0;
}
