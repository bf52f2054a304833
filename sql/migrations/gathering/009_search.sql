-- The search for similar memories. memory.make_search() makes its functions for the type that embeddings have by now; names
-- and arguments are the same for either. A search first collects at most some hundred memories that pass the filter. If that
-- was all of them, their distances are computed; else the index is asked, as it costs less. When the filter leaves too few of
-- what it finds, filter and query may be far apart, where an index sees little: then up to 10,000 are compared (some 40
-- ms), and beyond that the index is asked for ten times as many candidates, and to go on until it has enough. Without a
-- filter a table that is not small goes to the index at once.

create or replace function memory.make_search() returns void language plpgsql set client_min_messages = warning as $make$
declare
    kind text;
    dimensions integer;
    indexed boolean;
    iterative boolean;
    found record;
    template text;
begin
    select format_type(a.atttypid, null) as kind, nullif(a.atttypmod, -1) as dimensions into strict found
    from pg_attribute as a where a.attrelid = 'memory.memories'::regclass and a.attname = 'embedding';
    kind := found.kind;
    dimensions := coalesce(found.dimensions, 1536);
    indexed := kind <> 'real[]';
    iterative := indexed and exists (select from pg_extension as e
        where e.extname = 'vector' and string_to_array(e.extversion, '.')::integer[] >= '{0,8}');
    -- Those for the other type would only stand in the way.
    for found in
        select p.oid::regprocedure as id from pg_proc as p
        where p.pronamespace = 'memory'::regnamespace and p.proargtypes[0] <> kind::regtype
            and p.proname in ('fitting', 'nearest', 'nearest_of', 'nearest_by_index', 'search_similar_memories')
    loop
        execute format('drop function %s', found.id);
    end loop;
    for template in
        select t.body from memory.search_templates() as t(n, wanted, body)
        where t.wanted is null or t.wanted = indexed
        order by t.n
    loop
        template := replace(template, 'KIND', kind);
        template := replace(template, 'DIMENSIONS', dimensions::text);
        template := replace(template, 'COUNT', case when indexed then 'vector_dims' else 'cardinality' end);
        template := replace(template, 'FEW', case when indexed
            then 'greatest(200, 2 * sqrt(p_limit * pg_relation_size(''memory.memories'') / 256.0))' else 'null' end);
        template := replace(template, 'GO_ON_OFF', case when iterative then 'set hnsw.iterative_scan = off' else '' end);
        template := replace(template, 'GO_ON_ON', case when iterative
            then 'perform set_config(''hnsw.iterative_scan'', ''relaxed_order'', true)' else 'null' end);
        execute replace(template, 'CONDITIONS', $text$m.is_active and m.embedding is not null
                and (m.expires_at is null or m.expires_at > now())
                and (p_agent_id is null or m.agent_id = p_agent_id) and (p_scope is null or m.scope = p_scope)
                and (p_scope_id is null or m.scope_id = p_scope_id)
                and (p_types is null or m.memory_type = any (p_types)) and (p_tags is null or m.tags && p_tags)$text$);
    end loop;
end
$make$;

-- Templates of the functions: KIND is the type of embeddings; `wanted` says whether one is only for vectors or only for real[].
create or replace function memory.search_templates() returns table (n integer, wanted boolean, body text)
language sql immutable as $templates$
    values
    (1, null, $template$
create or replace function memory.fitting(embedding KIND) returns KIND language plpgsql stable as $function$
begin
    if COUNT(embedding) <> DIMENSIONS then
        raise exception 'the embedding has % dimensions, the memories have DIMENSIONS', COUNT(embedding) using errcode = '22023';
    end if;
    return embedding;
end
$function$
$template$),
    (2, null, $template$
-- The ids of at most p_most memories (null: all) that pass the filter, found by the index that fits it best.
create or replace function memory.matching(p_agent_id bigint, p_scope public.memory_scope, p_scope_id bigint,
    p_types public.memory_type[], p_tags text[], p_most bigint) returns bigint[] language plpgsql stable as $function$
begin
    if p_agent_id is not null then
        return array(select m.id from memory.memories as m where m.agent_id = p_agent_id and CONDITIONS limit p_most);
    elsif p_scope_id is not null and p_scope is not null then
        return array(select m.id from memory.memories as m
            where m.scope = p_scope and m.scope_id = p_scope_id and CONDITIONS limit p_most);
    elsif p_tags is not null then
        return array(select m.id from memory.memories as m where m.tags && p_tags and CONDITIONS limit p_most);
    elsif p_scope is not null or p_types is not null then
        return array(select m.id from memory.memories as m
            where m.scope = any (case when p_scope is null then enum_range(p_scope) else array[p_scope] end)
                and m.memory_type = any (coalesce(p_types, enum_range(null::public.memory_type))) and CONDITIONS
            limit p_most);
    end if;
    return array(select m.id from memory.memories as m where m.id > 0 and CONDITIONS limit p_most);
end
$function$
$template$),
    (3, true, $template$
create or replace function memory.nearest_of(query KIND, p_ids bigint[], p_limit bigint)
returns table (id bigint, similarity double precision) language sql stable as $function$
    with compared as materialized (
        select m.id, 1 - (m.embedding <=> query) as similarity from memory.memories as m where m.id = any (p_ids)
    )
    select c.id, c.similarity from compared as c where c.similarity <> 'NaN' order by c.similarity desc, c.id limit p_limit
$function$
$template$),
    (3, false, $template$
create or replace function memory.nearest_of(query KIND, p_ids bigint[], p_limit bigint)
returns table (id bigint, similarity double precision) language sql stable as $function$
    with compared as materialized (
        select m.id, s.product / nullif(sqrt(s.own) * sqrt(s.other), 0) as similarity
        from memory.memories as m
        cross join lateral (
            select sum(u.x::double precision * u.y) as product, sum(u.x::double precision * u.x) as own,
                sum(u.y::double precision * u.y) as other
            from unnest(m.embedding, query) as u(x, y)
        ) as s
        where m.id = any (p_ids)
    )
    select c.id, c.similarity from compared as c
    where c.similarity is not null
    order by c.similarity desc, c.id limit p_limit
$function$
$template$),
    (4, true, $template$
-- The settings leave the planner no way to the order that is asked for but the index.
create or replace function memory.nearest_by_index(query KIND, p_agent_id bigint, p_scope public.memory_scope,
    p_scope_id bigint, p_types public.memory_type[], p_tags text[], p_limit bigint, p_effort bigint, p_go_on boolean)
returns table (id bigint, similarity double precision) language plpgsql stable
set enable_seqscan = off set enable_bitmapscan = off set enable_sort = off set plan_cache_mode = force_generic_plan
set hnsw.ef_search = 100 set ivfflat.probes = 100 GO_ON_OFF as $function$
begin
    perform set_config('hnsw.ef_search', least(greatest(p_effort, p_limit), 1000)::text, true);
    if p_go_on then
        GO_ON_ON;
    end if;
    return query
    select m.id, 1 - (m.embedding <=> query) from memory.memories as m
    where CONDITIONS
    order by m.embedding <=> query
    limit p_limit;
end
$function$
$template$),
    (5, null, $template$
-- The memories most like the query that pass the filter (null: any), with a similarity of at least p_threshold, most
-- similar first; similarity is the cosine, from -1 to 1. p_effort is how many candidates the index keeps at first (null: 100).
create or replace function memory.nearest(query KIND, p_agent_id bigint default null,
    p_scope public.memory_scope default null, p_scope_id bigint default null, p_types public.memory_type[] default null,
    p_tags text[] default null, p_limit bigint default 10, p_threshold double precision default null,
    p_effort bigint default null)
returns table (id bigint, similarity double precision) language plpgsql stable rows 10 as $function$
#variable_conflict use_column
declare
    ids bigint[];
    nearest bigint[];
    similarities double precision[];
    -- Comparing n costs n distances, asking the index about limit * rows / n of them, at twice the price and more: so
    -- up to twice the square root of limit * rows all are compared. Rows are guessed from the file, 256 bytes each:
    -- without its embedding one is rarely smaller.
    few constant bigint := FEW;
    narrowed constant boolean := num_nonnulls(p_agent_id, p_scope, p_scope_id, p_types, p_tags) > 0;
begin
    if memory.fitting(query) is null or coalesce(p_limit, 0) < 1 then
        return;
    end if;
    if narrowed or few is null or pg_relation_size('memory.memories') < 1024 * few then
        ids := memory.matching(p_agent_id, p_scope, p_scope_id, p_types, p_tags, few + 1);
    end if;
    if ids is null or cardinality(ids) > few then
        for attempt in 1..3 loop
            if attempt = 2 then
                ids := memory.matching(p_agent_id, p_scope, p_scope_id, p_types, p_tags, 10001);
                exit when cardinality(ids) <= 10000;
            end if;
            select array_agg(i.id), array_agg(i.similarity) into nearest, similarities
            from memory.nearest_by_index(query, p_agent_id, p_scope, p_scope_id, p_types, p_tags, p_limit,
                coalesce(p_effort, 100) * case attempt when 1 then 1 else 10 end, attempt = 3) as i;
            exit when cardinality(nearest) >= p_limit;
            nearest := null;
        end loop;
        if nearest is null and (ids is null or cardinality(ids) > 10000) then
            ids := memory.matching(p_agent_id, p_scope, p_scope_id, p_types, p_tags, null);
        end if;
    end if;
    if nearest is null then
        select array_agg(i.id), array_agg(i.similarity) into nearest, similarities
        from memory.nearest_of(query, ids, p_limit) as i;
    end if;
    return query
    select u.id, u.similarity from unnest(nearest, similarities) as u(id, similarity)
    where p_threshold is null or u.similarity >= p_threshold
    order by u.similarity desc, u.id;
end
$function$
$template$),
    (6, null, $template$
create or replace function memory.search_similar_memories(query_embedding KIND, p_agent_id bigint default null,
    p_scope public.memory_scope default null, p_limit integer default 10, p_threshold double precision default 0.7)
returns table (id bigint, key varchar, value text, similarity double precision, scope public.memory_scope)
language sql stable as $function$
    select m.id, m.key, m.value, i.similarity, m.scope
    from memory.nearest(query_embedding, p_agent_id, p_scope, p_limit => p_limit, p_threshold => p_threshold) as i
    join memory.memories as m on m.id = i.id
    order by i.similarity desc, i.id
$function$
$template$)
$templates$;
