-- The first run of what 008 and 009 define.

do $do$
begin
    perform set_config('statekeep.note', array_to_string(memory.fit_vectors(false), '; '), true);
    perform memory.make_search();
end
$do$;
