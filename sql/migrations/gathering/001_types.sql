-- Schemas, enumerated types and the function of the updated_at triggers. Extensions are taken where the server has them
-- and lets this user make them; nothing but the kind of vectors depends on them.

do $do$
declare
    wanted text;
begin
    foreach wanted in array array['vector', 'pg_trgm', 'uuid-ossp'] loop
        if exists (select from pg_available_extensions as e where e.name = wanted and e.installed_version is null) then
            begin
                execute format('create extension if not exists %I', wanted);
            exception when insufficient_privilege or feature_not_supported or undefined_file or internal_error then
                raise notice 'the extension "%" cannot be made here: %', wanted, sqlerrm;
            end;
        end if;
    end loop;
end
$do$;

create schema if not exists agent;
create schema if not exists audit;
create schema if not exists auth;
create schema if not exists circle;
create schema if not exists communication;
create schema if not exists conversation;
create schema if not exists memory;
create schema if not exists pipeline;
create schema if not exists project;
create schema if not exists review;
create schema if not exists schedule;

do $do$
declare
    kind record;
    label text;
begin
    for kind in
        select w.name, w.labels
        from (values
            ('agent_role', '{lead,member,specialist,reviewer,observer}'::text[]),
            ('agent_status', '{idle,active,busy,offline}'),
            ('background_task_status', '{pending,running,paused,completed,failed,cancelled,timeout}'),
            ('circle_status', '{created,stopped,running,active,paused,archived}'),
            ('conversation_status', '{pending,active,completed,cancelled}'),
            ('goal_priority', '{low,medium,high,critical}'),
            ('goal_status', '{pending,active,blocked,paused,completed,failed,cancelled}'),
            ('log_level', '{debug,info,warning,error,critical}'),
            ('memory_scope', '{global,circle,agent,conversation,project}'),
            -- The last three are written by GatheRing's code and missing in its own type.
            ('memory_type', '{fact,preference,experience,skill,relationship,context,decision,error,feedback,learning}'),
            ('message_role', '{user,assistant,system,tool}'),
            ('review_status', '{pending,in_progress,approved,changes_requested,rejected}'),
            ('review_type', '{code,architecture,security,documentation,quality,final}'),
            ('schedule_type', '{cron,interval,once,event}'),
            ('scheduled_action_status', '{active,paused,disabled,expired}'),
            ('task_priority', '{low,medium,high,critical}'),
            ('task_status', '{pending,in_progress,in_review,blocked,completed,cancelled,failed}')
        ) as w(name, labels)
    loop
        if to_regtype(format('public.%I', kind.name)) is null then
            execute format('create type public.%I as enum (%s)', kind.name,
                (select string_agg(quote_literal(u.label), ', ' order by u.n)
                    from unnest(kind.labels) with ordinality as u(label, n)));
        else
            foreach label in array kind.labels loop
                execute format('alter type public.%I add value if not exists %L', kind.name, label);
            end loop;
        end if;
    end loop;
end
$do$;

do $do$
begin
    if to_regprocedure('public.update_updated_at()') is null then
        create function public.update_updated_at() returns trigger language plpgsql as $function$
        begin
            new.updated_at = now();
            return new;
        end
        $function$;
    end if;
end
$do$;
