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
 * candidates the index keeps (100 without it; more finds more of the nearest and takes
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

/* room.add_binding: Binds a channel to a room, or writes the binding anew; the time of its
 * first attachment stays.
 *   room_id     text
 *   channel_id  text
 *   binding     json
 * Result: null. */
static inline keep_op keep_room_add_binding(keep_store *store, keep_text room_id,
        keep_text channel_id, keep_text binding, int deadline_ms) {
    const keep_text args[] = {room_id, channel_id, binding};
    return keep_submit(store, "room.add_binding", args, 3, deadline_ms);
}

/* room.add_event: Stores an event at the index it has; later automatic indexes are greater.
 * Counters of the room stay.
 *   room_id  text
 *   event    json
 * Result: index.
 * Fails: CONFLICT the idempotency key is taken by another event of its source channel. */
static inline keep_op keep_room_add_event(keep_store *store, keep_text room_id, keep_text event,
        int deadline_ms) {
    const keep_text args[] = {room_id, event};
    return keep_submit(store, "room.add_event", args, 2, deadline_ms);
}

/* room.add_event_auto_index: Stores an event at the room's next index and gives that. Indexes
 * of a room begin at 0, have no gap and never come again, also not after deletions; events of
 * one room that wait together get theirs in the order of their submission. Counters of the
 * room stay.
 *   room_id  text
 *   event    json
 * Result: index.
 * Fails: CONFLICT the idempotency key is taken by another event of its source channel. */
static inline keep_op keep_room_add_event_auto_index(keep_store *store, keep_text room_id,
        keep_text event, int deadline_ms) {
    const keep_text args[] = {room_id, event};
    return keep_submit(store, "room.add_event_auto_index", args, 2, deadline_ms);
}

/* room.add_observation: Stores a new observation of a room.
 *   observation_id  text
 *   observation     json
 * Result: null. */
static inline keep_op keep_room_add_observation(keep_store *store, keep_text observation_id,
        keep_text observation, int deadline_ms) {
    const keep_text args[] = {observation_id, observation};
    return keep_submit(store, "room.add_observation", args, 2, deadline_ms);
}

/* room.add_participant: Stores a participant of a room, or writes it anew; the time of joining
 * stays.
 *   room_id         text
 *   participant_id  text
 *   participant     json
 * Result: null. */
static inline keep_op keep_room_add_participant(keep_store *store, keep_text room_id,
        keep_text participant_id, keep_text participant, int deadline_ms) {
    const keep_text args[] = {room_id, participant_id, participant};
    return keep_submit(store, "room.add_participant", args, 3, deadline_ms);
}

/* room.add_participant_narrow: As room.add_participant on tables that room.setup_extras has
 * not extended: the candidates are not stored.
 *   room_id         text
 *   participant_id  text
 *   participant     json
 * Result: null. */
static inline keep_op keep_room_add_participant_narrow(keep_store *store, keep_text room_id,
        keep_text participant_id, keep_text participant, int deadline_ms) {
    const keep_text args[] = {room_id, participant_id, participant};
    return keep_submit(store, "room.add_participant_narrow", args, 3, deadline_ms);
}

/* room.add_task: Stores a new task of a room.
 *   task_id  text
 *   task     json
 * Result: null. */
static inline keep_op keep_room_add_task(keep_store *store, keep_text task_id, keep_text task,
        int deadline_ms) {
    const keep_text args[] = {task_id, task};
    return keep_submit(store, "room.add_task", args, 2, deadline_ms);
}

/* room.advance_delivered_index: Moves the delivered index to `index` from the one before it,
 * with `force` from any lower one. Gives whether it moved.
 *   room_id  text
 *   index    int
 *   force    bool
 * Result: moved. */
static inline keep_op keep_room_advance_delivered_index(keep_store *store, keep_text room_id,
        keep_text index, keep_text force, int deadline_ms) {
    const keep_text args[] = {room_id, index, force};
    return keep_submit(store, "room.advance_delivered_index", args, 3, deadline_ms);
}

/* room.binding_exists: Whether a channel is bound to a room.
 *   room_id     text
 *   channel_id  text
 * Result: found. */
static inline keep_op keep_room_binding_exists(keep_store *store, keep_text room_id,
        keep_text channel_id, int deadline_ms) {
    const keep_text args[] = {room_id, channel_id};
    return keep_submit(store, "room.binding_exists", args, 2, deadline_ms);
}

/* room.check_idempotency: Whether an event of this source channel, or with null of any, has
 * this idempotency key in the room.
 *   room_id          text
 *   idempotency_key  text
 *   channel_id       text?
 * Result: held. */
static inline keep_op keep_room_check_idempotency(keep_store *store, keep_text room_id,
        keep_text idempotency_key, keep_text channel_id, int deadline_ms) {
    const keep_text args[] = {room_id, idempotency_key, channel_id};
    return keep_submit(store, "room.check_idempotency", args, 3, deadline_ms);
}

/* room.claim_voice_delivery: Reserves a delivery and gives the record that stands: the new
 * one, if there was none or the one before failed in a way that may be tried again with the
 * same content; else the one before.
 *   room_id   text
 *   key_hash  text
 *   record    json
 * Result: {room_id, channel_id, session_id, idempotency_key, content_hash, attempt_id,
 * created_at, outcome}.
 * Fails: ABSENT no such room. */
static inline keep_op keep_room_claim_voice_delivery(keep_store *store, keep_text room_id,
        keep_text key_hash, keep_text record, int deadline_ms) {
    const keep_text args[] = {room_id, key_hash, record};
    return keep_submit(store, "room.claim_voice_delivery", args, 3, deadline_ms);
}

/* room.commit_change: Commits an event that changes another one (see room.commit_event) and
 * writes that target anew (room.update_event), or neither; when the event deletes its target,
 * the target's edits are marked deleted. `late`: it does, and an event came into the room
 * while this call waited for its turn; if that was an edit of the target,
 * room.mark_edits_deleted marks it.
 *   room_id   text
 *   event     json
 *   target    json
 *   activity  bool
 * Result: {index, late}.
 * Fails: ABSENT the target is not in the room. */
static inline keep_op keep_room_commit_change(keep_store *store, keep_text room_id,
        keep_text event, keep_text target, keep_text activity, int deadline_ms) {
    const keep_text args[] = {room_id, event, target, activity};
    return keep_submit(store, "room.commit_change", args, 4, deadline_ms);
}

/* room.commit_event: Stores an event at the room's next index and counts it: `event_count` is
 * one more, `latest_index` the index that it gives. With `activity` the room's
 * `timers.last_activity_at` is now, and a paused room is active again.
 *   room_id   text
 *   event     json
 *   activity  bool
 * Result: index.
 * Fails: CONFLICT the idempotency key is taken by another event of its source channel. */
static inline keep_op keep_room_commit_event(keep_store *store, keep_text room_id,
        keep_text event, keep_text activity, int deadline_ms) {
    const keep_text args[] = {room_id, event, activity};
    return keep_submit(store, "room.commit_event", args, 3, deadline_ms);
}

/* room.complete_voice_delivery: Records how an attempt ended, if it is still the one that
 * stands. True also when it was recorded so before.
 *   room_id     text
 *   key_hash    text
 *   attempt_id  text
 *   outcome     json
 * Result: completed. */
static inline keep_op keep_room_complete_voice_delivery(keep_store *store, keep_text room_id,
        keep_text key_hash, keep_text attempt_id, keep_text outcome, int deadline_ms) {
    const keep_text args[] = {room_id, key_hash, attempt_id, outcome};
    return keep_submit(store, "room.complete_voice_delivery", args, 4, deadline_ms);
}

/* room.count_duplicate_indices: How many events too many share an index of their room, and in
 * how many rooms. Reads all events.
 * Result: {duplicate_rows, affected_rooms}. */
static inline keep_op keep_room_count_duplicate_indices(keep_store *store, int deadline_ms) {
    return keep_submit(store, "room.count_duplicate_indices", NULL, 0, deadline_ms);
}

/* room.count_events: How many events a room has: all of them, or those that room.find_events
 * gives in all pages. Reads every one of them.
 *   room_id  text
 *   filter   json?
 * Result: count. */
static inline keep_op keep_room_count_events(keep_store *store, keep_text room_id,
        keep_text filter, int deadline_ms) {
    const keep_text args[] = {room_id, filter};
    return keep_submit(store, "room.count_events", args, 2, deadline_ms);
}

/* room.count_unread: As room.get_unread_count, but as quick in a room of a million events as
 * in one of a thousand: the cost grows only with the deletions that lie behind the mark.
 *   room_id     text
 *   channel_id  text
 * Result: count. */
static inline keep_op keep_room_count_unread(keep_store *store, keep_text room_id,
        keep_text channel_id, int deadline_ms) {
    const keep_text args[] = {room_id, channel_id};
    return keep_submit(store, "room.count_unread", args, 2, deadline_ms);
}

/* room.create: Stores a new room. Its `delivered_index` begins at -1.
 *   room_id  text
 *   room     json
 * Result: room_id.
 * Fails: CONFLICT a room of that id exists. */
static inline keep_op keep_room_create(keep_store *store, keep_text room_id, keep_text room,
        int deadline_ms) {
    const keep_text args[] = {room_id, room};
    return keep_submit(store, "room.create", args, 2, deadline_ms);
}

/* room.create_identity: Stores a new identity with its addresses. Gives null, or the channel
 * type of an address that another identity of its organization has: then nothing was stored.
 * An address that another identity gets while this call runs is the server's violation of the
 * addresses' primary key: nothing was stored either, and a second call gives its channel type.
 *   identity_id  text
 *   identity     json
 * Result: linked. */
static inline keep_op keep_room_create_identity(keep_store *store, keep_text identity_id,
        keep_text identity, int deadline_ms) {
    const keep_text args[] = {identity_id, identity};
    return keep_submit(store, "room.create_identity", args, 2, deadline_ms);
}

/* room.create_identity_narrow: As room.create_identity on tables that room.setup_extras has
 * not extended: the phone and the external ids are not stored.
 *   identity_id  text
 *   identity     json
 * Result: linked. */
static inline keep_op keep_room_create_identity_narrow(keep_store *store, keep_text identity_id,
        keep_text identity, int deadline_ms) {
    const keep_text args[] = {identity_id, identity};
    return keep_submit(store, "room.create_identity_narrow", args, 2, deadline_ms);
}

/* room.create_verification_request: Stores a new request for verification.
 *   request_id  text
 *   request     json
 * Result: null. */
static inline keep_op keep_room_create_verification_request(keep_store *store,
        keep_text request_id, keep_text request, int deadline_ms) {
    const keep_text args[] = {request_id, request};
    return keep_submit(store, "room.create_verification_request", args, 2, deadline_ms);
}

/* room.dedupe_event_indices: Numbers the events anew in every room where two have one index:
 * from 0 without a gap, in the order of index, time and id, with the rooms' counters after
 * them. Then no two events of a room can have one index. Read marks may be off after it.
 * Result: null. */
static inline keep_op keep_room_dedupe_event_indices(keep_store *store, int deadline_ms) {
    return keep_submit(store, "room.dedupe_event_indices", NULL, 0, deadline_ms);
}

/* room.delete: Deletes a room with all that is in it; identities and verifications stay. Gives
 * whether there was one.
 *   room_id  text
 * Result: deleted. */
static inline keep_op keep_room_delete(keep_store *store, keep_text room_id, int deadline_ms) {
    const keep_text args[] = {room_id};
    return keep_submit(store, "room.delete", args, 1, deadline_ms);
}

/* room.delete_event: Deletes an event, with `cascade_replies` its replies too, and the edits
 * and deletes of what it deletes. Gives them: the event, its replies, then the changes, each
 * kind by index; an empty list when the room has no such event. Events that came into the room
 * while this call waited for its turn stay; then `late` is true for the event and its replies,
 * and room.delete_orphans, called with their ids, deletes what of the newcomers belongs to
 * them.
 *   room_id          text
 *   event_id         text
 *   cascade_replies  bool
 * Result: an array of {id, room_id, type, source.channel_id, source.channel_type,
 * source.direction, source.participant_id, source.external_id, source.provider,
 * source.raw_payload, source.provider_message_id, source.verification, content, status,
 * blocked_by, visibility, addressed_to, response_visibility, index, chain_depth,
 * parent_event_id, responds_to, correlation_id, idempotency_key, created_at, metadata,
 * channel_data, delivery_results, late}. */
static inline keep_op keep_room_delete_event(keep_store *store, keep_text room_id,
        keep_text event_id, keep_text cascade_replies, int deadline_ms) {
    const keep_text args[] = {room_id, event_id, cascade_replies};
    return keep_submit(store, "room.delete_event", args, 3, deadline_ms);
}

/* room.delete_orphans: Deletes what came while room.delete_event waited, by the ids of the
 * event and its replies in that order: with `cascade_replies` the replies to the first, and
 * the edits and deletes of any of them and of those replies. Gives the replies, then the
 * changes, each kind by index.
 *   room_id          text
 *   event_ids        text[]
 *   cascade_replies  bool
 * Result: an array of {id, room_id, type, source.channel_id, source.channel_type,
 * source.direction, source.participant_id, source.external_id, source.provider,
 * source.raw_payload, source.provider_message_id, source.verification, content, status,
 * blocked_by, visibility, addressed_to, response_visibility, index, chain_depth,
 * parent_event_id, responds_to, correlation_id, idempotency_key, created_at, metadata,
 * channel_data, delivery_results}. */
static inline keep_op keep_room_delete_orphans(keep_store *store, keep_text room_id,
        keep_text event_ids, keep_text cascade_replies, int deadline_ms) {
    const keep_text args[] = {room_id, event_ids, cascade_replies};
    return keep_submit(store, "room.delete_orphans", args, 3, deadline_ms);
}

/* room.drop_legacy_parent_index: Drops the index of replies that RoomKit made before 0.30,
 * which another one replaces, if it is there.
 * Result: null. */
static inline keep_op keep_room_drop_legacy_parent_index(keep_store *store, int deadline_ms) {
    return keep_submit(store, "room.drop_legacy_parent_index", NULL, 0, deadline_ms);
}

/* room.exists: Whether there is a room of that id.
 *   room_id  text
 * Result: found. */
static inline keep_op keep_room_exists(keep_store *store, keep_text room_id, int deadline_ms) {
    const keep_text args[] = {room_id};
    return keep_submit(store, "room.exists", args, 1, deadline_ms);
}

/* room.find: A page of the rooms of an organization, of a status, with this metadata contained
 * in theirs, oldest first; null narrows nothing. Quick with the indexes that room.setup_extras
 * makes.
 *   organization_id  text?
 *   status           text?
 *   metadata         json?
 *   limit            int?
 *   offset           int?
 * Result: an array of {id, organization_id, status, created_at, updated_at, paused_at,
 * closed_at, timers, agent_response_policy, metadata, event_count, latest_index,
 * delivered_index}. */
static inline keep_op keep_room_find(keep_store *store, keep_text organization_id,
        keep_text status, keep_text metadata, keep_text limit, keep_text offset,
        int deadline_ms) {
    const keep_text args[] = {organization_id, status, metadata, limit, offset};
    return keep_submit(store, "room.find", args, 5, deadline_ms);
}

/* room.find_events: As room.list_events, but only events that fit a filter: RoomKit's
 * EventFilter as JSON, whose missing or null fields narrow nothing. Blocked events come with
 * `include_blocked`.
 *   room_id       text
 *   filter        json
 *   limit         int?
 *   offset        int?
 *   after_index   int?
 *   before_index  int?
 *   newest_first  bool?
 * Result: an array of {id, room_id, type, source.channel_id, source.channel_type,
 * source.direction, source.participant_id, source.external_id, source.provider,
 * source.raw_payload, source.provider_message_id, source.verification, content, status,
 * blocked_by, visibility, addressed_to, response_visibility, index, chain_depth,
 * parent_event_id, responds_to, correlation_id, idempotency_key, created_at, metadata,
 * channel_data, delivery_results}. */
static inline keep_op keep_room_find_events(keep_store *store, keep_text room_id,
        keep_text filter, keep_text limit, keep_text offset, keep_text after_index,
        keep_text before_index, keep_text newest_first, int deadline_ms) {
    const keep_text args[] = {room_id, filter, limit, offset, after_index, before_index, newest_first};
    return keep_submit(store, "room.find_events", args, 7, deadline_ms);
}

/* room.find_id_by_binding: The newest room where this channel's binding names the participant
 * or the identity; or, with `recipient_key`, names nobody, is no group's, and has the
 * participant under that key in its metadata, as a string or an integer.
 *   channel_id       text
 *   participant_id   text
 *   identity_id      text?
 *   statuses         text[]?
 *   organization_id  text?
 *   recipient_key    text?
 * Result: room_id, or null when there is none. */
static inline keep_op keep_room_find_id_by_binding(keep_store *store, keep_text channel_id,
        keep_text participant_id, keep_text identity_id, keep_text statuses,
        keep_text organization_id, keep_text recipient_key, int deadline_ms) {
    const keep_text args[] = {channel_id, participant_id, identity_id, statuses, organization_id, recipient_key};
    return keep_submit(store, "room.find_id_by_binding", args, 6, deadline_ms);
}

/* room.find_id_by_participant: The newest room with a participant who has one of these names,
 * as id or as identity, and is reached through the channel.
 *   channel_id       text
 *   participant_id   text
 *   identity_id      text?
 *   statuses         text[]?
 *   organization_id  text?
 * Result: room_id, or null when there is none. */
static inline keep_op keep_room_find_id_by_participant(keep_store *store, keep_text channel_id,
        keep_text participant_id, keep_text identity_id, keep_text statuses,
        keep_text organization_id, int deadline_ms) {
    const keep_text args[] = {channel_id, participant_id, identity_id, statuses, organization_id};
    return keep_submit(store, "room.find_id_by_participant", args, 5, deadline_ms);
}

/* room.find_ids_by_channel: The rooms that a channel is bound to, oldest first, if need be
 * only those of these statuses, of an organization, or whose binding is (or is not) a group's.
 *   channel_id       text
 *   statuses         text[]?
 *   organization_id  text?
 *   is_group         bool?
 *   limit            int?
 * Result: an array of room_id. */
static inline keep_op keep_room_find_ids_by_channel(keep_store *store, keep_text channel_id,
        keep_text statuses, keep_text organization_id, keep_text is_group, keep_text limit,
        int deadline_ms) {
    const keep_text args[] = {channel_id, statuses, organization_id, is_group, limit};
    return keep_submit(store, "room.find_ids_by_channel", args, 5, deadline_ms);
}

/* room.find_latest: The newest room that has this participant, or a binding of this
 * participant (of that type of channel); null when there is none. Quick with the index that
 * room.setup_extras makes.
 *   participant_id  text
 *   channel_type    text?
 *   status          text?
 * Result: {id, organization_id, status, created_at, updated_at, paused_at, closed_at, timers,
 * agent_response_policy, metadata, event_count, latest_index, delivered_index}, or null when
 * there is none. */
static inline keep_op keep_room_find_latest(keep_store *store, keep_text participant_id,
        keep_text channel_type, keep_text status, int deadline_ms) {
    const keep_text args[] = {participant_id, channel_type, status};
    return keep_submit(store, "room.find_latest", args, 3, deadline_ms);
}

/* room.get: The room of that id, or null.
 *   room_id  text
 * Result: {id, organization_id, status, created_at, updated_at, paused_at, closed_at, timers,
 * agent_response_policy, metadata, event_count, latest_index, delivered_index}, or null when
 * there is none. */
static inline keep_op keep_room_get(keep_store *store, keep_text room_id, int deadline_ms) {
    const keep_text args[] = {room_id};
    return keep_submit(store, "room.get", args, 1, deadline_ms);
}

/* room.get_binding: The binding of a channel to a room, or null.
 *   room_id     text
 *   channel_id  text
 * Result: {channel_id, room_id, channel_type, category, direction, access, muted,
 * output_muted, visibility, participant_id, group, last_read_index, attached_at, capabilities,
 * rate_limit, retry_policy, metadata}, or null when there is none. */
static inline keep_op keep_room_get_binding(keep_store *store, keep_text room_id,
        keep_text channel_id, int deadline_ms) {
    const keep_text args[] = {room_id, channel_id};
    return keep_submit(store, "room.get_binding", args, 2, deadline_ms);
}

/* room.get_delivered_index: The highest index that was delivered in a room: -1 for none, and
 * for a room that is not there.
 *   room_id  text
 * Result: delivered_index. */
static inline keep_op keep_room_get_delivered_index(keep_store *store, keep_text room_id,
        int deadline_ms) {
    const keep_text args[] = {room_id};
    return keep_submit(store, "room.get_delivered_index", args, 1, deadline_ms);
}

/* room.get_event: The event of that id, of whatever room and status.
 *   event_id  text
 * Result: {id, room_id, type, source.channel_id, source.channel_type, source.direction,
 * source.participant_id, source.external_id, source.provider, source.raw_payload,
 * source.provider_message_id, source.verification, content, status, blocked_by, visibility,
 * addressed_to, response_visibility, index, chain_depth, parent_event_id, responds_to,
 * correlation_id, idempotency_key, created_at, metadata, channel_data, delivery_results}, or
 * null when there is none. */
static inline keep_op keep_room_get_event(keep_store *store, keep_text event_id,
        int deadline_ms) {
    const keep_text args[] = {event_id};
    return keep_submit(store, "room.get_event", args, 1, deadline_ms);
}

/* room.get_event_by_idempotency_key: The event with this idempotency key in the room, of this
 * source channel or with null the first one of any; else null.
 *   room_id          text
 *   idempotency_key  text
 *   channel_id       text?
 * Result: {id, room_id, type, source.channel_id, source.channel_type, source.direction,
 * source.participant_id, source.external_id, source.provider, source.raw_payload,
 * source.provider_message_id, source.verification, content, status, blocked_by, visibility,
 * addressed_to, response_visibility, index, chain_depth, parent_event_id, responds_to,
 * correlation_id, idempotency_key, created_at, metadata, channel_data, delivery_results}, or
 * null when there is none. */
static inline keep_op keep_room_get_event_by_idempotency_key(keep_store *store, keep_text room_id,
        keep_text idempotency_key, keep_text channel_id, int deadline_ms) {
    const keep_text args[] = {room_id, idempotency_key, channel_id};
    return keep_submit(store, "room.get_event_by_idempotency_key", args, 3, deadline_ms);
}

/* room.get_identity: The identity of that id, or null.
 *   identity_id  text
 * Result: {id, organization_id, display_name, email, phone, channel_addresses, external_id,
 * external_ids, metadata}, or null when there is none. */
static inline keep_op keep_room_get_identity(keep_store *store, keep_text identity_id,
        int deadline_ms) {
    const keep_text args[] = {identity_id};
    return keep_submit(store, "room.get_identity", args, 1, deadline_ms);
}

/* room.get_participant: The participant of a room, or null.
 *   room_id         text
 *   participant_id  text
 * Result: {id, room_id, channel_id, display_name, role, status, identification, identity_id,
 * candidates, connected_via, external_id, resolved_at, resolved_by, joined_at, metadata}, or
 * null when there is none. */
static inline keep_op keep_room_get_participant(keep_store *store, keep_text room_id,
        keep_text participant_id, int deadline_ms) {
    const keep_text args[] = {room_id, participant_id};
    return keep_submit(store, "room.get_participant", args, 2, deadline_ms);
}

/* room.get_private_state: What the runtime keeps for itself in a room under this name, or
 * null.
 *   room_id  text
 *   name     text
 * Result: value, or null when there is none. */
static inline keep_op keep_room_get_private_state(keep_store *store, keep_text room_id,
        keep_text name, int deadline_ms) {
    const keep_text args[] = {room_id, name};
    return keep_submit(store, "room.get_private_state", args, 2, deadline_ms);
}

/* room.get_task: The task of that id, or null.
 *   task_id  text
 * Result: {id, room_id, title, description, assigned_to, status, created_at, metadata}, or
 * null when there is none. */
static inline keep_op keep_room_get_task(keep_store *store, keep_text task_id, int deadline_ms) {
    const keep_text args[] = {task_id};
    return keep_submit(store, "room.get_task", args, 1, deadline_ms);
}

/* room.get_thread_summaries: Of each of these events that has replies which are not blocked:
 * how many, and when the last one was made.
 *   room_id         text
 *   root_event_ids  text[]
 * Result: an array of {root_event_id, reply_count, last_reply_at}. */
static inline keep_op keep_room_get_thread_summaries(keep_store *store, keep_text room_id,
        keep_text root_event_ids, int deadline_ms) {
    const keep_text args[] = {room_id, root_event_ids};
    return keep_submit(store, "room.get_thread_summaries", args, 2, deadline_ms);
}

/* room.get_unread_count: How many events of a room lie behind the mark of a channel; all of
 * them when it has none. In order of their indexes, lest an index without them serve while the
 * table is small, and after.
 *   room_id     text
 *   channel_id  text
 * Result: count. */
static inline keep_op keep_room_get_unread_count(keep_store *store, keep_text room_id,
        keep_text channel_id, int deadline_ms) {
    const keep_text args[] = {room_id, channel_id};
    return keep_submit(store, "room.get_unread_count", args, 2, deadline_ms);
}

/* room.get_verification: The verification of an identity in an organization, or with null in
 * none; null when there is none.
 *   identity_id      text
 *   organization_id  text?
 * Result: data, or null when there is none. */
static inline keep_op keep_room_get_verification(keep_store *store, keep_text identity_id,
        keep_text organization_id, int deadline_ms) {
    const keep_text args[] = {identity_id, organization_id};
    return keep_submit(store, "room.get_verification", args, 2, deadline_ms);
}

/* room.get_verification_request: The request for verification of that id, or null.
 *   request_id  text
 * Result: data, or null when there is none. */
static inline keep_op keep_room_get_verification_request(keep_store *store, keep_text request_id,
        int deadline_ms) {
    const keep_text args[] = {request_id};
    return keep_submit(store, "room.get_verification_request", args, 1, deadline_ms);
}

/* room.get_voice_delivery: The delivery that a room keeps under this hash, or null.
 *   room_id   text
 *   key_hash  text
 * Result: {room_id, channel_id, session_id, idempotency_key, content_hash, attempt_id,
 * created_at, outcome}, or null when there is none. */
static inline keep_op keep_room_get_voice_delivery(keep_store *store, keep_text room_id,
        keep_text key_hash, int deadline_ms) {
    const keep_text args[] = {room_id, key_hash};
    return keep_submit(store, "room.get_voice_delivery", args, 2, deadline_ms);
}

/* room.link_address: Gives an identity of the organization an address. False when another
 * identity has it: then nothing changed.
 *   identity_id      text
 *   channel_type     text
 *   address          text
 *   organization_id  text?
 * Result: linked.
 * Fails: ABSENT the organization has no such identity. */
static inline keep_op keep_room_link_address(keep_store *store, keep_text identity_id,
        keep_text channel_type, keep_text address, keep_text organization_id, int deadline_ms) {
    const keep_text args[] = {identity_id, channel_type, address, organization_id};
    return keep_submit(store, "room.link_address", args, 4, deadline_ms);
}

/* room.list: A page of all rooms, oldest first. Without the index that room.setup_extras
 * makes, every page sorts the whole table.
 *   limit   int?
 *   offset  int?
 * Result: an array of {id, organization_id, status, created_at, updated_at, paused_at,
 * closed_at, timers, agent_response_policy, metadata, event_count, latest_index,
 * delivered_index}. */
static inline keep_op keep_room_list(keep_store *store, keep_text limit, keep_text offset,
        int deadline_ms) {
    const keep_text args[] = {limit, offset};
    return keep_submit(store, "room.list", args, 2, deadline_ms);
}

/* room.list_bindings: The bindings of a room in the order of their attachment.
 *   room_id  text
 * Result: an array of {channel_id, room_id, channel_type, category, direction, access, muted,
 * output_muted, visibility, participant_id, group, last_read_index, attached_at, capabilities,
 * rate_limit, retry_policy, metadata}. */
static inline keep_op keep_room_list_bindings(keep_store *store, keep_text room_id,
        int deadline_ms) {
    const keep_text args[] = {room_id};
    return keep_submit(store, "room.list_bindings", args, 1, deadline_ms);
}

/* room.list_events: A page of a room's events but for blocked ones, by index, whatever the end
 * it is cut from: the first ones after `after_index`, the last ones before `before_index`,
 * else from the first or with `newest_first` from the last one. `offset` counts from there and
 * is for pages without either index.
 *   room_id       text
 *   limit         int?
 *   offset        int?
 *   after_index   int?
 *   before_index  int?
 *   newest_first  bool?
 * Result: an array of {id, room_id, type, source.channel_id, source.channel_type,
 * source.direction, source.participant_id, source.external_id, source.provider,
 * source.raw_payload, source.provider_message_id, source.verification, content, status,
 * blocked_by, visibility, addressed_to, response_visibility, index, chain_depth,
 * parent_event_id, responds_to, correlation_id, idempotency_key, created_at, metadata,
 * channel_data, delivery_results}. */
static inline keep_op keep_room_list_events(keep_store *store, keep_text room_id, keep_text limit,
        keep_text offset, keep_text after_index, keep_text before_index, keep_text newest_first,
        int deadline_ms) {
    const keep_text args[] = {room_id, limit, offset, after_index, before_index, newest_first};
    return keep_submit(store, "room.list_events", args, 6, deadline_ms);
}

/* room.list_observations: The observations of a room, oldest first. A confidence has the seven
 * digits of the column's type.
 *   room_id  text
 * Result: an array of {id, room_id, channel_id, content, category, confidence, created_at,
 * metadata}. */
static inline keep_op keep_room_list_observations(keep_store *store, keep_text room_id,
        int deadline_ms) {
    const keep_text args[] = {room_id};
    return keep_submit(store, "room.list_observations", args, 1, deadline_ms);
}

/* room.list_participants: The participants of a room in the order of their joining.
 *   room_id  text
 * Result: an array of {id, room_id, channel_id, display_name, role, status, identification,
 * identity_id, candidates, connected_via, external_id, resolved_at, resolved_by, joined_at,
 * metadata}. */
static inline keep_op keep_room_list_participants(keep_store *store, keep_text room_id,
        int deadline_ms) {
    const keep_text args[] = {room_id};
    return keep_submit(store, "room.list_participants", args, 1, deadline_ms);
}

/* room.list_read_markers: How far each channel that has a mark has read a room.
 *   room_id  text
 * Result: an array of {channel_id, event_index}. */
static inline keep_op keep_room_list_read_markers(keep_store *store, keep_text room_id,
        int deadline_ms) {
    const keep_text args[] = {room_id};
    return keep_submit(store, "room.list_read_markers", args, 1, deadline_ms);
}

/* room.list_tasks: The tasks of a room, oldest first, if need be only those of a status.
 *   room_id  text
 *   status   text?
 * Result: an array of {id, room_id, title, description, assigned_to, status, created_at,
 * metadata}. */
static inline keep_op keep_room_list_tasks(keep_store *store, keep_text room_id, keep_text status,
        int deadline_ms) {
    const keep_text args[] = {room_id, status};
    return keep_submit(store, "room.list_tasks", args, 2, deadline_ms);
}

/* room.list_verifications_in_force: The verifications of all organizations that are verified
 * and will expire.
 * Result: an array of data. */
static inline keep_op keep_room_list_verifications_in_force(keep_store *store, int deadline_ms) {
    return keep_submit(store, "room.list_verifications_in_force", NULL, 0, deadline_ms);
}

/* room.load_context: A room with its bindings (see room.list_bindings) and its participants
 * (room.list_participants), of one snapshot; null when it is not there.
 *   room_id  text
 * Result: {room, bindings, participants}, or null when there is none. */
static inline keep_op keep_room_load_context(keep_store *store, keep_text room_id,
        int deadline_ms) {
    const keep_text args[] = {room_id};
    return keep_submit(store, "room.load_context", args, 1, deadline_ms);
}

/* room.mark_all_read: Says that a channel has read a room up to its last event. An empty room
 * gets no mark.
 *   room_id     text
 *   channel_id  text
 * Result: null. */
static inline keep_op keep_room_mark_all_read(keep_store *store, keep_text room_id,
        keep_text channel_id, int deadline_ms) {
    const keep_text args[] = {room_id, channel_id};
    return keep_submit(store, "room.mark_all_read", args, 2, deadline_ms);
}

/* room.mark_edits_deleted: Marks the edits of an event deleted, as room.commit_change does.
 *   room_id   text
 *   event_id  text
 * Result: null. */
static inline keep_op keep_room_mark_edits_deleted(keep_store *store, keep_text room_id,
        keep_text event_id, int deadline_ms) {
    const keep_text args[] = {room_id, event_id};
    return keep_submit(store, "room.mark_edits_deleted", args, 2, deadline_ms);
}

/* room.mark_read: Says that a channel has read a room up to this event. A mark never moves
 * back; an event of another room marks nothing.
 *   room_id     text
 *   channel_id  text
 *   event_id    text
 * Result: null. */
static inline keep_op keep_room_mark_read(keep_store *store, keep_text room_id,
        keep_text channel_id, keep_text event_id, int deadline_ms) {
    const keep_text args[] = {room_id, channel_id, event_id};
    return keep_submit(store, "room.mark_read", args, 3, deadline_ms);
}

/* room.migrate_drop: Deletes the old tables that a finished conversion set aside, with what
 * they hold. There is no way back.
 * Result: null. */
static inline keep_op keep_room_migrate_drop(keep_store *store, int deadline_ms) {
    return keep_submit(store, "room.migrate_drop", NULL, 0, deadline_ms);
}

/* room.migrate_finish: Ends a conversion whose rows are all copied: today's tables may be
 * used. The old ones stay, until room.migrate_drop.
 * Result: null. */
static inline keep_op keep_room_migrate_finish(keep_store *store, int deadline_ms) {
    return keep_submit(store, "room.migrate_finish", NULL, 0, deadline_ms);
}

/* room.migrate_start: Sets the tables of RoomKit before 0.7 aside, under names that end in
 * _v1. Then call room.setup, room.setup_extras and room.migrate_step. Stop the application
 * first: until the conversion is finished, today's tables hold a part of the rows. Does
 * nothing where there are no such tables.
 * Result: null. */
static inline keep_op keep_room_migrate_start(keep_store *store, int deadline_ms) {
    return keep_submit(store, "room.migrate_start", NULL, 0, deadline_ms);
}

/* room.migrate_step: Copies the next 2,000 rows, in one transaction; room.migration tells how
 * far it is. Does nothing when all are copied. Where two events of a room had one index, its
 * events are numbered anew from 0, in the order of index, time and id.
 * Result: null. */
static inline keep_op keep_room_migrate_step(keep_store *store, int deadline_ms) {
    return keep_submit(store, "room.migrate_step", NULL, 0, deadline_ms);
}

/* room.migration: How far a conversion is: `done` of `total` old rows are copied; `phase` is
 * what is being copied, null when no conversion was begun; `renumbered` rooms got new indexes,
 * `lost_markers` marked events that are gone.
 * Result: {phase, done, total, finished, renumbered, lost_markers}. */
static inline keep_op keep_room_migration(keep_store *store, int deadline_ms) {
    return keep_submit(store, "room.migration", NULL, 0, deadline_ms);
}

/* room.migration_report: What room.migrate_start and room.migrate_step would do with tables of
 * RoomKit before 0.7: `rows` of each table, `rooms_to_renumber` (two of their events have one
 * index), `lost_markers` (of events that are gone: they cannot be kept), and `unknown` keys of
 * the documents, which have no column (they stay in the old tables). Null on other tables.
 * Reads every row.
 * Result: report. */
static inline keep_op keep_room_migration_report(keep_store *store, int deadline_ms) {
    return keep_submit(store, "room.migration_report", NULL, 0, deadline_ms);
}

/* room.patch_metadata: Removes the keys in `unset` from a room's metadata, then sets those of
 * `patch`, an object; all others stay. Gives the room, or null when it is not there.
 *   room_id  text
 *   patch    json
 *   unset    text[]?
 * Result: {id, organization_id, status, created_at, updated_at, paused_at, closed_at, timers,
 * agent_response_policy, metadata, event_count, latest_index, delivered_index}, or null when
 * there is none. */
static inline keep_op keep_room_patch_metadata(keep_store *store, keep_text room_id,
        keep_text patch, keep_text unset, int deadline_ms) {
    const keep_text args[] = {room_id, patch, unset};
    return keep_submit(store, "room.patch_metadata", args, 3, deadline_ms);
}

/* room.put_verification: Stores the verification of an identity in its organization, in place
 * of the one before.
 *   identity_id   text
 *   verification  json
 * Result: null. */
static inline keep_op keep_room_put_verification(keep_store *store, keep_text identity_id,
        keep_text verification, int deadline_ms) {
    const keep_text args[] = {identity_id, verification};
    return keep_submit(store, "room.put_verification", args, 2, deadline_ms);
}

/* room.record_delivery_results: Writes an event's delivery results and nothing else. No error
 * when the room has no such event.
 *   room_id   text
 *   event_id  text
 *   results   json
 * Result: null. */
static inline keep_op keep_room_record_delivery_results(keep_store *store, keep_text room_id,
        keep_text event_id, keep_text results, int deadline_ms) {
    const keep_text args[] = {room_id, event_id, results};
    return keep_submit(store, "room.record_delivery_results", args, 3, deadline_ms);
}

/* room.remove_binding: Unbinds a channel. Gives whether it was bound.
 *   room_id     text
 *   channel_id  text
 * Result: removed. */
static inline keep_op keep_room_remove_binding(keep_store *store, keep_text room_id,
        keep_text channel_id, int deadline_ms) {
    const keep_text args[] = {room_id, channel_id};
    return keep_submit(store, "room.remove_binding", args, 2, deadline_ms);
}

/* room.resolve_identity: The identity that has this address in the organization, or with null
 * in none; else null.
 *   channel_type     text
 *   address          text
 *   organization_id  text?
 * Result: {id, organization_id, display_name, email, phone, channel_addresses, external_id,
 * external_ids, metadata}, or null when there is none. */
static inline keep_op keep_room_resolve_identity(keep_store *store, keep_text channel_type,
        keep_text address, keep_text organization_id, int deadline_ms) {
    const keep_text args[] = {channel_type, address, organization_id};
    return keep_submit(store, "room.resolve_identity", args, 3, deadline_ms);
}

/* room.schema: What is there, without changing it. `layout`: 0 no rooms, 1 RoomKit's before
 * 0.7 or not yet converted, 2 today's; `empty`: there never was a room; `unique_index`: no two
 * events of a room can have one index; `extended`: room.setup_extras has run;
 * `legacy_parent_index`: room.drop_legacy_parent_index has something to drop.
 * Result: {layout, empty, unique_index, extended, legacy_parent_index}. */
static inline keep_op keep_room_schema(keep_store *store, int deadline_ms) {
    return keep_submit(store, "room.schema", NULL, 0, deadline_ms);
}

/* room.set_private_state: Keeps a document in a room apart from its metadata, which loses what
 * it has under that name; null removes it. No error when the room is not there, or is being
 * deleted.
 *   room_id  text
 *   name     text
 *   value    json?
 * Result: null. */
static inline keep_op keep_room_set_private_state(keep_store *store, keep_text room_id,
        keep_text name, keep_text value, int deadline_ms) {
    const keep_text args[] = {room_id, name, value};
    return keep_submit(store, "room.set_private_state", args, 3, deadline_ms);
}

/* room.setup: Makes the tables and indexes that are not there, and brings older relational
 * ones up to date. What is current is left as it is and waited for by nobody, so a role with
 * data rights only may call this. Processes that race, RoomKit's own among them, wait for each
 * other. INVALID on tables of RoomKit before 0.7 (see room.migration_report), on a newer
 * schema and on tables of somebody else.
 * Result: null. */
static inline keep_op keep_room_setup(keep_store *store, int deadline_ms) {
    return keep_submit(store, "room.setup", NULL, 0, deadline_ms);
}

/* room.setup_extras: Adds columns for what RoomKit loses (an identity's phone and external
 * ids, a participant's candidates) and indexes that keep routing, pages of rooms and deletions
 * from growing with the tables, and keeps tallies for room.count_unread, by triggers. Adds
 * only what is missing, and locks the tables' writers out while it does: on large tables
 * choose the hour.
 * Result: null. */
static inline keep_op keep_room_setup_extras(keep_store *store, int deadline_ms) {
    return keep_submit(store, "room.setup_extras", NULL, 0, deadline_ms);
}

/* room.unlink_address: Takes an address from an identity of the organization, if it has it.
 *   identity_id      text
 *   channel_type     text
 *   address          text
 *   organization_id  text?
 * Result: identity_id.
 * Fails: ABSENT the organization has no such identity. */
static inline keep_op keep_room_unlink_address(keep_store *store, keep_text identity_id,
        keep_text channel_type, keep_text address, keep_text organization_id, int deadline_ms) {
    const keep_text args[] = {identity_id, channel_type, address, organization_id};
    return keep_submit(store, "room.unlink_address", args, 4, deadline_ms);
}

/* room.update: Writes a room anew, but for its time of creation and its counters, whose stored
 * values it gives. Times are as given.
 *   room_id  text
 *   room     json
 * Result: {delivered_index, event_count, latest_index}.
 * Fails: ABSENT no such room. */
static inline keep_op keep_room_update(keep_store *store, keep_text room_id, keep_text room,
        int deadline_ms) {
    const keep_text args[] = {room_id, room};
    return keep_submit(store, "room.update", args, 2, deadline_ms);
}

/* room.update_binding: Writes a binding anew, but for its time of attachment. No error when it
 * is not there.
 *   room_id     text
 *   channel_id  text
 *   binding     json
 * Result: null. */
static inline keep_op keep_room_update_binding(keep_store *store, keep_text room_id,
        keep_text channel_id, keep_text binding, int deadline_ms) {
    const keep_text args[] = {room_id, channel_id, binding};
    return keep_submit(store, "room.update_binding", args, 3, deadline_ms);
}

/* room.update_event: Writes an event's content, status, visibility, metadata, idempotency key,
 * blocked_by and source (but for its direction) anew; all else stays as it was stored. No
 * error when there is no such event.
 *   event_id  text
 *   event     json
 * Result: null. */
static inline keep_op keep_room_update_event(keep_store *store, keep_text event_id,
        keep_text event, int deadline_ms) {
    const keep_text args[] = {event_id, event};
    return keep_submit(store, "room.update_event", args, 2, deadline_ms);
}

/* room.update_if: As room.update, if the stored room still has this status, `paused_at` and
 * `timers.last_activity_at`.
 *   room_id           text
 *   room              json
 *   status            text
 *   paused_at         time?
 *   last_activity_at  time?
 * Result: {delivered_index, event_count, latest_index}.
 * Fails: CONFLICT the room has moved on, or is not there. */
static inline keep_op keep_room_update_if(keep_store *store, keep_text room_id, keep_text room,
        keep_text status, keep_text paused_at, keep_text last_activity_at, int deadline_ms) {
    const keep_text args[] = {room_id, room, status, paused_at, last_activity_at};
    return keep_submit(store, "room.update_if", args, 5, deadline_ms);
}

/* room.update_participant: Writes a participant anew, but for the time of joining. No error
 * when it is not there.
 *   room_id         text
 *   participant_id  text
 *   participant     json
 * Result: null. */
static inline keep_op keep_room_update_participant(keep_store *store, keep_text room_id,
        keep_text participant_id, keep_text participant, int deadline_ms) {
    const keep_text args[] = {room_id, participant_id, participant};
    return keep_submit(store, "room.update_participant", args, 3, deadline_ms);
}

/* room.update_participant_narrow: As room.update_participant on tables that room.setup_extras
 * has not extended: the candidates are not stored.
 *   room_id         text
 *   participant_id  text
 *   participant     json
 * Result: null. */
static inline keep_op keep_room_update_participant_narrow(keep_store *store, keep_text room_id,
        keep_text participant_id, keep_text participant, int deadline_ms) {
    const keep_text args[] = {room_id, participant_id, participant};
    return keep_submit(store, "room.update_participant_narrow", args, 3, deadline_ms);
}

/* room.update_task: Writes a task's title, description, assignment, status and metadata anew.
 * No error when it is not there.
 *   task_id  text
 *   task     json
 * Result: null. */
static inline keep_op keep_room_update_task(keep_store *store, keep_text task_id, keep_text task,
        int deadline_ms) {
    const keep_text args[] = {task_id, task};
    return keep_submit(store, "room.update_task", args, 2, deadline_ms);
}

/* room.update_verification_request: Writes a request anew. No error when it is not there.
 *   request_id  text
 *   request     json
 * Result: null. */
static inline keep_op keep_room_update_verification_request(keep_store *store,
        keep_text request_id, keep_text request, int deadline_ms) {
    const keep_text args[] = {request_id, request};
    return keep_submit(store, "room.update_verification_request", args, 2, deadline_ms);
}

/* room.write_change_target: Writes an event of the room anew as room.update_event does; if its
 * metadata says `"deleted": true`, its edits are marked the same, but for one that came into
 * the room while this call waited for its turn: room.mark_edits_deleted marks that.
 *   room_id  text
 *   target   json
 * Result: event_id.
 * Fails: ABSENT the event is not in the room. */
static inline keep_op keep_room_write_change_target(keep_store *store, keep_text room_id,
        keep_text target, int deadline_ms) {
    const keep_text args[] = {room_id, target};
    return keep_submit(store, "room.write_change_target", args, 2, deadline_ms);
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

/* schedule.acquire: Takes the action for `ttl_ms` from now, unless somebody else holds it:
 * then null. `due` is when this run of it was due: once a run is finished, none that was due
 * then or before is given again, so whoever comes late runs nothing twice. A holder is named
 * anew for each attempt; the same one asking again keeps its token and holds longer.
 *   action  text+
 *   holder  text+
 *   ttl_ms  int
 *   due     time?
 * Result: {token, expires_at}, or null when there is none. */
static inline keep_op keep_schedule_acquire(keep_store *store, keep_text action, keep_text holder,
        keep_text ttl_ms, keep_text due, int deadline_ms) {
    const keep_text args[] = {action, holder, ttl_ms, due};
    return keep_submit(store, "schedule.acquire", args, 4, deadline_ms);
}

/* schedule.finish: Lets go of the action; with `done` its run is finished, and no other one
 * that was due then or before will be given. Nothing happens when somebody else holds it by
 * now.
 *   action  text+
 *   token   int
 *   done    bool
 * Result: null. */
static inline keep_op keep_schedule_finish(keep_store *store, keep_text action, keep_text token,
        keep_text done, int deadline_ms) {
    const keep_text args[] = {action, token, done};
    return keep_submit(store, "schedule.finish", args, 3, deadline_ms);
}

/* schedule.get: Who held the action last; nobody holds it when `expires_at` is null or past.
 *   action  text+
 * Result: {holder, token, due, expires_at, finished}, or null when there is none. */
static inline keep_op keep_schedule_get(keep_store *store, keep_text action, int deadline_ms) {
    const keep_text args[] = {action};
    return keep_submit(store, "schedule.get", args, 1, deadline_ms);
}

/* schedule.renew: Holds on for `ttl_ms` from now.
 *   action  text+
 *   token   int
 *   ttl_ms  int
 * Result: expires_at.
 * Fails: CONFLICT somebody else holds the action, or nobody does. */
static inline keep_op keep_schedule_renew(keep_store *store, keep_text action, keep_text token,
        keep_text ttl_ms, int deadline_ms) {
    const keep_text args[] = {action, token, ttl_ms};
    return keep_submit(store, "schedule.renew", args, 3, deadline_ms);
}

/* schedule.setup: Makes the table when it is not there. A table that exists is left as it is,
 * so a role with data rights only may call this. Racing processes wait for each other.
 * Result: null. */
static inline keep_op keep_schedule_setup(keep_store *store, int deadline_ms) {
    return keep_submit(store, "schedule.setup", NULL, 0, deadline_ms);
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
