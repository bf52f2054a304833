"""Questions to the server's catalog; their parameters are a schema and a name in it."""

EXTENSIONS = """
    SELECT e.extname, e.extversion, n.nspname
    FROM pg_extension AS e JOIN pg_namespace AS n ON n.oid = e.extnamespace
    ORDER BY e.extname
"""
SCHEMAS = r"""
    SELECT schema_name::text FROM information_schema.schemata
    WHERE schema_name NOT LIKE 'pg\_%' AND schema_name <> 'information_schema'
    ORDER BY schema_name
"""
TABLES = """
    SELECT table_name::text FROM information_schema.tables
    WHERE table_schema = %s AND table_type = 'BASE TABLE'
    ORDER BY table_name
"""
TABLE_EXISTS = "SELECT 1 FROM information_schema.tables WHERE table_schema = %s AND table_name = %s"
COLUMN_EXISTS = """
    SELECT 1 FROM information_schema.columns WHERE table_schema = %s AND table_name = %s AND column_name = %s
"""
TABLE_INFO = """
    SELECT column_name, data_type, is_nullable, column_default, ordinal_position, character_maximum_length,
        numeric_precision, numeric_scale
    FROM information_schema.columns
    WHERE table_schema = %s AND table_name = %s
    ORDER BY ordinal_position
"""
ROW_ESTIMATE = """
    SELECT c.reltuples::bigint AS count
    FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE n.nspname = %s AND c.relname = %s
"""
INDEXES = """
    SELECT i.relname AS index_name, m.amname AS index_type, pg_get_indexdef(i.oid) AS index_def
    FROM pg_index AS x
    JOIN pg_class AS i ON i.oid = x.indexrelid
    JOIN pg_class AS t ON t.oid = x.indrelid
    JOIN pg_namespace AS n ON n.oid = t.relnamespace
    JOIN pg_am AS m ON m.oid = i.relam
    WHERE n.nspname = %s AND t.relname = %s
    ORDER BY i.relname
"""
_CONSTRAINTS = """
    FROM pg_constraint AS c
    JOIN pg_class AS t ON t.oid = c.conrelid
    JOIN pg_namespace AS n ON n.oid = t.relnamespace
    WHERE n.nspname = %s AND t.relname = %s
"""
CONSTRAINTS = f"""
    SELECT c.conname AS constraint_name, c.contype AS constraint_type, pg_get_constraintdef(c.oid) AS constraint_def
    {_CONSTRAINTS} ORDER BY c.conname
"""


def _names(table: str, numbers: str) -> str:
    """The names of a constraint's columns, in its order."""
    return f"""array(
        SELECT a.attname::text FROM unnest({numbers}) WITH ORDINALITY AS k(number, place)
        JOIN pg_attribute AS a ON a.attrelid = {table} AND a.attnum = k.number
        ORDER BY k.place
    )"""


PRIMARY_KEY = f"""
    SELECT c.conname AS constraint_name, {_names("c.conrelid", "c.conkey")} AS columns
    {_CONSTRAINTS} AND c.contype = 'p'
"""
FOREIGN_KEYS = f"""
    SELECT c.conname AS constraint_name, {_names("c.conrelid", "c.conkey")} AS columns,
        (SELECT r.relname FROM pg_class AS r WHERE r.oid = c.confrelid) AS referenced_table,
        {_names("c.confrelid", "c.confkey")} AS referenced_columns
    {_CONSTRAINTS} AND c.contype = 'f'
    ORDER BY c.conname
"""
SEQUENCES = """
    SELECT sequence_name::text FROM information_schema.sequences WHERE sequence_schema = %s ORDER BY sequence_name
"""
VIEWS = "SELECT table_name::text FROM information_schema.views WHERE table_schema = %s ORDER BY table_name"
MATERIALIZED_VIEWS = "SELECT matviewname FROM pg_matviews WHERE schemaname = %s ORDER BY matviewname"
# information_schema.columns leaves materialized views out; its own functions say the same of their columns.
MATERIALIZED_VIEW_COLUMNS = """
    SELECT a.attname AS column_name,
        CASE
            WHEN y.typelem <> 0 AND y.typlen = -1 THEN 'ARRAY'
            WHEN y.typnamespace = 'pg_catalog'::regnamespace THEN format_type(y.oid, NULL)
            ELSE 'USER-DEFINED'
        END AS data_type,
        CASE WHEN a.attnotnull THEN 'NO' ELSE 'YES' END AS is_nullable,
        NULL::text AS column_default,
        a.attnum::int AS ordinal_position,
        information_schema._pg_char_max_length(y.oid, m.typmod) AS character_maximum_length,
        information_schema._pg_numeric_precision(y.oid, m.typmod) AS numeric_precision,
        information_schema._pg_numeric_scale(y.oid, m.typmod) AS numeric_scale
    FROM pg_attribute AS a
    JOIN pg_class AS t ON t.oid = a.attrelid
    JOIN pg_namespace AS n ON n.oid = t.relnamespace
    JOIN pg_type AS c ON c.oid = a.atttypid
    JOIN pg_type AS y ON y.oid = CASE WHEN c.typtype = 'd' THEN c.typbasetype ELSE c.oid END
    CROSS JOIN LATERAL (SELECT CASE WHEN c.typtype = 'd' THEN c.typtypmod ELSE a.atttypmod END) AS m(typmod)
    WHERE n.nspname = %s AND t.relname = %s AND t.relkind = 'm' AND a.attnum > 0 AND NOT a.attisdropped
    ORDER BY a.attnum
"""
ROLES = """
    SELECT rolname AS name, rolsuper AS superuser, rolcreaterole AS createrole, rolcreatedb AS createdb,
        rolcanlogin AS login, rolreplication AS replication, rolconnlimit AS connection_limit,
        rolvaliduntil AS valid_until
    FROM pg_roles
    WHERE %s OR left(rolname, 3) <> 'pg_'
    ORDER BY rolname
"""
ROLE_MEMBERS = """
    SELECT m.rolname AS member
    FROM pg_auth_members AS x
    JOIN pg_roles AS r ON r.oid = x.roleid
    JOIN pg_roles AS m ON m.oid = x.member
    WHERE r.rolname = %s
    ORDER BY m.rolname
"""
ROLE_GRANTS = """
    SELECT table_schema::text AS schema, table_name::text AS object_name, privilege_type::text AS privilege
    FROM information_schema.role_table_grants
    WHERE grantee = %s
    ORDER BY table_schema, table_name, privilege_type
"""
TABLE_SIZES = """
    SELECT t.relname AS table_name, pg_size_pretty(pg_total_relation_size(t.oid)) AS total_size,
        pg_size_pretty(pg_relation_size(t.oid)) AS data_size, pg_size_pretty(pg_indexes_size(t.oid)) AS index_size
    FROM pg_class AS t JOIN pg_namespace AS n ON n.oid = t.relnamespace
    WHERE n.nspname = %s AND t.relkind IN ('r', 'p')
    ORDER BY pg_total_relation_size(t.oid) DESC
    LIMIT %s
"""
