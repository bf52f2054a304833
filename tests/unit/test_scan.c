/* What a caller's SQL is taken to do to its session. */
#include "check.h"

#include "core.h"

static void check(int line, const char *sql, unsigned want)
{
    unsigned got = scan_sql(sql, strlen(sql));
    if (got == want)
        return;
    check_failures++;
    fprintf(stderr, "%s:%d: <%s> is %u, want %u\n", __FILE__, line, sql, got, want);
}

#define SCAN(sql, want) check(__LINE__, sql, want)

static void test_first_words(void)
{
    SCAN("select 1", SCAN_PLAN);
    SCAN("  SELECT 1", SCAN_PLAN);
    SCAN("/* a /* nested */ comment */ -- and a line\n((select 1))", SCAN_PLAN);
    SCAN("insert into t values ($1)", SCAN_PLAN);
    SCAN("with x as (select 1) update t set a = 1", SCAN_PLAN);
    SCAN("table t", SCAN_PLAN);
    SCAN("explain analyze select 1", 0);
    SCAN("copy t from stdin", 0);
    SCAN("begin isolation level serializable", 0);
    SCAN("rollback to savepoint s", 0);
    SCAN("commit", SCAN_COMMITS);
    SCAN("END", SCAN_COMMITS);
    SCAN("set work_mem = 1", SCAN_CHANGES);
    SCAN("set local work_mem = 1", 0);
    SCAN("SET TRANSACTION READ ONLY", 0);
    SCAN("create table t (a int)", SCAN_CHANGES);
    SCAN("listen x", SCAN_CHANGES);
    SCAN("call p()", SCAN_CHANGES);
    SCAN("do $$ begin perform 1; end $$", SCAN_CHANGES);
    SCAN("prepare p as select 1", SCAN_CHANGES | SCAN_FORGETS | SCAN_COMMITS);
    SCAN("discard all", SCAN_CHANGES | SCAN_FORGETS | SCAN_COMMITS);
    SCAN("declare c cursor for select 1", 0);
    SCAN("declare c cursor with hold for select 1", SCAN_CHANGES);
    SCAN("", 0);
    SCAN("-- nothing", 0);
    SCAN(";;", 0);
}

static void test_functions(void)
{
    SCAN("select set_config('a.b', 'c', false)", SCAN_PLAN | SCAN_CHANGES);
    SCAN("select PG_CATALOG.Set_Config('a.b', 'c', false)", SCAN_PLAN | SCAN_CHANGES);
    SCAN("select pg_catalog.\"set_config\"('a.b', 'c', false)", SCAN_PLAN | SCAN_CHANGES);
    SCAN("select pg_advisory_lock(1)", SCAN_PLAN | SCAN_CHANGES);
    SCAN("select pg_try_advisory_lock_shared(1)", SCAN_PLAN | SCAN_CHANGES);
    SCAN("select pg_advisory_xact_lock(1)", SCAN_PLAN);
    SCAN("select pg_try_advisory_xact_lock(1)", SCAN_PLAN);
    SCAN("select nextval('s')", SCAN_PLAN | SCAN_CHANGES);
    SCAN("select dblink_connect('x')", SCAN_PLAN | SCAN_CHANGES);
    SCAN("select lo_open(1, 2)", SCAN_PLAN | SCAN_CHANGES);
    SCAN("select 1 into temp t", SCAN_PLAN | SCAN_CHANGES);
    SCAN("select reset_config, nextvalue from t", SCAN_PLAN);
    SCAN("select 'set_config()', $$pg_advisory_lock$$, $a$ nextval $$ $a$", SCAN_PLAN);
    SCAN("select 1 -- set_config", SCAN_PLAN);
    SCAN("select \"a \"\"set_config\"", SCAN_PLAN | SCAN_CHANGES); /* doubt counts as "it may" */
}

static void test_several(void)
{
    SCAN("select 1;", SCAN_PLAN);
    SCAN("select 1; -- the end\n ; /* really */", SCAN_PLAN);
    SCAN("select 1; select 2", SCAN_SEVERAL);
    SCAN("select ';'; ", SCAN_PLAN);
    SCAN("select 'it''s; fine'", SCAN_PLAN);
    SCAN("select E'it\\'s; fine'", SCAN_PLAN);
    SCAN("select e'\\\\'; select 2", SCAN_SEVERAL);
    SCAN("select $$ ; $$, $tag$ ; $$ ; $tag$", SCAN_PLAN);
    SCAN("select $1; select $2", SCAN_SEVERAL);
    SCAN("select a$b$c; select 2", SCAN_SEVERAL);
    SCAN("select \"a;b\", U&\"c;d\"", SCAN_PLAN);
    SCAN("select 1 /* ; */", SCAN_PLAN);
    SCAN("begin; set x = 1; commit", SCAN_SEVERAL | SCAN_CHANGES | SCAN_COMMITS);
    SCAN("select 1; set local x = 1", SCAN_SEVERAL);
    SCAN("insert into t values (1); prepare p as select 1",
         SCAN_SEVERAL | SCAN_CHANGES | SCAN_FORGETS | SCAN_COMMITS);
}

/* Every cut and every single wrong byte: nothing is read beyond the end (the sanitizers see to that). */
static void test_any_bytes(void)
{
    static const char sql[] =
        "select e'a\\'b', $x$ y $x$, \"q\"\"r\", /* c /* d */ */ 'z' -- e\n; set role x";
    for (size_t size = 0; size < sizeof sql; size++) {
        char *copy = malloc(size ? size : 1);
        memcpy(copy, sql, size);
        scan_sql(copy, size);
        for (size_t at = 0; at < size; at++)
            for (const char *wrong = "'\"$/*-;\\e\xff"; *wrong; wrong++) {
                copy[at] = *wrong;
                scan_sql(copy, size);
                copy[at] = sql[at];
            }
        free(copy);
    }
}

int main(void)
{
    test_first_words();
    test_functions();
    test_several();
    test_any_bytes();
    return check_failures != 0;
}
