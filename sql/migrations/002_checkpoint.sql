-- The table of checkpoints, exactly as rust-deep-agents makes it, and the opt-in column that counts versions.

-- op: checkpoint.setup
-- args:
-- gives: none
-- batch: no    resend: yes    writes: yes
-- Makes the table and its index when the table is not there. A table that exists is left as it is, so a role with
-- data rights only may call this. Racing processes wait for each other.
do $statekeep$
begin
    if to_regclass({agent_checkpoints:literal}) is null then
        perform pg_advisory_xact_lock(hashtextextended('statekeep.setup', 0));
        create table if not exists {agent_checkpoints} (
            thread_id text primary key,
            state jsonb not null,
            created_at timestamptz not null default now(),
            updated_at timestamptz not null default now()
        );
        create index if not exists {agent_checkpoints:index updated_at} on {agent_checkpoints} (updated_at desc);
    end if;
end
$statekeep$;

-- op: checkpoint.setup_versions
-- args:
-- gives: none
-- batch: no    resend: yes    writes: yes
-- Adds the column `version` to the table, and a trigger that adds 1 to it whenever a writer did not set it, so that
-- saves which know nothing of versions (checkpoint.save, the peer's own) count, too. Rows that are there begin at 1.
-- Changes nothing when both are there. Adding them locks the table for a moment.
do $statekeep$
begin
    if not exists (
        select from pg_trigger as t
        where t.tgrelid = to_regclass({agent_checkpoints:literal}) and t.tgname = 'statekeep_version'
    ) then
        perform pg_advisory_xact_lock(hashtextextended('statekeep.setup', 0));
        alter table {agent_checkpoints} add column if not exists version bigint not null default 1;
        if to_regprocedure('statekeep_next_version()') is null then
            create function statekeep_next_version() returns trigger language plpgsql as $function$
            begin
                if new.version is not distinct from old.version then
                    new.version := old.version + 1;
                end if;
                return new;
            end
            $function$;
        end if;
        create or replace trigger statekeep_version before update on {agent_checkpoints}
            for each row execute function statekeep_next_version();
    end if;
end
$statekeep$;
