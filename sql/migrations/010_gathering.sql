-- GatheRing's tables: a superset of what its own migrations make, on an empty database or on one that they made. The
-- migrations are the files in gathering/, each run once, in one transaction with the note of it in statekeep_migrations.
-- migrations: gathering

-- op: gathering.setup
-- args:
-- gives: none
-- batch: no    resend: yes    writes: yes
-- Brings the schemas up to date: runs the migrations that have not run, all of them or none, and is quick when there are
-- none. Racing processes wait for each other. What is there stays: tables, columns, data, GatheRing's own functions and
-- views. INVALID when a newer version of this package was here before.
do $statekeep$
declare
    names text[];
    texts text[];
    latest integer := 0;
begin
    perform set_config('client_min_messages', 'warning', true);
    select array_agg(w.name order by w.version), array_agg(w.sql order by w.version) into names, texts
    from (values {migrations}) as w(version, name, sql);
    if to_regclass('public.statekeep_migrations') is not null then
        select coalesce(max(m.version), 0) into latest from public.statekeep_migrations as m where m.store = 'gathering';
    end if;
    if latest > cardinality(names) then
        raise exception 'the schemas of gathering are of version %, the latest that is known here is %',
            latest, cardinality(names);
    elsif latest = cardinality(names) then
        return;
    end if;
    perform pg_advisory_xact_lock(hashtextextended('statekeep.setup', 0));
    create table if not exists public.statekeep_migrations (
        store text not null,
        version integer not null,
        name text not null,
        applied_at timestamptz not null default clock_timestamp(),
        note text,
        primary key (store, version)
    );
    -- Who waited for the lock finds the other's work done.
    select coalesce(max(m.version), 0) into latest from public.statekeep_migrations as m where m.store = 'gathering';
    for version in latest + 1 .. cardinality(names) loop
        perform set_config('statekeep.note', '', true);
        execute texts[version];
        insert into public.statekeep_migrations (store, version, name, note)
        values ('gathering', version, names[version], nullif(current_setting('statekeep.note'), ''));
    end loop;
end
$statekeep$;

-- op: gathering.status
-- args:
-- gives: many {version, name, applied_at, note}
-- batch: no    resend: yes    writes: no
-- The migrations of gathering.setup, each with the time when it ran (null when it has not) and what it has to say about it,
-- as which index it replaced.
-- The table may not be there yet: ts_stat() runs a query that is a text.
with applied as (
    select split_part(s.word, ' ', 1)::integer as version, split_part(s.word, ' ', 2) as at,
        nullif(substr(s.word, 29 + strpos(s.word, ' ')), '') as note
    from ts_stat(case when to_regclass('public.statekeep_migrations') is null then 'select ''''::tsvector' else
        'select array_to_tsvector(array[version || '' '' || to_char(applied_at at time zone ''UTC'',
            ''YYYY-MM-DD"T"HH24:MI:SS.US"Z"'') || '' '' || coalesce(note, '''')]) from public.statekeep_migrations where store = ''gathering''' end) as s
)
select w.version, w.name, a.at as applied_at, a.note
from (values {migration names}) as w(version, name)
left join applied as a on a.version = w.version
order by w.version;

-- op: gathering.plan
-- args:
-- gives: many {version, name, sql}
-- batch: no    resend: yes    writes: no
-- What gathering.setup would run now: the migrations that have not run, with their SQL.
with applied as (
    select s.word::integer as version
    from ts_stat(case when to_regclass('public.statekeep_migrations') is null then 'select ''''::tsvector' else
        'select array_to_tsvector(array[version::text]) from public.statekeep_migrations where store = ''gathering''' end) as s
)
select w.version, w.name, w.sql
from (values {migrations}) as w(version, name, sql)
where w.version > coalesce((select max(a.version) from applied as a), 0)
order by w.version;

-- op: gathering.index
-- args:
-- gives: one changes
-- batch: no    resend: yes    writes: yes
-- Fits memories, knowledge and files to the pgvector that is there by now: real[] becomes vector(1536), and an HNSW index
-- is made where there is none, in place of GatheRing's IVFFlat index, which misses most neighbours. Gives what it changed, as
-- an array of sentences. Writers of a table wait while it is rewritten or indexed: about a second for a thousand
-- embeddings.
with fitted as materialized (
    select memory.fit_vectors(true) as changes
),
remade as materialized (
    select memory.make_search() from fitted
)
select to_jsonb(f.changes) as changes from fitted as f, remade;
