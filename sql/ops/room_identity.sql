-- Identities, their addresses and their verification, on RoomKit's tables. Documents are the JSON of RoomKit's Identity,
-- Verification and VerificationRequest.

-- text: columns
t.id, t.organization_id, t.display_name, t.email, phone, t.channel_addresses, external_id, external_ids, t.metadata

-- Three of the columns are room.setup_extras's: where the table has none, their names mean those of {+extra}.
-- text: extra
(select null::text as phone, null::text as external_id, null::jsonb as external_ids) as extra

-- op: room.create_identity
-- args: identity_id text, identity json
-- gives: one linked
-- batch: no    key: identity_id    same key: serial    resend: no    writes: yes
-- Stores a new identity with its addresses. Gives null, or the channel type of an address that another identity of its
-- organization has: then nothing was stored. An address that another identity gets while this call runs is the server's
-- violation of the addresses' primary key: nothing was stored either, and a second call gives its channel type.
with input as (
    select $2::jsonb as doc, coalesce($2::jsonb ->> 'organization_id', '') as organization_id
),
address as materialized (
    select distinct c.key as channel_type, a.address, i.organization_id
    from input as i
    cross join lateral jsonb_each(case when jsonb_typeof(i.doc -> 'channel_addresses') = 'object'
        then i.doc -> 'channel_addresses' end) as c
    cross join lateral jsonb_array_elements_text(c.value) as a(address)
),
linked as materialized (
    select a.channel_type from address as a
    cross join lateral (
        select from {room_identity_addresses} as t
        where t.channel_type = a.channel_type and t.address = a.address and t.organization_id = a.organization_id
        limit 1
    ) as t
    where not exists (select from {room_identities} as t where t.id = $1::text)
    order by a.channel_type limit 1
),
identity as materialized (
    select i.doc || jsonb_build_object('id', $1::text,
        'channel_addresses', coalesce(nullif(i.doc -> 'channel_addresses', 'null'), '{}'),
        'metadata', coalesce(nullif(i.doc -> 'metadata', 'null'), '{}')) as doc
    from input as i where not exists (select from linked)
),
-- Which columns there are is known only when this runs: room.setup_extras's may be missing, a newer RoomKit's be there. So
-- none is named, and the default of a column that the document lacks has to be computed from its text: ts_stat is what
-- runs a text as a query without a function of our own, and the one lexeme it counts is the column with its default.
preset as materialized (
    select coalesce(jsonb_object_agg(a.attname, s.word::jsonb -> a.attname), '{}') as doc
    from identity as i
    join pg_attribute as a on a.attrelid = {room_identities:literal}::regclass and a.atthasdef and a.attgenerated = ''
        and not i.doc ? a.attname
    join pg_attrdef as d on d.adrelid = a.attrelid and d.adnum = a.attnum
    cross join lateral ts_stat(format('select array_to_tsvector(array[jsonb_build_object(%L::text, %s)::text])', a.attname,
        pg_get_expr(d.adbin, d.adrelid))) as s
),
stored as (
    insert into {room_identities}
    select (jsonb_populate_record(null::{room_identities}, p.doc || i.doc)).* from identity as i cross join preset as p
    returning id
),
filed as (
    insert into {room_identity_addresses} (channel_type, address, identity_id, organization_id)
    select a.channel_type, a.address, s.id, a.organization_id from stored as s cross join address as a
    order by a.channel_type, a.address
)
select (select l.channel_type from linked as l) as linked;

-- op: room.get_identity
-- args: identity_id text
-- gives: maybe {id, organization_id, display_name, email, phone, channel_addresses, external_id, external_ids, metadata}
-- batch: yes    key: identity_id    same key: any    resend: yes    writes: no
-- The identity of that id, or null.
select i.n, t.id, t.organization_id, t.display_name, t.email, t.phone, t.channel_addresses, t.external_id,
    coalesce(t.external_ids, '{}') as external_ids, t.metadata
from unnest($1::text[]) with ordinality as i(identity_id, n)
cross join {+extra}
cross join lateral (select {+columns} from {room_identities} as t where t.id = i.identity_id limit 1) as t;

-- op: room.resolve_identity
-- args: channel_type text, address text, organization_id text?
-- gives: maybe {id, organization_id, display_name, email, phone, channel_addresses, external_id, external_ids, metadata}
-- batch: yes    key: address    same key: any    resend: yes    writes: no
-- The identity that has this address in the organization, or with null in none; else null.
select i.n, t.id, t.organization_id, t.display_name, t.email, t.phone, t.channel_addresses, t.external_id,
    coalesce(t.external_ids, '{}') as external_ids, t.metadata
from unnest($1::text[], $2::text[], $3::text[]) with ordinality as i(channel_type, address, organization_id, n)
cross join {+extra}
cross join lateral (
    select a.identity_id from {room_identity_addresses} as a
    where a.channel_type = i.channel_type and a.address = i.address and a.organization_id = coalesce(i.organization_id, '')
    limit 1
) as a
cross join lateral (select {+columns} from {room_identities} as t where t.id = a.identity_id limit 1) as t;

-- op: room.link_address
-- args: identity_id text, channel_type text, address text, organization_id text?
-- gives: one linked
-- batch: no    key: identity_id    same key: serial    resend: yes    writes: yes
-- fails: ABSENT the organization has no such identity
-- Gives an identity of the organization an address. False when another identity has it: then nothing changed.
with owner as materialized (
    select t.id from {room_identities} as t
    where t.id = $1::text and coalesce(t.organization_id, '') = coalesce($4::text, '')
    for update
),
held as (
    insert into {room_identity_addresses} as a (channel_type, address, identity_id, organization_id)
    select $2::text, $3::text, o.id, coalesce($4::text, '') from owner as o
    on conflict (channel_type, address, organization_id) do update set identity_id = a.identity_id
    returning a.identity_id
),
added as (
    update {room_identities} as t
    set channel_addresses = t.channel_addresses || jsonb_build_object($2::text,
        coalesce(t.channel_addresses -> $2::text, '[]') || to_jsonb($3::text))
    where t.id = (select o.id from owner as o join held as h on h.identity_id = o.id)
        and not coalesce(t.channel_addresses -> $2::text, '[]') ? $3::text
)
select h.identity_id = $1::text as linked from held as h;

-- op: room.unlink_address
-- args: identity_id text, channel_type text, address text, organization_id text?
-- gives: one identity_id
-- batch: no    key: identity_id    same key: serial    resend: yes    writes: yes
-- fails: ABSENT the organization has no such identity
-- Takes an address from an identity of the organization, if it has it.
with owner as materialized (
    select t.id from {room_identities} as t
    where t.id = $1::text and coalesce(t.organization_id, '') = coalesce($4::text, '')
    for update
),
gone as (
    delete from {room_identity_addresses} as a
    where a.channel_type = $2::text and a.address = $3::text and a.organization_id = coalesce($4::text, '')
        and a.identity_id = (select o.id from owner as o)
),
taken as (
    update {room_identities} as t
    set channel_addresses = case when (t.channel_addresses -> $2::text) - $3::text = '[]' then t.channel_addresses - $2::text
        else jsonb_set(t.channel_addresses, array[$2::text], (t.channel_addresses -> $2::text) - $3::text) end
    where t.id = (select o.id from owner as o) and t.channel_addresses ? $2::text
)
select o.id as identity_id from owner as o;

-- op: room.get_verification
-- args: identity_id text, organization_id text?
-- gives: maybe data
-- batch: yes    key: identity_id    same key: any    resend: yes    writes: no
-- The verification of an identity in an organization, or with null in none; null when there is none.
select i.n, v.data
from unnest($1::text[], $2::text[]) with ordinality as i(identity_id, organization_id, n)
cross join lateral (
    select t.data from {room_verifications} as t
    where t.identity_id = i.identity_id and t.organization_id = coalesce(i.organization_id, '')
    limit 1
) as v;

-- op: room.put_verification
-- args: identity_id text, verification json
-- gives: none
-- batch: no    key: identity_id    same key: serial    resend: yes    writes: yes
-- Stores the verification of an identity in its organization, in place of the one before.
insert into {room_verifications} as t (identity_id, organization_id, status, data)
select $1::text, coalesce(d.doc ->> 'organization_id', ''), d.doc ->> 'status', d.doc from (select $2::jsonb as doc) as d
on conflict (identity_id, organization_id) do update set status = excluded.status, data = excluded.data;

-- op: room.list_verifications_in_force
-- args:
-- gives: many data
-- batch: no    resend: yes    writes: no
-- The verifications of all organizations that are verified and will expire.
select t.data from {room_verifications} as t
where t.status = 'verified' and t.data ->> 'expires_at' is not null
order by t.identity_id collate "C", t.organization_id collate "C";

-- op: room.create_verification_request
-- args: request_id text, request json
-- gives: none
-- batch: no    key: request_id    same key: serial    resend: no    writes: yes
-- Stores a new request for verification.
insert into {room_verification_requests} (id, identity_id, organization_id, status, data)
select $1::text, d.doc ->> 'identity_id', coalesce(d.doc ->> 'organization_id', ''), d.doc ->> 'status', d.doc
from (select $2::jsonb as doc) as d;

-- op: room.get_verification_request
-- args: request_id text
-- gives: maybe data
-- batch: yes    key: request_id    same key: any    resend: yes    writes: no
-- The request for verification of that id, or null.
select i.n, v.data
from unnest($1::text[]) with ordinality as i(request_id, n)
cross join lateral (select t.data from {room_verification_requests} as t where t.id = i.request_id limit 1) as v;

-- op: room.update_verification_request
-- args: request_id text, request json
-- gives: none
-- batch: no    key: request_id    same key: serial    resend: yes    writes: yes
-- Writes a request anew. No error when it is not there.
update {room_verification_requests} as t set status = $2::jsonb ->> 'status', data = $2::jsonb where t.id = $1::text;
