-- GatheRing's own bookkeeping, so that its set-up finds the tables made: it is told of those of its migrations whose effect is
-- here. 002 and 003 only bring data (providers, models, personas), repeat harmlessly, and are left for it to run. Its role
-- gets its rights where it exists; no role is made.

create table if not exists public.migrations (
    id bigint generated always as identity primary key,
    version varchar(50) not null unique,
    name varchar(200) not null,
    applied_at timestamptz default now()
);

insert into public.migrations (version, name)
select w.version, w.name
from (values ('001', '001_complete_schema'), ('004', '004_composite_indexes'), ('005', '005_agent_tools'),
    ('006', '006_auth_users'), ('007', '007_pipeline_execution')) as w(version, name)
on conflict (version) do nothing;

do $do$
declare
    place text;
begin
    if to_regrole('gathering_app') is not null then
        foreach place in array array['agent', 'audit', 'auth', 'circle', 'communication', 'conversation', 'memory', 'pipeline',
            'project', 'review', 'schedule'] loop
            execute format('grant usage on schema %I to gathering_app', place);
            execute format('grant all on all tables in schema %I to gathering_app', place);
            execute format('grant all on all sequences in schema %I to gathering_app', place);
            execute format('grant execute on all functions in schema %I to gathering_app', place);
        end loop;
    end if;
end
$do$;
