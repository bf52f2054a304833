-- The table of scheduled actions' leases.

-- op: schedule.setup
-- args:
-- gives: none
-- batch: no    resend: yes    writes: yes
-- Makes the table when it is not there. A table that exists is left as it is, so a role with data rights only may call
-- this. Racing processes wait for each other.
do $statekeep$
begin
    if to_regclass({action_leases:literal}) is null then
        perform pg_advisory_xact_lock(hashtextextended('statekeep.setup', 0));
        create table if not exists {action_leases} (
            action text primary key,
            holder text,
            token bigint not null default 0,
            due timestamptz,
            expires_at timestamptz,
            finished timestamptz
        );
    end if;
end
$statekeep$;
