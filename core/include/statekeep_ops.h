/* Made by sql/compile.py from the annotated SQL. Change that, not this.
 *
 * One typed function for each operation: keep_submit() with the arguments counted by the compiler. Numbers,
 * booleans and times are text too, lists are JSON arrays; {NULL, 0} is null, where the type ends in "?".
 * Everything is copied; the ticket and deadline_ms are those of keep_submit(). */
/* clang-format off */
#ifndef STATEKEEP_OPS_H
#define STATEKEEP_OPS_H

#include "statekeep.h"

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
