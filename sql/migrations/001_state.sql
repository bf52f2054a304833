-- The table of agent states, exactly as Forge's ai-sdk makes it.

-- op: state.setup
-- args:
-- gives: none
-- batch: no    resend: yes    writes: yes
-- Makes the table and its indexes when the table is not there. A table that exists is left as it is, so a role with
-- data rights only may call this. Racing processes wait for each other.
do $statekeep$
begin
    if to_regclass({agent_states:literal}) is null then
        perform pg_advisory_xact_lock(hashtextextended('statekeep.setup', 0));
        create table if not exists {agent_states} (
            agent_id text not null,
            session_id text not null,
            state jsonb not null,
            created_at timestamptz default now(),
            updated_at timestamptz default now(),
            primary key (agent_id, session_id)
        );
        create index if not exists {agent_states:index agent_id} on {agent_states} (agent_id);
        create index if not exists {agent_states:index updated_at} on {agent_states} (updated_at);
    end if;
end
$statekeep$;

-- op: state.index
-- args:
-- gives: none
-- batch: no    resend: yes    writes: yes
-- Makes the GIN index that state.search is quick with.
do $statekeep$
begin
    perform pg_advisory_xact_lock(hashtextextended('statekeep.setup', 0));
    create index if not exists {agent_states:index state_gin} on {agent_states} using gin (state);
end
$statekeep$;
