-- Embeddings: pgvector's vector(1536) where the server has it, else real[], which is searched exactly, and slowly.
-- memory.fit_vectors() makes columns and indexes for what is there, and says what it changed; run again after "create
-- extension vector" it turns real[] into vector. GatheRing's IVFFlat indexes were built on empty tables and find one of ten
-- neighbours: HNSW replaces them, on large tables only with `all_tables`, as writers wait for the build. No row and no
-- value is lost by any of it.

create or replace function memory.fit_vectors(all_tables boolean) returns text[] language plpgsql
set maintenance_work_mem = '256MB' set client_min_messages = warning as $fit$
declare
    vectors constant boolean := to_regtype('vector') is not null;
    hnsw constant boolean := exists (select from pg_am as a where a.amname = 'hnsw');
    large constant bigint := 128 * 1024 * 1024; -- bytes: some 15,000 embeddings, built in less than a minute
    done text[] := '{}';
    place record;
    old record;
begin
    for place in
        select w.name, w.name::regclass as id, w.indexed,
            (select format_type(a.atttypid, null) from pg_attribute as a
                where a.attrelid = w.name::regclass and a.attname = 'embedding' and not a.attisdropped) as kind
        from (values
            ('memory.memories', 'idx_memories_embedding'),
            ('memory.knowledge_base', 'idx_kb_embedding'),
            ('memory.embeddings_cache', null),
            ('project.files', 'idx_files_embedding')
        ) as w(name, indexed)
    loop
        if place.kind is null then
            execute format('alter table %s add column embedding %s', place.name,
                case when vectors then 'vector(1536)' else 'real[]' end);
            if place.name = 'memory.embeddings_cache' and not exists (select from memory.embeddings_cache) then
                alter table memory.embeddings_cache alter column embedding set not null;
            end if;
        elsif place.kind = 'real[]' and vectors then
            execute format('alter table %s alter column embedding type vector(1536) using embedding::vector(1536)', place.name);
            done := done || format('%s: real[] is now vector(1536)', place.name);
        end if;
        continue when place.indexed is null or not vectors or not hnsw;
        select c.relname as name, m.amname as method into old
        from pg_index as x
        join pg_class as c on c.oid = x.indexrelid
        join pg_am as m on m.oid = c.relam
        join pg_attribute as a on a.attrelid = x.indrelid and a.attnum = x.indkey[0]
        where x.indrelid = place.id and a.attname = 'embedding' and m.amname in ('hnsw', 'ivfflat')
        order by m.amname
        limit 1;
        continue when old.method = 'hnsw';
        if old.method = 'ivfflat' then
            if not all_tables and pg_table_size(place.id) > large then
                done := done || format('%s: keeps IVFFlat, as it is large; gathering.index replaces it', place.name);
                continue;
            end if;
            execute format('drop index %I.%I', split_part(place.name, '.', 1), old.name);
            done := done || format('%s: HNSW replaces IVFFlat', place.name);
        end if;
        -- With pgvector's own 64, tight groups of embeddings can become islands that no search reaches.
        execute format('create index if not exists %I on %s using hnsw (embedding vector_cosine_ops) with (ef_construction = 128)',
            place.indexed, place.name);
    end loop;
    return done;
end
$fit$;
