-- What is done in rooms: tasks, observations, and deliveries by voice. On RoomKit's tables; documents are the JSON of
-- RoomKit's Task, Observation and VoiceDeliveryRecord.

-- text: task
t.id, t.room_id, t.title, t.description, t.assigned_to, t.status,
to_char(t.created_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as created_at, t.metadata

-- text: delivery
v.room_id, v.channel_id, v.session_id, v.idempotency_key, v.content_hash, v.attempt_id,
to_char(v.created_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as created_at, v.outcome

-- op: room.add_task
-- args: task_id text, task json
-- gives: none
-- batch: no    key: task_id    same key: serial    resend: no    writes: yes
-- Stores a new task of a room.
insert into {room_tasks} (id, room_id, title, description, assigned_to, status, created_at, metadata)
select $1::text, d.doc ->> 'room_id', d.doc ->> 'title', d.doc ->> 'description', d.doc ->> 'assigned_to',
    coalesce(d.doc ->> 'status', 'pending'), coalesce((d.doc ->> 'created_at')::timestamptz, now()),
    coalesce(nullif(d.doc -> 'metadata', 'null'), '{}')
from (select $2::jsonb as doc) as d;

-- op: room.get_task
-- args: task_id text
-- gives: maybe {id, room_id, title, description, assigned_to, status, created_at, metadata}
-- batch: yes    key: task_id    same key: any    resend: yes    writes: no
-- The task of that id, or null.
select i.n, {+task}
from unnest($1::text[]) with ordinality as i(task_id, n)
cross join lateral (
    select t.id, t.room_id, t.title, t.description, t.assigned_to, t.status, t.created_at, t.metadata
    from {room_tasks} as t where t.id = i.task_id
    limit 1
) as t;

-- op: room.list_tasks
-- args: room_id text, status text?
-- gives: many {id, room_id, title, description, assigned_to, status, created_at, metadata}
-- batch: yes    key: room_id    same key: any    resend: yes    writes: no
-- The tasks of a room, oldest first, if need be only those of a status.
select i.n, {+task}
from unnest($1::text[], $2::text[]) with ordinality as i(room_id, status, n)
cross join lateral (
    select t.id, t.room_id, t.title, t.description, t.assigned_to, t.status, t.created_at, t.metadata
    from {room_tasks} as t
    where t.room_id = i.room_id and (i.status is null or t.status = i.status)
    order by t.created_at, t.id collate "C"
) as t;

-- op: room.update_task
-- args: task_id text, task json
-- gives: none
-- batch: no    key: task_id    same key: serial    resend: yes    writes: yes
-- Writes a task's title, description, assignment, status and metadata anew. No error when it is not there.
update {room_tasks} as t
set title = $2::jsonb ->> 'title', description = $2::jsonb ->> 'description', assigned_to = $2::jsonb ->> 'assigned_to',
    status = coalesce($2::jsonb ->> 'status', 'pending'), metadata = coalesce(nullif($2::jsonb -> 'metadata', 'null'), '{}')
where t.id = $1::text;

-- op: room.add_observation
-- args: observation_id text, observation json
-- gives: none
-- batch: no    key: observation_id    same key: serial    resend: no    writes: yes
-- Stores a new observation of a room.
insert into {room_observations} (id, room_id, channel_id, content, category, confidence, created_at, metadata)
select $1::text, d.doc ->> 'room_id', d.doc ->> 'channel_id', d.doc ->> 'content', d.doc ->> 'category',
    (d.doc ->> 'confidence')::real, coalesce((d.doc ->> 'created_at')::timestamptz, now()),
    coalesce(nullif(d.doc -> 'metadata', 'null'), '{}')
from (select $2::jsonb as doc) as d;

-- op: room.list_observations
-- args: room_id text
-- gives: many {id, room_id, channel_id, content, category, confidence, created_at, metadata}
-- batch: yes    key: room_id    same key: any    resend: yes    writes: no
-- The observations of a room, oldest first. A confidence has the seven digits of the column's type.
select i.n, o.id, o.room_id, o.channel_id, o.content, o.category, o.confidence,
    to_char(o.created_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as created_at, o.metadata
from unnest($1::text[]) with ordinality as i(room_id, n)
cross join lateral (
    select t.id, t.room_id, t.channel_id, t.content, t.category, t.confidence, t.created_at, t.metadata
    from {room_observations} as t where t.room_id = i.room_id
    order by t.created_at, t.id collate "C"
) as o;

-- op: room.get_voice_delivery
-- args: room_id text, key_hash text
-- gives: maybe {room_id, channel_id, session_id, idempotency_key, content_hash, attempt_id, created_at, outcome}
-- batch: yes    key: room_id    same key: any    resend: yes    writes: no
-- The delivery that a room keeps under this hash, or null.
select i.n, {+delivery}
from unnest($1::text[], $2::text[]) with ordinality as i(room_id, key_hash, n)
cross join lateral (
    select t.room_id, t.channel_id, t.session_id, t.idempotency_key, t.content_hash, t.attempt_id, t.created_at, t.outcome
    from {room_voice_deliveries} as t where t.room_id = i.room_id and t.key_hash = i.key_hash
    limit 1
) as v;

-- op: room.claim_voice_delivery
-- args: room_id text, key_hash text, record json
-- gives: one {room_id, channel_id, session_id, idempotency_key, content_hash, attempt_id, created_at, outcome}
-- batch: no    key: room_id    same key: serial    resend: no    writes: yes
-- fails: ABSENT no such room
-- Reserves a delivery and gives the record that stands: the new one, if there was none or the one before failed in a way
-- that may be tried again with the same content; else the one before.
with held as materialized (select r.id from {rooms} as r where r.id = $1::text for key share),
stood as (
    insert into {room_voice_deliveries} as t
        (room_id, key_hash, channel_id, session_id, idempotency_key, content_hash, attempt_id, created_at)
    select h.id, $2::text, d.doc ->> 'channel_id', d.doc ->> 'session_id', d.doc ->> 'idempotency_key',
        d.doc ->> 'content_hash', d.doc ->> 'attempt_id', coalesce((d.doc ->> 'created_at')::timestamptz, now())
    from held as h cross join (select $3::jsonb as doc) as d
    -- Whatever stands is locked and given back; only one that may be tried again changes.
    on conflict (room_id, key_hash) do update
    set (attempt_id, created_at, outcome) = (
        select case when again then excluded.attempt_id else t.attempt_id end,
            case when again then excluded.created_at else t.created_at end, case when not again then t.outcome end
        from (
            select coalesce(t.outcome ->> 'status' in ('failed', 'unavailable')
                and t.outcome -> 'error' -> 'retryable' = 'true'
                and coalesce(t.outcome -> 'session_ids', '[]') in ('[]', 'null')
                and t.content_hash = excluded.content_hash, false) as again
        ) as a)
    returning t.room_id, t.channel_id, t.session_id, t.idempotency_key, t.content_hash, t.attempt_id, t.created_at, t.outcome
)
select {+delivery}
from stood as v;

-- op: room.complete_voice_delivery
-- args: room_id text, key_hash text, attempt_id text, outcome json
-- gives: one completed
-- batch: no    key: room_id    same key: serial    resend: yes    writes: yes
-- Records how an attempt ended, if it is still the one that stands. True also when it was recorded so before.
with done as (
    update {room_voice_deliveries} as t set outcome = coalesce(t.outcome, $4::jsonb)
    where t.room_id = $1::text and t.key_hash = $2::text and t.attempt_id = $3::text
        and (t.outcome is null or t.outcome = $4::jsonb)
    returning t.key_hash
)
select exists (select from done) as completed;
