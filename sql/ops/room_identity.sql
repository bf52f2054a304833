-- Identities, their addresses and their verification, on RoomKit's tables. Documents are the JSON of RoomKit's Identity,
-- Verification and VerificationRequest.

-- text: columns
t.id, t.organization_id, t.display_name, t.email, phone, t.channel_addresses, external_id, external_ids, t.metadata

-- Three of the columns are room.setup_extras's: where the table has none, their names mean those of {+extra}.
-- text: extra
(select null::text as phone, null::text as external_id, null::jsonb as external_ids) as extra

-- What is null or left out takes the default of RoomKit's Identity.
-- text: newcomer
input as materialized (
    select d.organization_id, d.display_name, d.email, d.phone, coalesce(d.channel_addresses, '{}') as channel_addresses,
        d.external_id, coalesce(d.external_ids, '{}') as external_ids, coalesce(d.metadata, '{}') as metadata
    from jsonb_to_record($2::jsonb) as d(organization_id text, display_name text, email text, phone text,
        channel_addresses jsonb, external_id text, external_ids jsonb, metadata jsonb)
),
address as materialized (
    select distinct c.key as channel_type, a.address, coalesce(i.organization_id, '') as organization_id
    from input as i
    cross join lateral jsonb_each(i.channel_addresses) as c
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
)

-- text: filed
filed as (
    insert into {room_identity_addresses} (channel_type, address, identity_id, organization_id)
    select a.channel_type, a.address, s.id, a.organization_id from stored as s cross join address as a
    order by a.channel_type, a.address
)
select (select l.channel_type from linked as l) as linked

-- op: room.create_identity
-- args: identity_id text, identity json
-- gives: one linked
-- batch: no    key: identity_id    same key: serial    resend: no    writes: yes
-- needs: room.setup_extras
-- Stores a new identity with its addresses. Gives null, or the channel type of an address that another identity of its
-- organization has: then nothing was stored. An address that another identity gets while this call runs is the server's
-- violation of the addresses' primary key: nothing was stored either, and a second call gives its channel type.
with {+newcomer},
stored as (
    insert into {room_identities} (id, organization_id, display_name, email, phone, channel_addresses, external_id,
        external_ids, metadata)
    select $1::text, i.organization_id, i.display_name, i.email, i.phone, i.channel_addresses, i.external_id,
        i.external_ids, i.metadata
    from input as i where not exists (select from linked)
    returning id
),
{+filed};

-- op: room.create_identity_narrow
-- args: identity_id text, identity json
-- gives: one linked
-- batch: no    key: identity_id    same key: serial    resend: no    writes: yes
-- As room.create_identity on tables that room.setup_extras has not extended: the phone and the external ids are not stored.
with {+newcomer},
stored as (
    insert into {room_identities} (id, organization_id, display_name, email, channel_addresses, metadata)
    select $1::text, i.organization_id, i.display_name, i.email, i.channel_addresses, i.metadata
    from input as i where not exists (select from linked)
    returning id
),
{+filed};

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
