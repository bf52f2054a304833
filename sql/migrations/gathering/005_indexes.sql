-- Indexes, by GatheRing's names, with those its document adds; and the triggers that keep updated_at.

create index if not exists idx_agents_competencies on agent.agents using gin (competencies);
create index if not exists idx_agents_model on agent.agents (model_id);
create index if not exists idx_agents_name on agent.agents (name);
create index if not exists idx_agents_persona on agent.agents (persona_id);
create index if not exists idx_agents_status on agent.agents (status) where is_active = true;
create index if not exists idx_agent_tools_agent on agent.agent_tools (agent_id);
create index if not exists idx_agent_tools_enabled on agent.agent_tools (agent_id, is_enabled) where is_enabled = true;
create index if not exists idx_agent_tools_skill on agent.agent_tools (skill_id);
create index if not exists idx_goal_activities_goal on agent.goal_activities (goal_id);
create index if not exists idx_goals_agent on agent.goals (agent_id);
create index if not exists idx_goals_agent_status on agent.goals (agent_id, status);
create index if not exists idx_goals_parent on agent.goals (parent_id);
create index if not exists idx_goals_status on agent.goals (status);
create index if not exists idx_goals_status_priority on agent.goals (status, priority desc)
    where status in ('pending', 'active', 'blocked');
create index if not exists idx_models_active on agent.models (is_active) where is_active = true;
create index if not exists idx_models_provider on agent.models (provider_id);
create index if not exists idx_personas_category on agent.personas (category);
create index if not exists idx_personas_competencies on agent.personas using gin (competencies);
create index if not exists idx_sessions_active on agent.sessions (is_active) where is_active = true;
create index if not exists idx_sessions_agent on agent.sessions (agent_id);
create index if not exists idx_skills_category on agent.skills (category);
create index if not exists idx_skills_enabled on agent.skills (is_enabled) where is_enabled = true;

create index if not exists idx_api_requests_created on audit.api_requests (created_at desc);
create index if not exists idx_api_requests_path on audit.api_requests (path);
create index if not exists idx_api_requests_path_created on audit.api_requests (path, created_at desc);
create index if not exists idx_escalations_priority on audit.escalations (priority desc);
create index if not exists idx_escalations_status on audit.escalations (status) where status = 'open';
create index if not exists idx_logs_agent on audit.logs (agent_id);
create index if not exists idx_logs_category on audit.logs (category);
create index if not exists idx_logs_created on audit.logs (created_at desc);
create index if not exists idx_logs_level on audit.logs (level);
create index if not exists idx_logs_level_created on audit.logs (level, created_at desc)
    where level in ('error', 'critical');
create index if not exists idx_security_events_ip on audit.security_events (ip_address);
create index if not exists idx_security_events_severity on audit.security_events (severity)
    where severity in ('high', 'critical');
create index if not exists idx_security_events_timestamp on audit.security_events (created_at desc);
create index if not exists idx_security_events_type on audit.security_events (event_type);
create index if not exists idx_system_events_created on audit.system_events (created_at desc);
create index if not exists idx_system_events_type on audit.system_events (event_type);
create unique index if not exists idx_token_blacklist_hash on auth.token_blacklist (token_hash);
create index if not exists idx_token_blacklist_expires on auth.token_blacklist (expires_at);
create unique index if not exists idx_auth_users_email_lower on auth.users (email_lower);
create index if not exists idx_auth_users_external_id on auth.users (external_id);

create index if not exists idx_bg_task_steps_task on circle.background_task_steps (task_id);
create index if not exists idx_bg_tasks_agent on circle.background_tasks (agent_id);
create index if not exists idx_bg_tasks_status on circle.background_tasks (status);
create index if not exists idx_bg_tasks_status_created on circle.background_tasks (status, created_at desc);
create index if not exists idx_circles_project on circle.circles (project_id);
create index if not exists idx_circles_status on circle.circles (status);
create index if not exists idx_events_circle on circle.events (circle_id);
create index if not exists idx_events_created on circle.events (created_at desc);
create index if not exists idx_events_type on circle.events (event_type);
create index if not exists idx_members_agent on circle.members (agent_id);
create index if not exists idx_members_circle on circle.members (circle_id);
create index if not exists idx_pipeline_node_runs_run_id on circle.pipeline_node_runs (run_id);
create index if not exists idx_pipeline_node_runs_run_node on circle.pipeline_node_runs (run_id, node_id);
create index if not exists idx_pipeline_runs_pipeline on circle.pipeline_runs (pipeline_id, created_at desc);
create index if not exists idx_scheduled_action_runs_action on circle.scheduled_action_runs (scheduled_action_id, triggered_at desc);
create index if not exists idx_scheduled_action_runs_status on circle.scheduled_action_runs (status);
create index if not exists idx_scheduled_actions_next on circle.scheduled_actions (next_run_at) where status = 'active';
create index if not exists idx_scheduled_status_next on circle.scheduled_actions (status, next_run_at)
    where status = 'active';
create index if not exists idx_tasks_assigned on circle.tasks (assigned_agent_id);
create index if not exists idx_tasks_assigned_status on circle.tasks (assigned_agent_id, status)
    where assigned_agent_id is not null;
create index if not exists idx_tasks_circle on circle.tasks (circle_id);
create index if not exists idx_tasks_circle_status on circle.tasks (circle_id, status);
create index if not exists idx_tasks_status on circle.tasks (status);

create index if not exists idx_chat_history_agent on communication.chat_history (agent_id);
create index if not exists idx_chat_history_agent_created on communication.chat_history (agent_id, created_at desc);
create index if not exists idx_chat_history_session on communication.chat_history (session_id);
create index if not exists idx_conversations_circle on communication.conversations (circle_id);
create index if not exists idx_conversations_circle_status on communication.conversations (circle_id, status);
create index if not exists idx_conversations_status on communication.conversations (status);
create index if not exists idx_messages_agent on communication.messages (agent_id);
create index if not exists idx_messages_conversation on communication.messages (conversation_id);
create index if not exists idx_messages_conversation_created on communication.messages (conversation_id, created_at desc);
create index if not exists idx_messages_mentions on communication.messages using gin (mentions);
create index if not exists idx_notifications_agent on communication.notifications (agent_id);
create index if not exists idx_notifications_unread on communication.notifications (agent_id) where is_read = false;

create index if not exists idx_context_snapshots_agent on memory.context_snapshots (agent_id);
create index if not exists idx_embeddings_cache_hash on memory.embeddings_cache (content_hash);
create index if not exists idx_kb_circle on memory.knowledge_base (circle_id);
create index if not exists idx_kb_project on memory.knowledge_base (project_id);
create index if not exists idx_memories_agent on memory.memories (agent_id);
create index if not exists idx_memories_agent_created on memory.memories (agent_id, created_at desc);
create index if not exists idx_memories_agent_type on memory.memories (agent_id, memory_type);
create index if not exists idx_memories_key on memory.memories (key);
create index if not exists idx_memories_scope on memory.memories (scope, scope_id);
create index if not exists idx_memories_scope_type on memory.memories (scope, memory_type);
create index if not exists idx_memories_tags on memory.memories using gin (tags);

create index if not exists idx_circle_projects_circle on project.circle_projects (circle_id);
create index if not exists idx_circle_projects_project on project.circle_projects (project_id);
create index if not exists idx_files_project on project.files (project_id);
create index if not exists idx_projects_active on project.projects (is_active) where is_active = true;
create index if not exists idx_comments_file on review.comments (file_path);
create index if not exists idx_comments_review on review.comments (review_id);
create index if not exists idx_metrics_agent on review.quality_metrics (agent_id);
create index if not exists idx_metrics_period on review.quality_metrics (period_start, period_end);
create index if not exists idx_reviews_status on review.reviews (status);
create index if not exists idx_reviews_status_created on review.reviews (status, created_at desc);
create index if not exists idx_reviews_task on review.reviews (task_id);

do $do$
declare
    touched text;
begin
    foreach touched in array array[
        'agent.agent_tools', 'agent.agents', 'agent.goals', 'agent.personas', 'audit.escalations', 'auth.users',
        'circle.background_tasks', 'circle.circles', 'circle.scheduled_actions', 'circle.tasks', 'memory.knowledge_base',
        'memory.memories', 'project.files', 'project.projects', 'review.reviews'
    ] loop
        if not exists (
            select from pg_trigger as t
            where t.tgrelid = touched::regclass and t.tgfoid = 'public.update_updated_at()'::regprocedure
        ) then
            execute format('create trigger %I before update on %s for each row execute function public.update_updated_at()',
                'update_' || split_part(touched, '.', 2) || '_updated_at', touched);
        end if;
    end loop;
end
$do$;
