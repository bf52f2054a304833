/* Made by sql/compile.py from the annotated SQL. Change that, not this.
 *
 * One typed function for each operation: keep_submit() with the arguments counted by the compiler. Numbers,
 * booleans and times are text too, lists are JSON arrays; {NULL, 0} is null, where the type ends in "?".
 * Everything is copied; the ticket and deadline_ms are those of keep_submit(). */
/* clang-format off */
#ifndef STATEKEEP_OPS_H
#define STATEKEEP_OPS_H

#include "statekeep.h"

/* acp.clear: Deletes all runs, sessions and events. Gives the number of sessions deleted.
 * Result: sessions. */
static inline keep_op keep_acp_clear(keep_store *store, int deadline_ms) {
    return keep_submit(store, "acp.clear", NULL, 0, deadline_ms);
}

/* acp.index: Makes the indexes that event.list and run.list take their order from: without
 * them every page of a long run's events sorts all of them, and every page of all runs sorts
 * the whole table.
 * Result: null. */
static inline keep_op keep_acp_index(keep_store *store, int deadline_ms) {
    return keep_submit(store, "acp.index", NULL, 0, deadline_ms);
}

/* acp.setup: Makes the tables of runs, sessions and events, each with its indexes, when they
 * are not there. Tables that exist are left as they are, so a role with data rights only may
 * call this. Racing processes wait for each other.
 * Result: null. */
static inline keep_op keep_acp_setup(keep_store *store, int deadline_ms) {
    return keep_submit(store, "acp.setup", NULL, 0, deadline_ms);
}

/* admin.ping: Asks the server for an answer.
 * Result: null. */
static inline keep_op keep_admin_ping(keep_store *store, int deadline_ms) {
    return keep_submit(store, "admin.ping", NULL, 0, deadline_ms);
}

/* admin.setup_sql: The text of a set-up operation ("state.setup") as it would be run, with the
 * table names filled in.
 *   op  text+
 * Result: sql. */
static inline keep_op keep_admin_setup_sql(keep_store *store, keep_text op, int deadline_ms) {
    const keep_text args[] = {op};
    return keep_submit(store, "admin.setup_sql", args, 1, deadline_ms);
}

/* admin.stats: The engine's counters: calls by outcome, queue wait, batch sizes, round trips,
 * connections.
 * Result: stats. */
static inline keep_op keep_admin_stats(keep_store *store, int deadline_ms) {
    return keep_submit(store, "admin.stats", NULL, 0, deadline_ms);
}

/* checkpoint.copy: Copies the state of a thread to another one, in place of what that had;
 * gives the other one's id.
 *   from_id  text
 *   to_id    text
 * Result: thread_id.
 * Fails: ABSENT the thread to copy has no state. */
static inline keep_op keep_checkpoint_copy(keep_store *store, keep_text from_id, keep_text to_id,
        int deadline_ms) {
    const keep_text args[] = {from_id, to_id};
    return keep_submit(store, "checkpoint.copy", args, 2, deadline_ms);
}

/* checkpoint.count_expired: How many threads were last saved more than `keep_days` days ago;
 * none for a negative number.
 *   keep_days  int
 * Result: count. */
static inline keep_op keep_checkpoint_count_expired(keep_store *store, keep_text keep_days,
        int deadline_ms) {
    const keep_text args[] = {keep_days};
    return keep_submit(store, "checkpoint.count_expired", args, 1, deadline_ms);
}

/* checkpoint.delete: Deletes the state of a thread; no error when it has none.
 *   thread_id  text
 * Result: null. */
static inline keep_op keep_checkpoint_delete(keep_store *store, keep_text thread_id,
        int deadline_ms) {
    const keep_text args[] = {thread_id};
    return keep_submit(store, "checkpoint.delete", args, 1, deadline_ms);
}

/* checkpoint.delete_expired: Deletes at most `limit` of the threads that
 * checkpoint.count_expired counts, oldest first, and gives how many it deleted: call it until
 * that is 0. Rows that another session has locked are left for the next time.
 *   keep_days  int
 *   limit      int
 * Result: count. */
static inline keep_op keep_checkpoint_delete_expired(keep_store *store, keep_text keep_days,
        keep_text limit, int deadline_ms) {
    const keep_text args[] = {keep_days, limit};
    return keep_submit(store, "checkpoint.delete_expired", args, 2, deadline_ms);
}

/* checkpoint.find: As checkpoint.load, with the state in an object: a stored JSON null differs
 * from a thread that has none.
 *   thread_id  text
 * Result: {state}, or null when there is none. */
static inline keep_op keep_checkpoint_find(keep_store *store, keep_text thread_id,
        int deadline_ms) {
    const keep_text args[] = {thread_id};
    return keep_submit(store, "checkpoint.find", args, 1, deadline_ms);
}

/* checkpoint.list: The threads, most recently saved first; all of them without a limit. With a
 * prefix only those whose id begins with it, for which the whole table may have to be read.
 *   limit   int?
 *   offset  int?
 *   prefix  text?
 * Result: an array of thread_id. */
static inline keep_op keep_checkpoint_list(keep_store *store, keep_text limit, keep_text offset,
        keep_text prefix, int deadline_ms) {
    const keep_text args[] = {limit, offset, prefix};
    return keep_submit(store, "checkpoint.list", args, 3, deadline_ms);
}

/* checkpoint.load: The state of a thread, or null when it has none.
 *   thread_id  text
 * Result: state, or null when there is none. */
static inline keep_op keep_checkpoint_load(keep_store *store, keep_text thread_id,
        int deadline_ms) {
    const keep_text args[] = {thread_id};
    return keep_submit(store, "checkpoint.load", args, 1, deadline_ms);
}

/* checkpoint.load_many: The states of many threads in one call, in the order asked for;
 * threads that have none are left out.
 *   thread_ids  text[]
 * Result: an array of {thread_id, state}. */
static inline keep_op keep_checkpoint_load_many(keep_store *store, keep_text thread_ids,
        int deadline_ms) {
    const keep_text args[] = {thread_ids};
    return keep_submit(store, "checkpoint.load_many", args, 1, deadline_ms);
}

/* checkpoint.load_version: The state of a thread with its version, or null when it has none.
 *   thread_id  text
 * Result: {state, version}, or null when there is none. */
static inline keep_op keep_checkpoint_load_version(keep_store *store, keep_text thread_id,
        int deadline_ms) {
    const keep_text args[] = {thread_id};
    return keep_submit(store, "checkpoint.load_version", args, 1, deadline_ms);
}

/* checkpoint.save: Stores the state of a thread in place of the one it had. `created_at`
 * survives, `updated_at` is now; each row of a batch gets a time of its own, so that
 * newest-first lists keep the order of submission.
 *   thread_id  text
 *   state      json
 * Result: null. */
static inline keep_op keep_checkpoint_save(keep_store *store, keep_text thread_id,
        keep_text state, int deadline_ms) {
    const keep_text args[] = {thread_id, state};
    return keep_submit(store, "checkpoint.save", args, 2, deadline_ms);
}

/* checkpoint.save_version: Stores the state of a thread if its version is the expected one
 * (null: if it has no state) and gives the new version, which is one more (the first is 1). So
 * of two runs that loaded the same version one is told of the other.
 *   thread_id  text
 *   state      json
 *   expected   int?
 * Result: version.
 * Fails: CONFLICT the thread has another version. */
static inline keep_op keep_checkpoint_save_version(keep_store *store, keep_text thread_id,
        keep_text state, keep_text expected, int deadline_ms) {
    const keep_text args[] = {thread_id, state, expected};
    return keep_submit(store, "checkpoint.save_version", args, 3, deadline_ms);
}

/* checkpoint.setup: Makes the table and its index when the table is not there. A table that
 * exists is left as it is, so a role with data rights only may call this. Racing processes
 * wait for each other.
 * Result: null. */
static inline keep_op keep_checkpoint_setup(keep_store *store, int deadline_ms) {
    return keep_submit(store, "checkpoint.setup", NULL, 0, deadline_ms);
}

/* checkpoint.setup_versions: Adds the column `version` to the table, and a trigger that adds 1
 * to it whenever a writer did not set it, so that saves which know nothing of versions
 * (checkpoint.save, the peer's own) count, too. Rows that are there begin at 1. Changes
 * nothing when both are there. Adding them locks the table for a moment.
 * Result: null. */
static inline keep_op keep_checkpoint_setup_versions(keep_store *store, int deadline_ms) {
    return keep_submit(store, "checkpoint.setup_versions", NULL, 0, deadline_ms);
}

/* event.add: Adds an event to a run, which need not exist. `data` is the event as JSON text.
 * Without `created_at` it is now. Events of one run that wait together are added in the order
 * of their submission.
 *   run_id      text
 *   event_type  text
 *   data        document?
 *   created_at  time?
 * Result: null. */
static inline keep_op keep_event_add(keep_store *store, keep_text run_id, keep_text event_type,
        keep_text data, keep_text created_at, int deadline_ms) {
    const keep_text args[] = {run_id, event_type, data, created_at};
    return keep_submit(store, "event.add", args, 4, deadline_ms);
}

/* event.data: As event.list, but only the events' documents: a third less work for the server.
 *   run_id  text
 *   limit   int?
 *   offset  int?
 * Result: an array of data. */
static inline keep_op keep_event_data(keep_store *store, keep_text run_id, keep_text limit,
        keep_text offset, int deadline_ms) {
    const keep_text args[] = {run_id, limit, offset};
    return keep_submit(store, "event.data", args, 3, deadline_ms);
}

/* event.list: The events of a run by time, events of the same time in the order they were
 * added: pages repeat and skip nothing. A document that is no JSON is INVALID.
 *   run_id  text
 *   limit   int?
 *   offset  int?
 * Result: an array of {id, event_type, data, created_at}. */
static inline keep_op keep_event_list(keep_store *store, keep_text run_id, keep_text limit,
        keep_text offset, int deadline_ms) {
    const keep_text args[] = {run_id, limit, offset};
    return keep_submit(store, "event.list", args, 3, deadline_ms);
}

/* gathering.index: Fits memories, knowledge and files to the pgvector that is there by now:
 * real[] becomes vector(1536), and an HNSW index is made where there is none, in place of
 * GatheRing's IVFFlat index, which misses most neighbours. Gives what it changed, as an array
 * of sentences. Writers of a table wait while it is rewritten or indexed: about a second for a
 * thousand embeddings.
 * Result: changes. */
static inline keep_op keep_gathering_index(keep_store *store, int deadline_ms) {
    return keep_submit(store, "gathering.index", NULL, 0, deadline_ms);
}

/* gathering.plan: What gathering.setup would run now: the migrations that have not run, with
 * their SQL.
 * Result: an array of {version, name, sql}. */
static inline keep_op keep_gathering_plan(keep_store *store, int deadline_ms) {
    return keep_submit(store, "gathering.plan", NULL, 0, deadline_ms);
}

/* gathering.setup: Brings the schemas up to date: runs the migrations that have not run, all
 * of them or none, and is quick when there are none. Racing processes wait for each other.
 * What is there stays: tables, columns, data, GatheRing's own functions and views. INVALID
 * when a newer version of this package was here before.
 * Result: null. */
static inline keep_op keep_gathering_setup(keep_store *store, int deadline_ms) {
    return keep_submit(store, "gathering.setup", NULL, 0, deadline_ms);
}

/* gathering.status: The migrations of gathering.setup, each with the time when it ran (null
 * when it has not) and what it has to say about it, as which index it replaced. The table may
 * not be there yet: ts_stat() runs a query that is a text.
 * Result: an array of {version, name, applied_at, note}. */
static inline keep_op keep_gathering_status(keep_store *store, int deadline_ms) {
    return keep_submit(store, "gathering.status", NULL, 0, deadline_ms);
}

/* memory.delete: Makes a memory invisible, as GatheRing does, and gives whether there was one
 * (and the agent's, where one is named). The row stays for who looks into the table;
 * memory.forget removes it.
 *   id        int
 *   agent_id  int?
 * Result: deleted. */
static inline keep_op keep_memory_delete(keep_store *store, keep_text id, keep_text agent_id,
        int deadline_ms) {
    const keep_text args[] = {id, agent_id};
    return keep_submit(store, "memory.delete", args, 2, deadline_ms);
}

/* memory.forget: Removes a memory for good, deleted or expired ones as well, and gives whether
 * there was one (and the agent's, where one is named).
 *   id        int
 *   agent_id  int?
 * Result: forgotten. */
static inline keep_op keep_memory_forget(keep_store *store, keep_text id, keep_text agent_id,
        int deadline_ms) {
    const keep_text args[] = {id, agent_id};
    return keep_submit(store, "memory.forget", args, 2, deadline_ms);
}

/* memory.get: The memory of that id with its embedding, or null.
 *   id  int
 * Result: {id, key, value, agent_id, scope, scope_id, memory_type, tags, importance, metadata,
 * source_type, source_id, access_count, created_at, updated_at, expires_at, embedding}, or
 * null when there is none. */
static inline keep_op keep_memory_get(keep_store *store, keep_text id, int deadline_ms) {
    const keep_text args[] = {id};
    return keep_submit(store, "memory.get", args, 1, deadline_ms);
}

/* memory.info: How memories are searched: the type of embeddings (vector or real[]), their
 * dimensions, the method of their index (hnsw, ivfflat, or null for none, when all are
 * compared), and what to do about it where something can be done, else null.
 * Result: {type, dimensions, index, advice}. */
static inline keep_op keep_memory_info(keep_store *store, int deadline_ms) {
    return keep_submit(store, "memory.info", NULL, 0, deadline_ms);
}

/* memory.list: The memories that pass the filter, newest first; without a limit 100.
 *   agent_id  int?
 *   scope     text?
 *   scope_id  int?
 *   types     text[]?
 *   tags      text[]?
 *   limit     int?
 *   offset    int?
 * Result: an array of {id, key, value, agent_id, scope, scope_id, memory_type, tags,
 * importance, metadata, created_at, expires_at}. */
static inline keep_op keep_memory_list(keep_store *store, keep_text agent_id, keep_text scope,
        keep_text scope_id, keep_text types, keep_text tags, keep_text limit, keep_text offset,
        int deadline_ms) {
    const keep_text args[] = {agent_id, scope, scope_id, types, tags, limit, offset};
    return keep_submit(store, "memory.list", args, 7, deadline_ms);
}

/* memory.recall: As memory.search, and counts the access: access_count of each memory found is
 * one more, last_accessed_at is now.
 *   embedding  vector
 *   agent_id   int?
 *   scope      text?
 *   scope_id   int?
 *   types      text[]?
 *   tags       text[]?
 *   limit      int?
 *   threshold  json?
 *   effort     int?
 * Result: an array of {id, key, value, agent_id, scope, scope_id, memory_type, tags,
 * importance, metadata, created_at, similarity}. */
static inline keep_op keep_memory_recall(keep_store *store, keep_text embedding,
        keep_text agent_id, keep_text scope, keep_text scope_id, keep_text types, keep_text tags,
        keep_text limit, keep_text threshold, keep_text effort, int deadline_ms) {
    const keep_text args[] = {embedding, agent_id, scope, scope_id, types, tags, limit, threshold, effort};
    return keep_submit(store, "memory.recall", args, 9, deadline_ms);
}

/* memory.search: The memories most like an embedding by cosine, most similar first; without a
 * limit 10, with a threshold only those of at least that similarity (a number from -1 to 1).
 * Small sets are compared one by one, large ones through the index; `effort` is how many
 * candidates the index looks at (40 without it; more finds more of the nearest and takes
 * longer).
 *   embedding  vector
 *   agent_id   int?
 *   scope      text?
 *   scope_id   int?
 *   types      text[]?
 *   tags       text[]?
 *   limit      int?
 *   threshold  json?
 *   effort     int?
 * Result: an array of {id, key, value, agent_id, scope, scope_id, memory_type, tags,
 * importance, metadata, created_at, similarity}. */
static inline keep_op keep_memory_search(keep_store *store, keep_text embedding,
        keep_text agent_id, keep_text scope, keep_text scope_id, keep_text types, keep_text tags,
        keep_text limit, keep_text threshold, keep_text effort, int deadline_ms) {
    const keep_text args[] = {embedding, agent_id, scope, scope_id, types, tags, limit, threshold, effort};
    return keep_submit(store, "memory.search", args, 9, deadline_ms);
}

/* memory.search_both: The memories found by likeness or by words or by both, best first;
 * without a limit 10. The two lists, each five times as long, are joined by reciprocal rank:
 * score is the sum of 1 / (60 + place) over the lists a memory is in. similarity or rank is
 * null where a memory was not in that list; the threshold is one of similarity.
 *   query      text+
 *   embedding  vector
 *   agent_id   int?
 *   scope      text?
 *   scope_id   int?
 *   types      text[]?
 *   tags       text[]?
 *   limit      int?
 *   threshold  json?
 *   effort     int?
 * Result: an array of {id, key, value, agent_id, scope, scope_id, memory_type, tags,
 * importance, metadata, created_at, similarity, rank, score}. */
static inline keep_op keep_memory_search_both(keep_store *store, keep_text query,
        keep_text embedding, keep_text agent_id, keep_text scope, keep_text scope_id,
        keep_text types, keep_text tags, keep_text limit, keep_text threshold, keep_text effort,
        int deadline_ms) {
    const keep_text args[] = {query, embedding, agent_id, scope, scope_id, types, tags, limit, threshold, effort};
    return keep_submit(store, "memory.search_both", args, 10, deadline_ms);
}

/* memory.search_text: The memories whose value holds the words of the query, best first;
 * without a limit 10. The query is written as for a web search ("exact words", or, -without)
 * and read as English, so that other forms of a word are found, too.
 *   query     text+
 *   agent_id  int?
 *   scope     text?
 *   scope_id  int?
 *   types     text[]?
 *   tags      text[]?
 *   limit     int?
 * Result: an array of {id, key, value, agent_id, scope, scope_id, memory_type, tags,
 * importance, metadata, created_at, rank}. */
static inline keep_op keep_memory_search_text(keep_store *store, keep_text query,
        keep_text agent_id, keep_text scope, keep_text scope_id, keep_text types, keep_text tags,
        keep_text limit, int deadline_ms) {
    const keep_text args[] = {query, agent_id, scope, scope_id, types, tags, limit};
    return keep_submit(store, "memory.search_text", args, 7, deadline_ms);
}

/* memory.store: Stores a memory. Without a scope it is the agent's, and global where there is
 * no agent; without a scope_id that is the agent's id. `importance` is a number from 0 to 1,
 * else 0.5. The embedding must have as many dimensions as the table (1536); without one the
 * memory is found by its words only.
 *   key          text+
 *   value        text
 *   embedding    vector?
 *   agent_id     int?
 *   scope        text?
 *   scope_id     int?
 *   memory_type  text?
 *   tags         text[]?
 *   importance   json?
 *   metadata     json?
 *   source_type  text?
 *   source_id    int?
 *   expires_at   time?
 * Result: id. */
static inline keep_op keep_memory_store(keep_store *store, keep_text key, keep_text value,
        keep_text embedding, keep_text agent_id, keep_text scope, keep_text scope_id,
        keep_text memory_type, keep_text tags, keep_text importance, keep_text metadata,
        keep_text source_type, keep_text source_id, keep_text expires_at, int deadline_ms) {
    const keep_text args[] = {key, value, embedding, agent_id, scope, scope_id, memory_type, tags, importance, metadata, source_type, source_id, expires_at};
    return keep_submit(store, "memory.store", args, 13, deadline_ms);
}

/* run.delete: Deletes a run and its events together, and the events also where there is no
 * run. Gives the number of runs deleted, 0 or 1.
 *   run_id  text
 * Result: deleted. */
static inline keep_op keep_run_delete(keep_store *store, keep_text run_id, int deadline_ms) {
    const keep_text args[] = {run_id};
    return keep_submit(store, "run.delete", args, 1, deadline_ms);
}

/* run.find: As run.list, but only the runs of an agent, of a session, or of both; none when
 * neither is given.
 *   agent_name  text?
 *   session_id  text?
 *   limit       int?
 *   offset      int?
 * Result: {total, runs}. */
static inline keep_op keep_run_find(keep_store *store, keep_text agent_name, keep_text session_id,
        keep_text limit, keep_text offset, int deadline_ms) {
    const keep_text args[] = {agent_name, session_id, limit, offset};
    return keep_submit(store, "run.find", args, 4, deadline_ms);
}

/* run.list: A page of all runs, newest first (runs without a time before them), and how many
 * there are in all pages, both of one snapshot. Counting reads the whole table; the page is
 * quick with the index that acp.index makes.
 *   limit   int?
 *   offset  int?
 * Result: {total, runs}. */
static inline keep_op keep_run_list(keep_store *store, keep_text limit, keep_text offset,
        int deadline_ms) {
    const keep_text args[] = {limit, offset};
    return keep_submit(store, "run.list", args, 2, deadline_ms);
}

/* run.load: The run of that id, or null. A document that is no JSON is INVALID.
 *   run_id  text
 * Result: {run_id, agent_name, session_id, status, output, error, await_request, created_at,
 * finished_at, updated_at}, or null when there is none. */
static inline keep_op keep_run_load(keep_store *store, keep_text run_id, int deadline_ms) {
    const keep_text args[] = {run_id};
    return keep_submit(store, "run.load", args, 1, deadline_ms);
}

/* run.save: Stores a run in place of the one of that id. `output` (an array of messages),
 * `error` and `await_request` are JSON texts. Without `updated_at` it is now, each row of a
 * batch with a time of its own.
 *   run_id         text
 *   agent_name     text
 *   session_id     text?
 *   status         text
 *   output         document?
 *   error          document?
 *   await_request  document?
 *   created_at     time?
 *   finished_at    time?
 *   updated_at     time?
 * Result: null. */
static inline keep_op keep_run_save(keep_store *store, keep_text run_id, keep_text agent_name,
        keep_text session_id, keep_text status, keep_text output, keep_text error,
        keep_text await_request, keep_text created_at, keep_text finished_at,
        keep_text updated_at, int deadline_ms) {
    const keep_text args[] = {run_id, agent_name, session_id, status, output, error, await_request, created_at, finished_at, updated_at};
    return keep_submit(store, "run.save", args, 10, deadline_ms);
}

/* session.append: Adds messages, a JSON array, to the end of a session's history, which need
 * not be read nor sent: of two workers that append at the same time neither loses its
 * messages. A session that is not there begins with them. INVALID when either is not an array.
 *   id          text
 *   messages    document
 *   updated_at  time?
 * Result: null. */
static inline keep_op keep_session_append(keep_store *store, keep_text id, keep_text messages,
        keep_text updated_at, int deadline_ms) {
    const keep_text args[] = {id, messages, updated_at};
    return keep_submit(store, "session.append", args, 3, deadline_ms);
}

/* session.delete: Deletes a session; its runs and events stay. Gives the number of sessions
 * deleted, 0 or 1.
 *   id  text
 * Result: deleted. */
static inline keep_op keep_session_delete(keep_store *store, keep_text id, int deadline_ms) {
    const keep_text args[] = {id};
    return keep_submit(store, "session.delete", args, 1, deadline_ms);
}

/* session.load: The session of that id, or null. A document that is no JSON is INVALID.
 *   id  text
 * Result: {id, history, state, created_at, updated_at}, or null when there is none. */
static inline keep_op keep_session_load(keep_store *store, keep_text id, int deadline_ms) {
    const keep_text args[] = {id};
    return keep_submit(store, "session.load", args, 1, deadline_ms);
}

/* session.save: Stores a session in place of the one of that id; its time of creation
 * survives. `history` (an array of messages) and `state` are JSON texts. Without `updated_at`
 * it is now.
 *   id          text
 *   history     document?
 *   state       document?
 *   updated_at  time?
 * Result: null. */
static inline keep_op keep_session_save(keep_store *store, keep_text id, keep_text history,
        keep_text state, keep_text updated_at, int deadline_ms) {
    const keep_text args[] = {id, history, state, updated_at};
    return keep_submit(store, "session.save", args, 4, deadline_ms);
}

/* state.count: How many states the table holds (exact: reads the whole table).
 * Result: count. */
static inline keep_op keep_state_count(keep_store *store, int deadline_ms) {
    return keep_submit(store, "state.count", NULL, 0, deadline_ms);
}

/* state.delete: Deletes the state of a session; no error when it has none.
 *   agent_id    text+
 *   session_id  text+
 * Result: null. */
static inline keep_op keep_state_delete(keep_store *store, keep_text agent_id,
        keep_text session_id, int deadline_ms) {
    const keep_text args[] = {agent_id, session_id};
    return keep_submit(store, "state.delete", args, 2, deadline_ms);
}

/* state.find: As state.load, with the state in an object: a stored JSON null differs from a
 * session that has none.
 *   agent_id    text+
 *   session_id  text+
 * Result: {state}, or null when there is none. */
static inline keep_op keep_state_find(keep_store *store, keep_text agent_id, keep_text session_id,
        int deadline_ms) {
    const keep_text args[] = {agent_id, session_id};
    return keep_submit(store, "state.find", args, 2, deadline_ms);
}

/* state.index: Makes the GIN index that state.search is quick with.
 * Result: null. */
static inline keep_op keep_state_index(keep_store *store, int deadline_ms) {
    return keep_submit(store, "state.index", NULL, 0, deadline_ms);
}

/* state.list: The sessions of an agent, most recently saved first; all of them without a
 * limit.
 *   agent_id  text+
 *   limit     int?
 *   offset    int?
 * Result: an array of session_id. */
static inline keep_op keep_state_list(keep_store *store, keep_text agent_id, keep_text limit,
        keep_text offset, int deadline_ms) {
    const keep_text args[] = {agent_id, limit, offset};
    return keep_submit(store, "state.list", args, 3, deadline_ms);
}

/* state.load: The state of a session, or null when it has none.
 *   agent_id    text+
 *   session_id  text+
 * Result: state, or null when there is none. */
static inline keep_op keep_state_load(keep_store *store, keep_text agent_id, keep_text session_id,
        int deadline_ms) {
    const keep_text args[] = {agent_id, session_id};
    return keep_submit(store, "state.load", args, 2, deadline_ms);
}

/* state.save: Stores the state of a session in place of the one it had. `created_at` survives,
 * `updated_at` is now; each row of a batch gets a time of its own, so that newest-first lists
 * keep the order of submission.
 *   agent_id    text+
 *   session_id  text+
 *   state       json
 * Result: null. */
static inline keep_op keep_state_save(keep_store *store, keep_text agent_id, keep_text session_id,
        keep_text state, int deadline_ms) {
    const keep_text args[] = {agent_id, session_id, state};
    return keep_submit(store, "state.save", args, 3, deadline_ms);
}

/* state.search: The sessions whose state contains the given JSON (PostgreSQL's @>), most
 * recently saved first. Quick with the index that state.index makes.
 *   contains  json
 *   limit     int?
 *   offset    int?
 * Result: an array of {agent_id, session_id, updated_at}. */
static inline keep_op keep_state_search(keep_store *store, keep_text contains, keep_text limit,
        keep_text offset, int deadline_ms) {
    const keep_text args[] = {contains, limit, offset};
    return keep_submit(store, "state.search", args, 3, deadline_ms);
}

/* state.setup: Makes the table and its indexes when the table is not there. A table that
 * exists is left as it is, so a role with data rights only may call this. Racing processes
 * wait for each other.
 * Result: null. */
static inline keep_op keep_state_setup(keep_store *store, int deadline_ms) {
    return keep_submit(store, "state.setup", NULL, 0, deadline_ms);
}

#endif
