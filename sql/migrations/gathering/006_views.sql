-- Dashboards, the views that GatheRing's code reads and never makes, and the names that only its document has.

do $do$
begin
    -- GatheRing's own views stay where they are there.
    if to_regclass('public.agent_dashboard') is null then
        create view public.agent_dashboard as
        select a.id, a.name, p.display_name as persona_name, m.display_name as model_name, v.name as provider_name,
            a.status, a.tasks_completed, a.reviews_done, a.average_quality_score,
            (select count(*) from memory.memories as e where e.agent_id = a.id) as memory_count,
            (select count(*) from communication.messages as e where e.agent_id = a.id) as message_count,
            (select count(*) from circle.members as e where e.agent_id = a.id) as circle_count
        from agent.agents as a
        left join agent.personas as p on p.id = a.persona_id
        left join agent.models as m on m.id = a.model_id
        left join agent.providers as v on v.id = m.provider_id
        where a.is_active = true;
    end if;
    if to_regclass('public.circle_dashboard') is null then
        create view public.circle_dashboard as
        select c.id, c.name, c.display_name, c.status, p.name as project_name,
            (select count(*) from circle.members as e where e.circle_id = c.id) as agent_count,
            (select count(*) from circle.tasks as e
                where e.circle_id = c.id and e.status not in ('completed', 'cancelled')) as active_tasks,
            (select count(*) from communication.conversations as e
                where e.circle_id = c.id and e.status = 'active') as active_conversations
        from circle.circles as c
        left join project.projects as p on p.id = c.project_id;
    end if;
    if to_regclass('public.goals_dashboard') is null then
        create view public.goals_dashboard as
        with recursive goal_tree as (
            select g.id, g.agent_id, g.parent_id, g.title, g.status, g.priority, g.progress_percent, g.deadline,
                1 as depth, array[g.id] as path
            from agent.goals as g where g.parent_id is null
            union all
            select g.id, g.agent_id, g.parent_id, g.title, g.status, g.priority, g.progress_percent, g.deadline,
                t.depth + 1, t.path || g.id
            from agent.goals as g join goal_tree as t on t.id = g.parent_id
            where t.depth < 10
        )
        select t.id, t.agent_id, t.parent_id, t.title, t.status, t.priority, t.progress_percent, t.deadline, t.depth,
            t.path, a.name as agent_name, (select count(*) from agent.goals as g where g.parent_id = t.id) as subgoal_count
        from goal_tree as t join agent.agents as a on a.id = t.agent_id;
    end if;
    if to_regclass('public.background_tasks_dashboard') is null then
        create view public.background_tasks_dashboard as
        select t.id, t.goal, t.status, t.progress_percent, t.current_step, t.max_steps, a.name as agent_name,
            c.name as circle_name,
            (select count(*) from circle.background_task_steps as s where s.task_id = t.id) as total_steps,
            t.started_at,
            extract(epoch from (coalesce(t.completed_at, now()) - t.started_at))::integer as duration_seconds
        from circle.background_tasks as t
        join agent.agents as a on a.id = t.agent_id
        left join circle.circles as c on c.id = t.circle_id;
    end if;
    if to_regclass('agent.agent_tools_view') is null then
        create view agent.agent_tools_view as
        select a.id as agent_id, a.name as agent_name, s.id as skill_id, s.name as skill_name,
            s.display_name as skill_display_name, s.category as skill_category, s.required_permissions, s.is_dangerous,
            coalesce(t.is_enabled, false) as is_enabled, coalesce(t.usage_count, 0) as usage_count, t.last_used_at,
            t.config as custom_config
        from agent.agents as a
        cross join agent.skills as s
        left join agent.agent_tools as t on t.agent_id = a.id and t.skill_id = s.id
        where s.is_enabled = true
        order by a.id, s.category, s.name;
    end if;
    if to_regclass('agent.agents_full') is null then
        create view agent.agents_full as
        select a.id, a.name, coalesce(a.role, p.role) as role, a.model_id, m.model_name, m.model_alias,
            v.name as provider_name, a.persona_id, p.display_name as persona_name, p.role as persona_role,
            coalesce(a.system_prompt, a.custom_prompt, p.full_prompt, a.base_prompt, p.base_prompt) as system_prompt,
            coalesce(nullif(a.traits, '{}'), p.traits) as traits,
            coalesce(a.communication_style, p.communication_style) as communication_style,
            coalesce(nullif(a.competencies, '{}'), p.competencies) as competencies,
            coalesce(nullif(a.specializations, '{}'), p.specializations) as specializations,
            p.languages, p.motto, a.skill_names, a.temperature, coalesce(a.max_tokens, m.max_output) as max_tokens,
            a.can_review, a.review_strictness, a.tasks_completed, a.reviews_done, a.approval_rate,
            a.average_quality_score, a.is_active, a.status, a.last_active_at, a.created_at, a.updated_at,
            m.context_window, m.extended_thinking, m.vision, m.pricing_in, m.pricing_out
        from agent.agents as a
        left join agent.personas as p on p.id = a.persona_id
        left join agent.models as m on m.id = a.model_id
        left join agent.providers as v on v.id = m.provider_id;
    end if;
    if to_regclass('public.scheduled_actions_dashboard') is null then
        create view public.scheduled_actions_dashboard as
        select s.id, s.name, s.description, s.action_type, s.action_config, s.schedule_type, s.cron_expression,
            s.interval_seconds, s.event_trigger, s.goal, s.max_steps, s.timeout_seconds, s.status, s.retry_on_failure,
            s.max_retries, s.retry_delay_seconds, s.allow_concurrent, s.start_date, s.end_date, s.execution_count,
            s.max_executions, s.last_run_at, s.next_run_at, s.tags, s.metadata, s.created_at, s.updated_at, s.agent_id,
            a.name as agent_name, s.circle_id, c.name as circle_name, l.status as last_run_status,
            l.duration_ms as last_run_duration, l.result_summary as last_run_result,
            (select count(*) from circle.scheduled_action_runs as r
                where r.scheduled_action_id = s.id and r.status = 'completed') as successful_runs,
            (select count(*) from circle.scheduled_action_runs as r
                where r.scheduled_action_id = s.id and r.status = 'failed') as failed_runs
        from circle.scheduled_actions as s
        join agent.agents as a on a.id = s.agent_id
        left join circle.circles as c on c.id = s.circle_id
        left join lateral (
            select r.status, r.duration_ms, r.result_summary
            from circle.scheduled_action_runs as r
            where r.scheduled_action_id = s.id
            order by r.triggered_at desc
            limit 1
        ) as l on true;
    end if;
end
$do$;

-- The document's names. Each is one table seen through a view that can be written, too.
do $do$
declare
    seen record;
begin
    for seen in
        select w.name, w.query
        from (values
            ('auth.audit_events', 'select * from audit.security_events'),
            ('circle.circle_members', 'select * from circle.members'),
            ('circle.memberships', 'select m.circle_id, m.agent_id, m.role, m.joined_at from circle.members as m'),
            ('conversation.chat_history', 'select * from communication.chat_history'),
            ('conversation.conversations', 'select * from communication.conversations'),
            ('conversation.messages', 'select * from communication.messages'),
            ('conversation.notifications', 'select * from communication.notifications'),
            ('pipeline.node_runs', 'select * from circle.pipeline_node_runs'),
            ('pipeline.pipeline_node_runs', 'select * from circle.pipeline_node_runs'),
            ('pipeline.pipeline_runs', 'select * from circle.pipeline_runs'),
            ('pipeline.pipelines', 'select * from circle.pipelines'),
            ('pipeline.runs', 'select * from circle.pipeline_runs'),
            ('project.tasks', 'select * from circle.tasks'),
            ('schedule.scheduled_action_runs', 'select * from circle.scheduled_action_runs'),
            ('schedule.scheduled_actions', 'select * from circle.scheduled_actions')
        ) as w(name, query)
        where to_regclass(w.name) is null
    loop
        execute format('create view %s as %s', seen.name, seen.query);
    end loop;
end
$do$;
