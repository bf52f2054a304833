/* Connection strings: every form the peers' users write, and clear refusals that never show the password. */
#define _POSIX_C_SOURCE 200809L
#include "dsn.h"

#include "check.h"

static const char *const added[][2] = {
    {"client_encoding", "UTF8"}, {"fallback_application_name", "statekeep"},
    {"keepalives_idle", "30"},   {"keepalives_interval", "10"},
    {"keepalives_count", "3"},   {"tcp_user_timeout", "30000"},
};

static bool is_added(const char *key, const char *value)
{
    for (size_t i = 0; i < sizeof added / sizeof *added; i++)
        if (strcmp(added[i][0], key) == 0 && strcmp(added[i][1], value) == 0)
            return true;
    return false;
}

/* The parameters as "key=<value>", in order, without what is always added. Static. */
static const char *render(const struct dsn *dsn)
{
    static char out[4096];
    char *at = out;
    *at = '\0';
    for (int i = 0; i < dsn->count; i++)
        if (!is_added(dsn->keys[i], dsn->values[i]))
            at += snprintf(at, sizeof out - (size_t)(at - out), "%s%s=<%s>", at > out ? " " : "",
                           dsn->keys[i], dsn->values[i]);
    return out;
}

static void accept(const char *text, const char *want)
{
    struct dsn dsn;
    char *error;
    CHECK(dsn_parse(&dsn, text, &error) == KEEP_OK);
    CHECK_TEXT(error, NULL);
    CHECK_TEXT(render(&dsn), want);
    CHECK(dsn.count == 0 || (dsn.keys[dsn.count] == NULL && dsn.values[dsn.count] == NULL));
    keep_alloc(error, 0);
    dsn_free(&dsn);
}

static void refuse_dsn(const char *text, const char *message)
{
    struct dsn dsn;
    char *error;
    CHECK(dsn_parse(&dsn, text, &error) == KEEP_INVALID);
    CHECK_TEXT(error, message);
    CHECK(dsn.count == 0 && dsn.keys == NULL && dsn.embedded_text == NULL);
    keep_alloc(error, 0);
}

static void test_url(void)
{
    accept("postgres://", "");
    accept("postgresql:///db", "dbname=<db>");
    accept("postgres://ann@host/db", "user=<ann> host=<host> dbname=<db>");
    accept("postgresql://ann:secret@host:5433/db",
           "user=<ann> password=<secret> port=<5433> host=<host> dbname=<db>");
    accept("PostgreSQL+asyncpg://host/db", "host=<host> dbname=<db>");
    accept("postgresql+psycopg://host", "host=<host>");
    accept("  postgres://host/db\n", "host=<host> dbname=<db>");
    accept("postgres://:5433/db", "port=<5433> dbname=<db>");
    accept("postgres://a:1,b:2,c/db", "port=<1,2,> host=<a,b,c> dbname=<db>");
    accept("postgres://a,b/db", "host=<a,b> dbname=<db>");
    accept("postgres://[::1]:5433,[fe80::1%25eth0]/db",
           "port=<5433,> host=<::1,fe80::1%eth0> dbname=<db>");
    accept("postgres://%2Fvar%2Frun%2Fpostgresql:5433/db",
           "port=<5433> host=</var/run/postgresql> dbname=<db>");
    accept("postgres:///db?host=/socket/dir&port=5433&user=ann",
           "dbname=<db> host=</socket/dir> port=<5433> user=<ann>");
    accept("postgres://host/d%20b?user=%C3%A4nn", "host=<host> dbname=<d b> user=<\xC3\xA4nn>");
    accept("postgres://ann:p%40ss%2Fw%3Ao%25rd@host/",
           "user=<ann> password=<p@ss/w:o%rd> host=<host>");
    accept("postgres://ann:p@ss:w#rd@host", "user=<ann> password=<p@ss:w#rd> host=<host>");
    accept("postgres://ann:p+w@host?sslpassword=a+b",
           "user=<ann> password=<p+w> host=<host> sslpassword=<a+b>");
    accept("postgres://host?host=other&&", "host=<other>");
    accept("postgres://host?user=me@work", "host=<host> user=<me@work>");
    accept("postgres://host?dbname=", "host=<host> dbname=<>");
}

static void test_words(void)
{
    accept("host=h", "host=<h>");
    accept("\n host = /dir\tport= 5433  user ='it\\'s' password='a b\\\\c'",
           "host=</dir> port=<5433> user=<it's> password=<a b\\c>");
    accept("password=a\\ b\\'c user=", "password=<a b'c> user=<>");
    accept("password=a\\ ", "password=<a >");
    accept("dbname=x dbname=y", "dbname=<y>");
    accept("dbname='postgres://not/followed'", "dbname=<postgres://not/followed>");
    accept("user=a@b password=x://y", "user=<a@b> password=<x://y>");
    accept("host=a,b port=1,2 hostaddr=127.0.0.1,::1",
           "host=<a,b> port=<1,2> hostaddr=<127.0.0.1,::1>");
}

static void test_settings(void)
{
    accept("search_path=app", "options=<-c search_path=app>");
    accept("search_path='a, b\\\\c' work_mem=1MB",
           "options=<-c search_path=a,\\ b\\\\c -c work_mem=1MB>");
    accept("options='-c geqo=off' search_path=app", "options=<-c geqo=off -c search_path=app>");
    accept("search_path=app options='-c geqo=off'", "options=<-c geqo=off -c search_path=app>");
    accept("postgres://h?search_path=a+b&x.y=1",
           "host=<h> options=<-c search_path=a\\ b -c x.y=1>");
    accept("postgres://h?options=-c+geqo%3Doff&application_name=my+app",
           "host=<h> options=<-c geqo=off> application_name=<my app>");
    accept("postgres://h?options[search_path]=app&options%5Bgeqo%5D=off",
           "host=<h> options=<-c search_path=app -c geqo=off>");
    accept("application_name=mine keepalives_idle=5",
           "application_name=<mine> keepalives_idle=<5>");
    accept("client_encoding=LATIN1", "");
    accept("encoding=LATIN1", "");
    setenv("PGOPTIONS", "-c geqo=off", 1);
    accept("search_path=app", "options=<-c geqo=off -c search_path=app>");
    accept("search_path=app options='-c a=b'", "options=<-c a=b -c search_path=app>");
    accept("host=h", "host=<h> options=<-c geqo=off>");
    unsetenv("PGOPTIONS");
}

/* What belongs to the pools and drivers of the peers. */
static void test_peers(void)
{
    accept("postgres://h/d?pool_max_conns=7&pool_min_conns=1&pool_max_conn_lifetime=1h&"
           "default_query_exec_mode=exec&statement_cache_capacity=100&krbspn=x&search_path=app",
           "host=<h> dbname=<d> options=<-c search_path=app>");
    accept("host=h pool_max_conns=7 pool_health_check_period=1m", "host=<h>");
    accept("postgres://h/d?max_connections=7&pool_timeout=5&preconnect=true&encoding=utf8",
           "host=<h> dbname=<d>");
    accept("postgres://h/d?statement-cache-capacity=10&ssl-mode=require&ssl-root-cert=/a/b",
           "host=<h> dbname=<d> sslmode=<require> sslrootcert=</a/b>");
    accept("postgresql+asyncpg://h?ssl=verify-full&database=d",
           "host=<h> sslmode=<verify-full> dbname=<d>");
    accept("postgres://h?ssl=true", "host=<h> sslmode=<require>");
    accept("postgres://h?ssl=off", "host=<h> sslmode=<disable>");
    accept("postgres://h?sslnegotiation=postgres&gssencmode=disable",
           "host=<h> gssencmode=<disable>");
}

static void number(const char *text, int connections, int connect_ms)
{
    struct dsn dsn;
    char *error;
    CHECK(dsn_parse(&dsn, text, &error) == KEEP_OK);
    CHECK(dsn.connections == connections);
    CHECK(dsn.connect_ms == connect_ms);
    dsn_free(&dsn);
}

static void test_numbers(void)
{
    number("host=h", 0, 0);
    number("host=h pool_max_conns=7", 7, 0);
    number("postgres://h?max_connections=12&connect_timeout=3", 12, 3000);
    number("host=h connect_timeout=0", 0, 0);
    number("host=h connect_timeout=2147483647 pool_max_conns=2147483647", 2147483647, 2147483647);
    const char *wrong[] = {"0", "-1", "", "1.5", "4x", "2147483648", "99999999999999999999"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        char text[64];
        snprintf(text, sizeof text, "pool_max_conns='%s'", wrong[i]);
        refuse_dsn(text, "connection string: pool_max_conns: want a whole number of at least 1");
    }
    refuse_dsn("connect_timeout=5s", "connection string: connect_timeout: want a whole number");
    refuse_dsn("tcp_user_timeout=-1", "connection string: tcp_user_timeout: want a whole number");
}

static void test_added(void)
{
    struct dsn dsn;
    char *error;
    CHECK(dsn_parse(&dsn, "host=h", &error) == KEEP_OK);
    CHECK(dsn.count == 7);
    for (int i = 1; i < dsn.count; i++)
        CHECK(is_added(dsn.keys[i], dsn.values[i]));
    dsn_free(&dsn);
    /* A service file may say how long to wait; what is added would win over it. */
    CHECK(dsn_parse(&dsn, "service=s", &error) == KEEP_OK);
    CHECK(dsn.count == 3);
    dsn_free(&dsn);
    setenv("PGSERVICE", "s", 1);
    CHECK(dsn_parse(&dsn, "host=h", &error) == KEEP_OK);
    CHECK(dsn.count == 3);
    dsn_free(&dsn);
    unsetenv("PGSERVICE");
}

static void test_environment(void)
{
    struct dsn dsn;
    char *error;
    unsetenv("STATEKEEP_DSN");
    unsetenv("DATABASE_URL");
    CHECK(dsn_parse(&dsn, NULL, &error) == KEEP_OK);
    CHECK(dsn.embedded && dsn.count == 0);
    CHECK_TEXT(dsn.embedded_text, "embedded:");
    dsn_free(&dsn);
    setenv("DATABASE_URL", "postgres://fromurl", 1);
    accept("", "host=<fromurl>");
    setenv("STATEKEEP_DSN", "", 1);
    accept(NULL, "host=<fromurl>");
    setenv("STATEKEEP_DSN", "host=fromdsn", 1);
    accept(NULL, "host=<fromdsn>");
    accept("host=given", "host=<given>");
    setenv("STATEKEEP_DSN", "mysql://x", 1);
    refuse_dsn(NULL, "$STATEKEEP_DSN: scheme: not PostgreSQL's; want postgres:// or postgresql://");
    unsetenv("STATEKEEP_DSN");
    setenv("DATABASE_URL", "nonsense", 1);
    refuse_dsn(
        "",
        "$DATABASE_URL: form: want postgres://user@host/database, key=value words, or embedded:");
    unsetenv("DATABASE_URL");
    CHECK(dsn_parse(&dsn, " embedded:/a/b?temp=0&db=x \n", &error) == KEEP_OK);
    CHECK_TEXT(dsn.embedded_text, "embedded:/a/b?temp=0&db=x");
    dsn_free(&dsn);
    CHECK(dsn_parse(&dsn, "embedded:?nonsense=1", &error) == KEEP_INVALID);
    CHECK(error != NULL && dsn.embedded_text == NULL);
    keep_alloc(error, 0);
}

static void test_refused(void)
{
    refuse_dsn("mysql://root:hunter2@h/d",
               "connection string: scheme: not PostgreSQL's; want postgres:// or postgresql://");
    refuse_dsn("postgresqlx://h",
               "connection string: scheme: not PostgreSQL's; want postgres:// or postgresql://");
    refuse_dsn("ann:hunter2@host/db",
               "connection string: form: want postgres://user@host/database, key=value words, or "
               "embedded:");
    refuse_dsn(
        "host=h password=my hunter2",
        "connection string: word 3: want key=value; a value with blanks needs single quotes");
    refuse_dsn(
        "=x", "connection string: word 1: want key=value; a value with blanks needs single quotes");
    refuse_dsn("password='hunter2",
               "connection string: word 1: the single quote of its value is not closed");
    refuse_dsn("hun;ter2=x",
               "connection string: a key: names neither a connection parameter nor a setting");
    refuse_dsn("2hunter=x",
               "connection string: a key: names neither a connection parameter nor a setting");
    refuse_dsn("postgres://h?options[]=x",
               "connection string: a key: names neither a connection parameter nor a setting");
    refuse_dsn("postgres://u:hunter2/x@h/d",
               "connection string: port: want a number from 1 to 65535");
    refuse_dsn(
        "postgres://u:hun:ter2/x@h/d",
        "connection string: host: more than one colon; an IPv6 address needs brackets, and a "
        "password its / ? and # written as %2F %3F and %23");
    refuse_dsn("postgres://u:hunter%zz@h",
               "connection string: password: a percent sign must be written %25");
    refuse_dsn("postgres://u:hunter2%0@h",
               "connection string: password: a percent sign must be written %25");
    refuse_dsn("postgres://u:hunter2%00@h", "connection string: password: %00 cannot be passed on");
    refuse_dsn("postgres://h/d%", "connection string: dbname: a percent sign must be written %25");
    refuse_dsn("postgres://h?a=1&hunter2", "connection string: query parameter 2: want key=value");
    refuse_dsn("postgres://h?=1", "connection string: query parameter 1: want key=value");
    refuse_dsn("postgres://h?x=%GG",
               "connection string: query parameter 1: a percent sign must be written %25");
    refuse_dsn("postgres://[::1/d",
               "connection string: host: the bracket of an IPv6 address is not closed");
    refuse_dsn("postgres://[]/d", "connection string: host: no address between the brackets");
    refuse_dsn("postgres://[::1]x/d",
               "connection string: host: only a port may follow the closing bracket");
    refuse_dsn("postgres://h o/d",
               "connection string: host: holds a character that no host name has");
    refuse_dsn("postgres://h:0", "connection string: port: want a number from 1 to 65535");
    refuse_dsn("postgres://h:65536", "connection string: port: want a number from 1 to 65535");
    refuse_dsn("postgres://h:100000000", "connection string: port: want a number from 1 to 65535");
    refuse_dsn("postgres://a:1,b:x/d", "connection string: port: want a number from 1 to 65535");
    refuse_dsn("host=a,b,c port=1,2", "connection string: port: not as many ports as hosts");
    refuse_dsn("host=a,b hostaddr=127.0.0.1",
               "connection string: hostaddr: not as many addresses as hosts");
    refuse_dsn("sslmode=maybe", "connection string: sslmode: want disable, allow, prefer, require, "
                                "verify-ca or verify-full");
    refuse_dsn("ssl=maybe", "connection string: ssl: want true, false or a value of sslmode");
    refuse_dsn("target_session_attrs=master",
               "connection string: target_session_attrs: want any, read-write, read-only, primary, "
               "standby or prefer-standby");
    refuse_dsn("replication=database",
               "connection string: replication: a replication connection cannot serve operations");
    refuse_dsn(
        "servicefile=/x",
        "connection string: servicefile: this libpq does not know it; a newer one is needed");
    refuse_dsn("postgres://h/a\nb", "connection string: text: a control character");
    refuse_dsn("host=\x01", "connection string: text: a control character");
    refuse_dsn("host=\xC3(", "connection string: text: invalid UTF-8");
    char *large = malloc(40000);
    memset(large, 'x', 39999);
    large[39999] = '\0';
    memcpy(large, "user=", 5);
    refuse_dsn(large, "connection string: text: longer than 32768 bytes");
    free(large);
}

/* Whatever single byte is put in place of another, the parser ends, frees what it took, and keeps the password. */
static void test_mutations(void)
{
    const char *texts[] = {"postgres://ann:hunter2@[::1]:5433,h/d?a=b&options[x]=y&sslmode=require",
                           "host='h' password=hunter2 user=a\\ b search_path='x y' port=1"};
    check_refuse_allocation(0);
    for (size_t kind = 0; kind < 2; kind++)
        for (size_t place = 0; place < strlen(texts[kind]); place++)
            for (int byte = 1; byte < 256; byte++) {
                char text[128], *error;
                struct dsn dsn;
                strcpy(text, texts[kind]);
                text[place] = (char)byte;
                keep_status status = dsn_parse(&dsn, text, &error);
                CHECK((status == KEEP_OK) == (error == NULL));
                CHECK(error == NULL || strstr(error, "hunter") == NULL);
                if (status == KEEP_OK)
                    dsn_free(&dsn);
                keep_alloc(error, 0);
            }
    CHECK(check_held == 0);
}

static void test_no_memory(void)
{
    const char *texts[] = {
        "postgres://ann:secret@h:1,g:2/d?search_path=a&options=-c%20x%3Dy&ssl=true",
        "host=h user=u user=v work_mem=1MB", "embedded:/dir?db=x", "port=x", "a=b c"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        keep_status status = KEEP_NO_MEMORY;
        for (long refused = 1; status == KEEP_NO_MEMORY && refused < 1000; refused++) {
            struct dsn dsn;
            char *error;
            check_refuse_allocation(refused);
            status = dsn_parse(&dsn, texts[i], &error);
            CHECK(status != KEEP_NO_MEMORY || error == NULL);
            if (status == KEEP_OK)
                dsn_free(&dsn);
            keep_alloc(error, 0);
            CHECK(check_held == 0);
        }
        CHECK(status == (i < 3 ? KEEP_OK : KEEP_INVALID));
    }
}

int main(void)
{
    test_url();
    test_words();
    test_settings();
    test_peers();
    test_numbers();
    test_added();
    test_environment();
    test_refused();
    test_mutations();
    test_no_memory();
    return check_failures != 0;
}
