-- What is not about any one store. admin.stats and admin.setup_sql are answered by the engine itself.

-- op: admin.ping
-- args:
-- gives: none
-- batch: no    resend: yes    writes: no
-- Asks the server for an answer.
select 1 as ping;

-- op: admin.stats
-- args:
-- gives: one stats
-- engine: yes
-- The engine's counters: calls by outcome, queue wait, batch sizes, round trips, connections.

-- op: admin.setup_sql
-- args: op text+
-- gives: one sql
-- engine: yes
-- The text of a set-up operation ("state.setup") as it would be run, with the table names filled in.
