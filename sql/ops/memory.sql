-- Memories of agents on GatheRing's table memory.memories: by id, by likeness of their embeddings, by words. A memory that was
-- deleted (is_active is false, as GatheRing does it) or whose expires_at is past is found by none of these. Scopes and types
-- are GatheRing's: global, circle, agent, conversation, project; fact, preference, experience, skill, relationship, context,
-- decision, error, feedback, learning. Filters that are null let everything pass; of tags one must be among the memory's.

-- text: shown
cross join lateral (
    select s.id, s.key, s.value, s.agent_id, s.scope, s.scope_id, s.memory_type, to_json(s.tags) as tags, s.importance,
        s.metadata, to_char(s.created_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as created_at
    from memory.memories as s where s.id = i.id
    limit 1
) as m

-- text: nearest
memory.nearest($1::{vector}, $2::bigint, $3::text::public.memory_scope, $4::bigint,
    case when $5::jsonb is not null then
        array(select e.name::public.memory_type from jsonb_array_elements_text($5::jsonb) as e(name)) end,
    case when $6::jsonb is not null then array(select e.name from jsonb_array_elements_text($6::jsonb) as e(name)) end,
    coalesce($7::bigint, 10), ($8::jsonb)::double precision, $9::bigint)

-- text: listed
and m.is_active and (m.expires_at is null or m.expires_at > now())
    and ($2::text is null or m.scope = $2::text::public.memory_scope) and ($3::bigint is null or m.scope_id = $3::bigint)
    and ($4::jsonb is null or m.memory_type::text = any (array(select jsonb_array_elements_text($4::jsonb))))
    and ($5::jsonb is null or m.tags && array(select jsonb_array_elements_text($5::jsonb)))

-- op: memory.store
-- args: key text+, value text, embedding vector?, agent_id int?, scope text?, scope_id int?, memory_type text?
-- args: tags text[]?, importance json?, metadata json?, source_type text?, source_id int?, expires_at time?
-- gives: one id
-- batch: no    resend: no    writes: yes
-- needs: gathering.setup
-- Stores a memory. Without a scope it is the agent's, and global where there is no agent; without a scope_id that is
-- the agent's id. `importance` is a number from 0 to 1, else 0.5. The embedding must have as many dimensions as the table
-- (1536); without one the memory is found by its words only.
insert into memory.memories as m (key, value, embedding, agent_id, scope, scope_id, memory_type, tags, importance, metadata,
    source_type, source_id, expires_at)
values ($1::text, $2::text, memory.fitting($3::{vector}), $4::bigint,
    coalesce($5::text::public.memory_scope, case when $4::bigint is null then 'global' else 'agent' end::public.memory_scope),
    coalesce($6::bigint, $4::bigint), coalesce($7::text::public.memory_type, 'fact'),
    array(select e.tag from jsonb_array_elements_text($8::jsonb) as e(tag)), coalesce(($9::jsonb)::double precision, 0.5),
    coalesce($10::jsonb, '{}'), $11::text, $12::bigint, $13::text::timestamptz)
returning m.id;

-- op: memory.get
-- args: id int
-- gives: maybe {id, key, value, agent_id, scope, scope_id, memory_type, tags, importance, metadata, source_type, source_id, access_count, created_at, updated_at, expires_at, embedding}
-- batch: yes    key: id    same key: any    resend: yes    writes: no
-- needs: gathering.setup
-- The memory of that id with its embedding, or null.
select i.n, s.id, s.key, s.value, s.agent_id, s.scope, s.scope_id, s.memory_type, s.tags, s.importance, s.metadata,
    s.source_type, s.source_id, s.access_count, s.created_at, s.updated_at, s.expires_at, s.embedding
from unnest($1::bigint[]) with ordinality as i(id, n)
cross join lateral (
    select m.id, m.key, m.value, m.agent_id, m.scope, m.scope_id, m.memory_type, to_json(m.tags) as tags, m.importance,
        m.metadata, m.source_type, m.source_id, m.access_count, to_char(m.created_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as created_at,
        to_char(m.updated_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as updated_at, to_char(m.expires_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as expires_at, to_json(m.embedding::real[]) as embedding
    from memory.memories as m
    where m.id = i.id and m.is_active and (m.expires_at is null or m.expires_at > now())
    limit 1
) as s;

-- op: memory.list
-- args: agent_id int?, scope text?, scope_id int?, types text[]?, tags text[]?, limit int?, offset int?
-- gives: many {id, key, value, agent_id, scope, scope_id, memory_type, tags, importance, metadata, created_at, expires_at}
-- batch: no    resend: yes    writes: no
-- needs: gathering.setup
-- The memories that pass the filter, newest first; without a limit 100.
with chosen as materialized (
    (
        select m.id, row_number() over (order by m.created_at desc, m.id desc) as n from memory.memories as m
        where $1::bigint is not null and m.agent_id = $1::bigint
            {+listed}
        order by m.created_at desc, m.id desc
        limit coalesce($6::bigint, 100) offset coalesce($7::bigint, 0)
    )
    union all
    (
        select m.id, row_number() over (order by m.id desc) as n from memory.memories as m
        where $1::bigint is null
            {+listed}
        order by m.id desc
        limit coalesce($6::bigint, 100) offset coalesce($7::bigint, 0)
    )
)
select m.id, m.key, m.value, m.agent_id, m.scope, m.scope_id, m.memory_type, m.tags, m.importance, m.metadata,
    m.created_at, m.expires_at
from chosen as c
cross join lateral (
    select s.id, s.key, s.value, s.agent_id, s.scope, s.scope_id, s.memory_type, to_json(s.tags) as tags, s.importance,
        s.metadata, to_char(s.created_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as created_at, to_char(s.expires_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as expires_at
    from memory.memories as s where s.id = c.id
    limit 1
) as m
order by c.n;

-- op: memory.search
-- args: embedding vector, agent_id int?, scope text?, scope_id int?, types text[]?, tags text[]?, limit int?
-- args: threshold json?, effort int?
-- gives: many {id, key, value, agent_id, scope, scope_id, memory_type, tags, importance, metadata, created_at, similarity}
-- batch: no    resend: yes    writes: no
-- needs: gathering.setup
-- The memories most like an embedding by cosine, most similar first; without a limit 10, with a threshold only those of at
-- least that similarity (a number from -1 to 1). Small sets are compared one by one, large ones through the index; `effort`
-- is how many candidates the index keeps (100 without it; more finds more of the nearest and takes longer).
select m.id, m.key, m.value, m.agent_id, m.scope, m.scope_id, m.memory_type, m.tags, m.importance, m.metadata,
    m.created_at, i.similarity
from {+nearest} as i
{+shown}
order by i.similarity desc, m.id;

-- op: memory.recall
-- args: embedding vector, agent_id int?, scope text?, scope_id int?, types text[]?, tags text[]?, limit int?
-- args: threshold json?, effort int?
-- gives: many {id, key, value, agent_id, scope, scope_id, memory_type, tags, importance, metadata, created_at, similarity}
-- batch: no    resend: no    writes: yes
-- needs: gathering.setup
-- As memory.search, and counts the access: access_count of each memory found is one more, last_accessed_at is now.
with found as materialized (
    select n.id, n.similarity
    from {+nearest} as n
),
locked as materialized (
    select s.id
    from (select f.id from found as f order by f.id) as i
    cross join lateral (select m.id from memory.memories as m where m.id = i.id limit 1 for update) as s
),
touched as (
    update memory.memories as m set access_count = coalesce(m.access_count, 0) + 1, last_accessed_at = now()
    where m.id = any (array(select l.id from locked as l))
)
select m.id, m.key, m.value, m.agent_id, m.scope, m.scope_id, m.memory_type, m.tags, m.importance, m.metadata,
    m.created_at, i.similarity
from found as i
{+shown}
order by i.similarity desc, m.id;

-- op: memory.search_text
-- args: query text+, agent_id int?, scope text?, scope_id int?, types text[]?, tags text[]?, limit int?
-- gives: many {id, key, value, agent_id, scope, scope_id, memory_type, tags, importance, metadata, created_at, rank}
-- batch: no    resend: yes    writes: no
-- needs: gathering.setup
-- The memories whose value holds the words of the query, best first; without a limit 10. The query is written as for a web
-- search ("exact words", or, -without) and read as English, so that other forms of a word are found, too.
with found as materialized (
    select m.id, ts_rank_cd(m.value_fts, websearch_to_tsquery('english', $1::text)) as rank
    from memory.memories as m
    where m.value_fts @@ websearch_to_tsquery('english', $1::text)
        and m.is_active and (m.expires_at is null or m.expires_at > now()) and ($2::bigint is null or m.agent_id = $2::bigint)
        and ($3::text is null or m.scope = $3::text::public.memory_scope) and ($4::bigint is null or m.scope_id = $4::bigint)
        and ($5::jsonb is null or m.memory_type::text = any (array(select jsonb_array_elements_text($5::jsonb))))
        and ($6::jsonb is null or m.tags && array(select jsonb_array_elements_text($6::jsonb)))
    order by 2 desc, m.id
    limit coalesce($7::bigint, 10)
)
select m.id, m.key, m.value, m.agent_id, m.scope, m.scope_id, m.memory_type, m.tags, m.importance, m.metadata,
    m.created_at, i.rank
from found as i
{+shown}
order by i.rank desc, m.id;

-- op: memory.search_both
-- args: query text+, embedding vector, agent_id int?, scope text?, scope_id int?, types text[]?, tags text[]?, limit int?
-- args: threshold json?, effort int?
-- gives: many {id, key, value, agent_id, scope, scope_id, memory_type, tags, importance, metadata, created_at, similarity, rank, score}
-- batch: no    resend: yes    writes: no
-- needs: gathering.setup
-- The memories found by likeness or by words or by both, best first; without a limit 10. The two lists, each five times as
-- long, are joined by reciprocal rank: score is the sum of 1 / (60 + place) over the lists a memory is in. similarity or
-- rank is null where a memory was not in that list; the threshold is one of similarity.
with like_it as materialized (
    select n.id, n.similarity, row_number() over (order by n.similarity desc, n.id) as place
    from memory.nearest($2::{vector}, $3::bigint, $4::text::public.memory_scope, $5::bigint,
        case when $6::jsonb is not null then array(select e.name::public.memory_type from jsonb_array_elements_text($6::jsonb) as e(name)) end,
        case when $7::jsonb is not null then array(select e.name from jsonb_array_elements_text($7::jsonb) as e(name)) end,
        5 * coalesce($8::bigint, 10), ($9::jsonb)::double precision, $10::bigint) as n
),
worded as materialized (
    select m.id, ts_rank_cd(m.value_fts, websearch_to_tsquery('english', $1::text)) as rank
    from memory.memories as m
    where m.value_fts @@ websearch_to_tsquery('english', $1::text)
        and m.is_active and (m.expires_at is null or m.expires_at > now()) and ($3::bigint is null or m.agent_id = $3::bigint)
        and ($4::text is null or m.scope = $4::text::public.memory_scope) and ($5::bigint is null or m.scope_id = $5::bigint)
        and ($6::jsonb is null or m.memory_type::text = any (array(select jsonb_array_elements_text($6::jsonb))))
        and ($7::jsonb is null or m.tags && array(select jsonb_array_elements_text($7::jsonb)))
    order by 2 desc, m.id
    limit 5 * coalesce($8::bigint, 10)
),
placed as (
    select w.id, w.rank, row_number() over (order by w.rank desc, w.id) as place from worded as w
),
joined as materialized (
    select coalesce(l.id, p.id) as id, l.similarity, p.rank,
        coalesce(1.0 / (60 + l.place), 0)::double precision + coalesce(1.0 / (60 + p.place), 0)::double precision as score
    from like_it as l full join placed as p on p.id = l.id
    order by 4 desc, 1
    limit coalesce($8::bigint, 10)
)
select m.id, m.key, m.value, m.agent_id, m.scope, m.scope_id, m.memory_type, m.tags, m.importance, m.metadata,
    m.created_at, i.similarity, i.rank, i.score
from joined as i
{+shown}
order by i.score desc, m.id;

-- op: memory.delete
-- args: id int, agent_id int?
-- gives: one deleted
-- batch: yes    key: id    same key: conflict    resend: no    writes: yes
-- needs: gathering.setup
-- Makes a memory invisible, as GatheRing does, and gives whether there was one (and the agent's, where one is named). The row
-- stays for who looks into the table; memory.forget removes it.
with input as materialized (
    select u.id, u.agent_id, u.n from unnest($1::bigint[], $2::bigint[]) with ordinality as u(id, agent_id, n)
),
locked as materialized (
    select s.id
    from (select e.id, e.agent_id from input as e order by e.id) as i
    cross join lateral (
        select m.id from memory.memories as m
        where m.id = i.id and m.is_active and (i.agent_id is null or m.agent_id = i.agent_id)
        limit 1
        for update
    ) as s
),
gone as (
    update memory.memories as m set is_active = false where m.id = any (array(select l.id from locked as l)) returning m.id
)
select i.n, i.id in (select g.id from gone as g) as deleted from input as i;

-- op: memory.forget
-- args: id int, agent_id int?
-- gives: one forgotten
-- batch: yes    key: id    same key: conflict    resend: no    writes: yes
-- needs: gathering.setup
-- Removes a memory for good, deleted or expired ones as well, and gives whether there was one (and the agent's, where one is
-- named).
with input as materialized (
    select u.id, u.agent_id, u.n from unnest($1::bigint[], $2::bigint[]) with ordinality as u(id, agent_id, n)
),
locked as materialized (
    select s.id
    from (select e.id, e.agent_id from input as e order by e.id) as i
    cross join lateral (
        select m.id from memory.memories as m where m.id = i.id and (i.agent_id is null or m.agent_id = i.agent_id)
        limit 1
        for update
    ) as s
),
gone as (
    delete from memory.memories as m where m.id = any (array(select l.id from locked as l)) returning m.id
)
select i.n, i.id in (select g.id from gone as g) as forgotten from input as i;

-- op: memory.info
-- args:
-- gives: one {type, dimensions, index, advice}
-- batch: no    resend: yes    writes: no
-- needs: gathering.setup
-- How memories are searched: the type of embeddings (vector or real[]), their dimensions, the method of their index (hnsw,
-- ivfflat, or null for none, when all are compared), and what to do about it where something can be done, else null.
select c.type, c.dimensions, c.index, case
    when c.index = 'hnsw' then null
    when c.index = 'ivfflat' then 'the index misses most neighbours: call gathering.index, which replaces it'
    when c.type = 'vector' and exists (select from pg_am as a where a.amname = 'hnsw') then 'call gathering.index, which makes the index'
    when c.type = 'vector' then 'install pgvector 0.5 or newer, run alter extension vector update, then call gathering.index'
    when c.known then 'call gathering.index, which makes the embeddings vectors and indexes them'
    when c.available then 'run create extension vector, then call gathering.index'
    else 'install pgvector on the server, run create extension vector, then call gathering.index'
    end as advice
from (
    select format_type(a.atttypid, null) as type, coalesce(nullif(a.atttypmod, -1), 1536) as dimensions,
        (
            select min(w.amname::text) from pg_index as x
            join pg_class as r on r.oid = x.indexrelid
            join pg_am as w on w.oid = r.relam
            where x.indrelid = a.attrelid and x.indkey[0] = a.attnum and w.amname in ('hnsw', 'ivfflat') and x.indisvalid
        ) as index,
        to_regtype('vector') is not null as known,
        exists (select from pg_available_extensions as e where e.name = 'vector') as available
    from pg_attribute as a
    where a.attrelid = 'memory.memories'::regclass and a.attname = 'embedding'
) as c;
