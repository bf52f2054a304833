-- Columns that GatheRing's code or its document names and its migrations lack. Their defaults are the document's.

alter table agent.agents
    add column if not exists role varchar(100),
    add column if not exists provider varchar(50) default 'anthropic',
    add column if not exists model varchar(100) default 'claude-sonnet-4-20250514',
    add column if not exists personality jsonb default '{}',
    add column if not exists config jsonb default '{}',
    add column if not exists system_prompt text,
    add column if not exists base_prompt text,
    add column if not exists skill_names text[] default '{}';

alter table agent.sessions add column if not exists context jsonb default '{}';

alter table agent.providers add column if not exists api_type varchar(50);

alter table agent.models
    add column if not exists model_name varchar(100),
    add column if not exists model_alias varchar(100),
    add column if not exists pricing_in numeric(10,4),
    add column if not exists pricing_out numeric(10,4),
    add column if not exists extended_thinking boolean,
    add column if not exists vision boolean,
    add column if not exists function_calling boolean,
    add column if not exists streaming boolean,
    add column if not exists release_date date,
    add column if not exists is_deprecated boolean default false;

alter table circle.tasks
    add column if not exists task_type varchar(50) default 'general',
    add column if not exists required_competencies text[] default '{}',
    add column if not exists context jsonb default '{}',
    add column if not exists result text,
    add column if not exists artifacts jsonb default '[]';

alter table circle.events
    add column if not exists agent_id bigint references agent.agents (id),
    add column if not exists event_data jsonb default '{}';

alter table circle.background_tasks
    add column if not exists goal_context jsonb default '{}',
    add column if not exists last_action text,
    add column if not exists final_result text,
    add column if not exists artifacts jsonb default '[]',
    add column if not exists total_llm_calls integer default 0,
    add column if not exists total_tokens_used integer default 0,
    add column if not exists total_tool_calls integer default 0,
    add column if not exists paused_at timestamptz;

alter table circle.background_task_steps
    add column if not exists action_input text,
    add column if not exists action_output text,
    add column if not exists tool_success boolean,
    add column if not exists success boolean default true,
    add column if not exists error_message text;

alter table circle.scheduled_actions
    alter column action_type set default 'run_task',
    add column if not exists goal text default '',
    add column if not exists event_trigger varchar(100),
    add column if not exists max_steps integer default 50,
    add column if not exists timeout_seconds integer default 3600,
    add column if not exists allow_concurrent boolean default false,
    add column if not exists start_date timestamptz default now(),
    add column if not exists end_date timestamptz,
    add column if not exists tags text[] default '{}',
    add column if not exists metadata jsonb default '{}';

alter table circle.pipelines
    add column if not exists timeout_seconds integer default 3600,
    add column if not exists max_retries_per_node integer default 3,
    add column if not exists retry_backoff_base double precision default 1.0,
    add column if not exists retry_backoff_max double precision default 60.0;

alter table circle.pipeline_runs
    add column if not exists duration_seconds integer default 0,
    drop constraint if exists pipeline_runs_status_check,
    add constraint pipeline_runs_status_check
        check (status in ('pending', 'running', 'completed', 'failed', 'cancelled', 'timeout'));

alter table project.projects
    add column if not exists display_name varchar(200),
    add column if not exists local_path text,
    add column if not exists branch varchar(100) default 'main',
    add column if not exists venv_path text,
    add column if not exists python_version varchar(20),
    add column if not exists tools jsonb default '{}',
    add column if not exists conventions jsonb default '{}',
    add column if not exists key_files jsonb default '{}',
    add column if not exists commands jsonb default '{}',
    add column if not exists notes text[] default '{}',
    add column if not exists status varchar(50) default 'active';

alter table memory.memories
    add column if not exists source_type varchar(50),
    add column if not exists source_id bigint,
    add column if not exists access_count integer default 0,
    add column if not exists last_accessed_at timestamptz;

alter table memory.knowledge_base
    add column if not exists is_global boolean default false,
    add column if not exists tags text[] default '{}',
    add column if not exists source_url text,
    add column if not exists author_agent_id bigint references agent.agents (id) on delete set null,
    add column if not exists is_active boolean default true;

alter table memory.embeddings_cache
    add column if not exists dimension integer,
    add column if not exists content_preview varchar(500);

-- Two names each for one thing: whichever a writer gives, the other follows, as the code reads one and the seeds write
-- the other. The older names (name, model_id) may not be null.
create or replace function agent.name_model() returns trigger language plpgsql as $function$
begin
    new.name = coalesce(new.name, new.model_name);
    new.model_id = coalesce(new.model_id, new.model_name);
    new.model_name = coalesce(new.model_name, new.model_id);
    new.display_name = coalesce(new.display_name, new.model_alias);
    new.model_alias = coalesce(new.model_alias, new.display_name, new.name);
    new.pricing_in = coalesce(new.pricing_in, new.pricing_input);
    new.pricing_out = coalesce(new.pricing_out, new.pricing_output);
    new.extended_thinking = coalesce(new.extended_thinking, new.supports_extended_thinking);
    new.vision = coalesce(new.vision, new.supports_vision);
    new.function_calling = coalesce(new.function_calling, new.supports_tools);
    new.streaming = coalesce(new.streaming, new.supports_streaming);
    return new;
end
$function$;

create or replace trigger statekeep_name_model before insert on agent.models
    for each row execute function agent.name_model();

update agent.models as m
set model_name = coalesce(m.model_name, m.model_id),
    model_alias = coalesce(m.model_alias, m.display_name, m.name),
    pricing_in = coalesce(m.pricing_in, m.pricing_input),
    pricing_out = coalesce(m.pricing_out, m.pricing_output),
    extended_thinking = coalesce(m.extended_thinking, m.supports_extended_thinking),
    vision = coalesce(m.vision, m.supports_vision),
    function_calling = coalesce(m.function_calling, m.supports_tools),
    streaming = coalesce(m.streaming, m.supports_streaming)
where m.model_name is null;

-- The same for events of a circle.
create or replace function circle.name_event() returns trigger language plpgsql as $function$
begin
    new.source_agent_id = coalesce(new.source_agent_id, new.agent_id);
    new.agent_id = coalesce(new.agent_id, new.source_agent_id);
    if new.data = '{}' then
        new.data = new.event_data;
    end if;
    if new.event_data = '{}' then
        new.event_data = new.data;
    end if;
    return new;
end
$function$;

create or replace trigger statekeep_name_event before insert on circle.events
    for each row execute function circle.name_event();

update circle.events as e set agent_id = e.source_agent_id, event_data = e.data
where e.agent_id is null and e.event_data = '{}' and (e.source_agent_id is not null or e.data <> '{}');
