-- Conversations, memories without their vectors, reviews, audit and users; then the tables that GatheRing's code uses and its
-- migrations never make: pipelines, which one of its routers makes on first use, and the history of scheduled actions.

create table if not exists communication.conversations (
    id bigint generated always as identity primary key,
    circle_id bigint references circle.circles (id) on delete set null,
    topic varchar(500),
    conversation_type varchar(50) default 'collaboration',
    participant_agent_ids bigint[] default '{}',
    participant_names text[] default '{}',
    initial_prompt text,
    current_turn integer default 0,
    turns_taken integer default 0,
    max_turns integer default 50,
    turn_strategy varchar(50) default 'round_robin',
    task_id bigint,
    status public.conversation_status default 'pending',
    is_active boolean default true,
    summary text,
    started_at timestamptz,
    completed_at timestamptz,
    ended_at timestamptz,
    created_at timestamptz default now()
);

create table if not exists communication.messages (
    id bigint generated always as identity primary key,
    conversation_id bigint not null references communication.conversations (id) on delete cascade,
    agent_id bigint references agent.agents (id) on delete set null,
    agent_name varchar(200),
    role public.message_role not null,
    content text not null,
    tool_calls jsonb,
    tool_results jsonb,
    parent_message_id bigint references communication.messages (id),
    mentions bigint[] default '{}',
    is_pinned boolean default false,
    metadata jsonb default '{}',
    created_at timestamptz default now()
);

create table if not exists communication.chat_history (
    id bigint generated always as identity primary key,
    agent_id bigint not null references agent.agents (id) on delete cascade,
    session_id bigint references agent.sessions (id) on delete set null,
    role public.message_role not null,
    content text not null,
    tokens_input integer,
    tokens_output integer,
    thinking_time_ms integer,
    created_at timestamptz default now()
);

create table if not exists communication.notifications (
    id bigint generated always as identity primary key,
    agent_id bigint not null references agent.agents (id) on delete cascade,
    notification_type varchar(100) not null,
    title varchar(500),
    message text,
    source_type varchar(50),
    source_id bigint,
    is_read boolean default false,
    is_dismissed boolean default false,
    created_at timestamptz default now()
);

create table if not exists memory.memories (
    id bigint generated always as identity primary key,
    scope public.memory_scope not null,
    scope_id bigint,
    agent_id bigint references agent.agents (id) on delete cascade,
    memory_type public.memory_type default 'fact',
    key varchar(200) not null,
    value text not null,
    importance double precision default 0.5 check (importance >= 0 and importance <= 1),
    relevance double precision default 0.5,
    expires_at timestamptz,
    tags text[] default '{}',
    metadata jsonb default '{}',
    is_active boolean default true,
    created_at timestamptz default now(),
    updated_at timestamptz default now()
);

create table if not exists memory.knowledge_base (
    id bigint generated always as identity primary key,
    project_id bigint references project.projects (id) on delete cascade,
    circle_id bigint references circle.circles (id) on delete cascade,
    title varchar(500) not null,
    content text not null,
    category varchar(100),
    quality_score double precision default 0.5,
    upvotes integer default 0,
    downvotes integer default 0,
    is_verified boolean default false,
    created_by_agent_id bigint references agent.agents (id),
    created_at timestamptz default now(),
    updated_at timestamptz default now()
);

create table if not exists memory.embeddings_cache (
    id bigint generated always as identity primary key,
    content_hash varchar(64) not null unique,
    model varchar(100),
    usage_count integer default 1,
    created_at timestamptz default now(),
    last_used_at timestamptz default now()
);

create table if not exists memory.context_snapshots (
    id bigint generated always as identity primary key,
    agent_id bigint not null references agent.agents (id) on delete cascade,
    session_id bigint references agent.sessions (id) on delete set null,
    reason varchar(100),
    key_points text[],
    decisions text[],
    context_data jsonb,
    created_at timestamptz default now()
);

create table if not exists review.reviews (
    id bigint generated always as identity primary key,
    task_id bigint not null references circle.tasks (id) on delete cascade,
    author_agent_id bigint not null references agent.agents (id),
    reviewer_agent_id bigint not null references agent.agents (id),
    review_type public.review_type default 'code',
    status public.review_status default 'pending',
    iteration integer default 1,
    summary text,
    changes_requested text,
    blocking_issues_count integer default 0,
    overall_score double precision check (overall_score >= 0 and overall_score <= 100),
    changes_addressed boolean default false,
    submitted_at timestamptz,
    completed_at timestamptz,
    created_at timestamptz default now(),
    updated_at timestamptz default now(),
    check (author_agent_id <> reviewer_agent_id)
);

create table if not exists review.comments (
    id bigint generated always as identity primary key,
    review_id bigint not null references review.reviews (id) on delete cascade,
    file_path text,
    line_start integer,
    line_end integer,
    content text not null,
    severity varchar(50) default 'suggestion',
    category varchar(100),
    suggested_fix text,
    is_resolved boolean default false,
    resolution_note text,
    resolved_by_agent_id bigint references agent.agents (id),
    created_at timestamptz default now()
);

create table if not exists review.quality_metrics (
    id bigint generated always as identity primary key,
    agent_id bigint references agent.agents (id) on delete cascade,
    project_id bigint references project.projects (id) on delete cascade,
    circle_id bigint references circle.circles (id) on delete cascade,
    metric_type varchar(100) not null,
    metric_value double precision not null,
    period_type varchar(20) default 'daily',
    period_start timestamptz not null,
    period_end timestamptz not null,
    created_at timestamptz default now()
);

create table if not exists audit.logs (
    id bigint generated always as identity primary key,
    level public.log_level default 'info',
    category varchar(100),
    action varchar(100) not null,
    message text,
    agent_id bigint references agent.agents (id) on delete set null,
    circle_id bigint references circle.circles (id) on delete set null,
    resource_type varchar(100),
    resource_id bigint,
    details jsonb default '{}',
    duration_ms integer,
    request_id uuid,
    created_at timestamptz default now()
);

create table if not exists audit.escalations (
    id bigint generated always as identity primary key,
    escalation_type varchar(100) not null,
    circle_id bigint references circle.circles (id) on delete set null,
    title varchar(500) not null,
    description text,
    source_task_id bigint,
    source_review_id bigint,
    source_agent_id bigint references agent.agents (id),
    priority integer default 5 check (priority >= 1 and priority <= 10),
    severity varchar(50) default 'medium',
    status varchar(50) default 'open',
    assigned_to varchar(200),
    resolution_notes text,
    resolved_at timestamptz,
    created_at timestamptz default now(),
    updated_at timestamptz default now()
);

create table if not exists audit.system_events (
    id bigint generated always as identity primary key,
    event_type varchar(100) not null,
    component varchar(100),
    level public.log_level default 'info',
    message text,
    error_message text,
    stack_trace text,
    metadata jsonb default '{}',
    created_at timestamptz default now()
);

create table if not exists audit.api_requests (
    id bigint generated always as identity primary key,
    method varchar(10) not null,
    path text not null,
    query_params jsonb,
    status_code integer,
    response_time_ms integer,
    user_id bigint,
    agent_id bigint,
    request_id uuid,
    client_ip inet,
    user_agent text,
    created_at timestamptz default now()
);

create table if not exists audit.security_events (
    id bigint generated always as identity primary key,
    event_type varchar(100) not null,
    severity varchar(20) not null default 'info',
    user_id varchar(36),
    ip_address inet,
    message text,
    details jsonb default '{}',
    request_id uuid,
    created_at timestamptz not null default now()
);

create table if not exists auth.users (
    id bigint generated always as identity primary key,
    external_id varchar(36) not null unique default gen_random_uuid()::text,
    email varchar(255) not null,
    email_lower varchar(255) generated always as (lower(email)) stored,
    name varchar(100) not null,
    password_hash varchar(72) not null,
    role varchar(20) not null default 'user',
    is_active boolean not null default true,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now()
);

create table if not exists auth.token_blacklist (
    id bigint generated always as identity primary key,
    token_hash varchar(64) not null,
    expires_at timestamptz not null,
    blacklisted_at timestamptz not null default now(),
    user_id varchar(36),
    reason varchar(50) default 'logout'
);

create table if not exists circle.pipelines (
    id serial primary key,
    name varchar(255) not null,
    description text,
    status varchar(50) default 'draft' check (status in ('active', 'paused', 'draft')),
    nodes jsonb default '[]',
    edges jsonb default '[]',
    created_at timestamptz default current_timestamp,
    updated_at timestamptz default current_timestamp,
    last_run timestamptz,
    run_count integer default 0,
    success_count integer default 0,
    error_count integer default 0
);

create table if not exists circle.pipeline_runs (
    id serial primary key,
    pipeline_id integer not null references circle.pipelines (id) on delete cascade,
    status varchar(50) default 'pending',
    started_at timestamptz,
    completed_at timestamptz,
    current_node varchar(100),
    logs jsonb default '[]',
    trigger_data jsonb default '{}',
    error_message text,
    created_at timestamptz default current_timestamp
);

create table if not exists circle.pipeline_node_runs (
    id serial primary key,
    run_id integer not null references circle.pipeline_runs (id) on delete cascade,
    node_id varchar(100) not null,
    node_type varchar(50) not null,
    status varchar(50) default 'pending'
        check (status in ('pending', 'running', 'completed', 'failed', 'skipped', 'cancelled')),
    input_data jsonb default '{}',
    output_data jsonb default '{}',
    error_message text,
    retry_count integer default 0,
    started_at timestamptz,
    completed_at timestamptz,
    duration_ms integer default 0
);

create table if not exists circle.scheduled_action_runs (
    id bigint generated always as identity primary key,
    scheduled_action_id bigint not null references circle.scheduled_actions (id) on delete cascade,
    background_task_id bigint references circle.background_tasks (id) on delete set null,
    run_number integer not null,
    triggered_at timestamptz not null default now(),
    triggered_by varchar(50) default 'scheduler',
    status public.background_task_status not null default 'pending',
    started_at timestamptz,
    completed_at timestamptz,
    result_summary text,
    error_message text,
    retry_count integer default 0,
    duration_ms integer,
    steps_executed integer default 0,
    created_at timestamptz default now()
);
