-- GatheRing's tables with the columns of its own migrations; those of vectors come later. Tables that exist stay.

create table if not exists agent.providers (
    id bigint generated always as identity primary key,
    name varchar(50) not null unique,
    display_name varchar(100),
    api_base_url text,
    is_local boolean default false,
    config jsonb default '{}',
    created_at timestamptz default now()
);

create table if not exists agent.models (
    id bigint generated always as identity primary key,
    provider_id bigint not null references agent.providers (id) on delete cascade,
    name varchar(100) not null,
    display_name varchar(200),
    model_id varchar(100) not null,
    pricing_input numeric(10,4) default 0,
    pricing_output numeric(10,4) default 0,
    pricing_cache_read numeric(10,4) default 0,
    pricing_cache_write numeric(10,4) default 0,
    context_window integer default 128000,
    max_output integer default 4096,
    supports_vision boolean default false,
    supports_tools boolean default true,
    supports_streaming boolean default true,
    supports_extended_thinking boolean default false,
    is_active boolean default true,
    is_default boolean default false,
    created_at timestamptz default now(),
    unique (provider_id, model_id)
);

create table if not exists agent.personas (
    id bigint generated always as identity primary key,
    name varchar(100) not null unique,
    display_name varchar(200),
    role varchar(200) not null,
    location varchar(100),
    languages text[] default '{}',
    base_prompt text,
    full_prompt text,
    traits text[] default '{}',
    communication_style varchar(50) default 'professional',
    work_ethic text[] default '{}',
    motto text,
    collaboration_notes text,
    competencies text[] default '{}',
    specializations text[] default '{}',
    default_model_id bigint references agent.models (id),
    default_temperature double precision default 0.7,
    description text,
    icon varchar(50),
    is_builtin boolean default false,
    category varchar(50),
    created_at timestamptz default now(),
    updated_at timestamptz default now()
);

create table if not exists agent.agents (
    id bigint generated always as identity primary key,
    name varchar(100) not null,
    model_id bigint references agent.models (id),
    persona_id bigint references agent.personas (id),
    custom_prompt text,
    traits text[] default '{}',
    communication_style varchar(50),
    competencies text[] default '{}',
    specializations text[] default '{}',
    can_review text[] default '{}',
    review_strictness double precision default 0.7 check (review_strictness >= 0 and review_strictness <= 1),
    temperature double precision default 0.7 check (temperature >= 0 and temperature <= 2),
    max_tokens integer,
    tasks_completed integer default 0,
    reviews_done integer default 0,
    approval_rate double precision default 0.0 check (approval_rate >= 0 and approval_rate <= 1),
    average_quality_score double precision default 0.0
        check (average_quality_score >= 0 and average_quality_score <= 100),
    status public.agent_status default 'idle',
    is_active boolean default true,
    last_active_at timestamptz,
    created_at timestamptz default now(),
    updated_at timestamptz default now()
);

create table if not exists agent.sessions (
    id bigint generated always as identity primary key,
    agent_id bigint not null references agent.agents (id) on delete cascade,
    session_token uuid default gen_random_uuid() unique,
    current_project_id bigint,
    current_task_id bigint,
    context_window_used integer default 0,
    state jsonb default '{}',
    is_active boolean default true,
    last_checkpoint jsonb,
    can_resume boolean default true,
    started_at timestamptz default now(),
    ended_at timestamptz,
    last_activity_at timestamptz default now()
);

create table if not exists agent.goals (
    id bigint generated always as identity primary key,
    agent_id bigint not null references agent.agents (id) on delete cascade,
    parent_id bigint references agent.goals (id) on delete set null,
    title varchar(500) not null,
    description text,
    success_criteria text[],
    status public.goal_status default 'pending',
    priority public.goal_priority default 'medium',
    progress_percent double precision default 0 check (progress_percent >= 0 and progress_percent <= 100),
    deadline timestamptz,
    estimated_hours double precision,
    actual_hours double precision,
    is_decomposed boolean default false,
    max_subgoals integer default 10,
    background_task_id bigint,
    created_at timestamptz default now(),
    updated_at timestamptz default now(),
    completed_at timestamptz
);

create table if not exists agent.goal_dependencies (
    id bigint generated always as identity primary key,
    goal_id bigint not null references agent.goals (id) on delete cascade,
    depends_on_id bigint not null references agent.goals (id) on delete cascade,
    dependency_type varchar(50) default 'blocks',
    created_at timestamptz default now(),
    unique (goal_id, depends_on_id),
    check (goal_id <> depends_on_id)
);

create table if not exists agent.goal_activities (
    id bigint generated always as identity primary key,
    goal_id bigint not null references agent.goals (id) on delete cascade,
    activity_type varchar(50) not null,
    description text,
    old_status public.goal_status,
    new_status public.goal_status,
    progress_change double precision,
    actor_type varchar(20),
    actor_id bigint,
    created_at timestamptz default now()
);

create table if not exists agent.skills (
    id bigint generated always as identity primary key,
    name varchar(50) not null unique,
    display_name varchar(100),
    description text,
    category varchar(50) default 'general',
    required_permissions text[] default '{}',
    version varchar(20) default '1.0.0',
    is_dangerous boolean default false,
    is_enabled boolean default true,
    created_at timestamptz default now(),
    updated_at timestamptz default now()
);

create table if not exists agent.agent_tools (
    id bigint generated always as identity primary key,
    agent_id bigint not null references agent.agents (id) on delete cascade,
    skill_id bigint not null references agent.skills (id) on delete cascade,
    is_enabled boolean default true,
    config jsonb default '{}',
    usage_count integer default 0,
    last_used_at timestamptz,
    created_at timestamptz default now(),
    updated_at timestamptz default now(),
    unique (agent_id, skill_id)
);

create table if not exists project.projects (
    id bigint generated always as identity primary key,
    name varchar(200) not null,
    slug varchar(100) unique,
    description text,
    repository_url text,
    repository_path text,
    default_branch varchar(100) default 'main',
    tech_stack text[] default '{}',
    languages text[] default '{}',
    frameworks text[] default '{}',
    quality_standards jsonb default '{}',
    tools_config jsonb default '{}',
    is_active boolean default true,
    created_at timestamptz default now(),
    updated_at timestamptz default now()
);

create table if not exists project.files (
    id bigint generated always as identity primary key,
    project_id bigint not null references project.projects (id) on delete cascade,
    file_path text not null,
    file_type varchar(50),
    language varchar(50),
    content text,
    content_hash varchar(64),
    importance double precision default 0.5 check (importance >= 0 and importance <= 1),
    line_count integer,
    size_bytes bigint,
    last_indexed_at timestamptz,
    created_at timestamptz default now(),
    updated_at timestamptz default now(),
    unique (project_id, file_path)
);

create table if not exists circle.circles (
    id bigint generated always as identity primary key,
    name varchar(100) not null unique,
    display_name varchar(200),
    description text,
    owner_id bigint references agent.agents (id) on delete set null,
    project_id bigint references project.projects (id) on delete set null,
    config jsonb default '{}',
    settings jsonb default '{}',
    review_policy varchar(50) default 'required',
    require_review boolean default true,
    auto_route_tasks boolean default true,
    auto_route boolean default true,
    max_agents integer default 10,
    status public.circle_status default 'created',
    is_active boolean default true,
    started_at timestamptz,
    stopped_at timestamptz,
    created_at timestamptz default now(),
    updated_at timestamptz default now()
);

create table if not exists project.circle_projects (
    id bigint generated always as identity primary key,
    circle_id bigint not null references circle.circles (id) on delete cascade,
    project_id bigint not null references project.projects (id) on delete cascade,
    is_primary boolean default false,
    linked_at timestamptz default now(),
    unique (circle_id, project_id)
);

create table if not exists circle.members (
    id bigint generated always as identity primary key,
    circle_id bigint not null references circle.circles (id) on delete cascade,
    agent_id bigint not null references agent.agents (id) on delete cascade,
    role public.agent_role default 'member',
    permissions jsonb default '{}',
    competencies text[] default '{}',
    can_review text[] default '{}',
    is_active boolean default true,
    joined_at timestamptz default now(),
    left_at timestamptz,
    unique (circle_id, agent_id)
);

create table if not exists circle.tasks (
    id bigint generated always as identity primary key,
    circle_id bigint not null references circle.circles (id) on delete cascade,
    title varchar(500) not null,
    description text,
    requirements text[],
    parent_task_id bigint references circle.tasks (id) on delete set null,
    assigned_agent_id bigint references agent.agents (id) on delete set null,
    created_by_agent_id bigint references agent.agents (id),
    status public.task_status default 'pending',
    priority public.task_priority default 'medium',
    requires_review boolean default true,
    reviewer_agent_id bigint references agent.agents (id) on delete set null,
    project_id bigint references project.projects (id) on delete set null,
    conversation_id bigint,
    estimated_hours double precision,
    actual_hours double precision,
    started_at timestamptz,
    completed_at timestamptz,
    due_date timestamptz,
    created_at timestamptz default now(),
    updated_at timestamptz default now()
);

create table if not exists circle.events (
    id bigint generated always as identity primary key,
    circle_id bigint not null references circle.circles (id) on delete cascade,
    event_type varchar(100) not null,
    source_agent_id bigint references agent.agents (id),
    data jsonb default '{}',
    created_at timestamptz default now()
);

create table if not exists circle.background_tasks (
    id bigint generated always as identity primary key,
    circle_id bigint references circle.circles (id) on delete set null,
    agent_id bigint not null references agent.agents (id) on delete cascade,
    goal text not null,
    context jsonb default '{}',
    status public.background_task_status default 'pending',
    current_step integer default 0,
    max_steps integer default 100,
    progress_percent double precision default 0,
    progress_summary text,
    result jsonb,
    error_message text,
    checkpoint_data jsonb,
    checkpoint_interval integer default 10,
    last_checkpoint_at timestamptz,
    timeout_seconds integer default 3600,
    started_at timestamptz,
    completed_at timestamptz,
    created_at timestamptz default now(),
    updated_at timestamptz default now()
);

create table if not exists circle.background_task_steps (
    id bigint generated always as identity primary key,
    task_id bigint not null references circle.background_tasks (id) on delete cascade,
    step_number integer not null,
    action_type varchar(100),
    action_description text,
    tool_name varchar(100),
    tool_input jsonb,
    tool_output jsonb,
    llm_model varchar(100),
    tokens_input integer,
    tokens_output integer,
    duration_ms integer,
    created_at timestamptz default now()
);

create table if not exists circle.scheduled_actions (
    id bigint generated always as identity primary key,
    circle_id bigint references circle.circles (id) on delete cascade,
    agent_id bigint not null references agent.agents (id) on delete cascade,
    name varchar(200) not null,
    description text,
    action_type varchar(100) not null,
    action_config jsonb default '{}',
    schedule_type public.schedule_type not null,
    cron_expression varchar(100),
    interval_seconds integer,
    next_run_at timestamptz,
    max_executions integer,
    execution_count integer default 0,
    expires_at timestamptz,
    retry_on_failure boolean default true,
    max_retries integer default 3,
    retry_delay_seconds integer default 60,
    status public.scheduled_action_status default 'active',
    last_run_at timestamptz,
    last_status varchar(50),
    created_at timestamptz default now(),
    updated_at timestamptz default now()
);
