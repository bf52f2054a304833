-- Functions on agents, with GatheRing's signatures; its own are left where they are there.

do $do$
begin
    if to_regprocedure('agent.get_agent_config(bigint)') is null then
        create function agent.get_agent_config(p_agent_id bigint) returns jsonb language sql stable as $function$
            select jsonb_build_object(
                'id', a.id, 'name', a.name, 'status', a.status,
                'model', jsonb_build_object('id', m.id, 'name', m.display_name, 'model_id', m.model_id, 'provider', v.name),
                'persona', case when p.id is not null then
                    jsonb_build_object('id', p.id, 'name', p.display_name, 'role', p.role) end,
                'temperature', a.temperature, 'competencies', a.competencies,
                'traits', coalesce(a.traits, p.traits), 'custom_prompt', a.custom_prompt, 'base_prompt', p.base_prompt)
            from agent.agents as a
            left join agent.models as m on m.id = a.model_id
            left join agent.providers as v on v.id = m.provider_id
            left join agent.personas as p on p.id = a.persona_id
            where a.id = p_agent_id
        $function$;
    end if;
    if to_regprocedure('agent.create_agent_from_persona(varchar, varchar, bigint)') is null then
        create function agent.create_agent_from_persona(
            p_persona_name varchar, p_agent_name varchar default null, p_model_id bigint default null
        ) returns bigint language plpgsql as $function$
        declare
            made bigint;
        begin
            insert into agent.agents (name, model_id, persona_id, traits, communication_style, competencies,
                specializations, temperature)
            select coalesce(p_agent_name, p.display_name, p.name), coalesce(p_model_id, p.default_model_id), p.id, p.traits,
                p.communication_style, p.competencies, p.specializations, p.default_temperature
            from agent.personas as p where p.name = p_persona_name
            returning id into made;
            if made is null then
                raise exception 'Persona not found: %', p_persona_name;
            end if;
            return made;
        end
        $function$;
    end if;
end
$do$;
