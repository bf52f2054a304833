/* Notifications: each goes to the oldest call of its lease that waits for one, or is kept until one does, in order and up
 * to LIMIT_NOTES bytes; what does not fit is dropped and counted. */
#include "core.h"

#include <stdio.h>
#include <string.h>

static void note_json(struct buffer *out, const PGnotify *notify)
{
    char pid[32];
    buffer_text(out, "{\"channel\":");
    buffer_json(out, notify->relname, strlen(notify->relname));
    buffer_text(out, ",\"payload\":");
    buffer_json(out, notify->extra, strlen(notify->extra));
    snprintf(pid, sizeof pid, ",\"pid\":%d}", notify->be_pid);
    buffer_text(out, pid);
}

static void note_keep(struct conn *conn, const struct buffer *json)
{
    struct session *session = &conn->session;
    bool fits = !json->failed && session->notes_size + json->size <= LIMIT_NOTES;
    struct note *note = fits ? keep_alloc(NULL, sizeof *note + json->size + 1) : NULL;
    if (!note) {
        conn->store->stats.notes_dropped++;
        return;
    }
    *note = (struct note){.size = json->size};
    memcpy(note->json, json->data, json->size + 1);
    if (session->last_note)
        session->last_note->next = note;
    else
        session->notes = note;
    session->last_note = note;
    session->notes_size += note->size;
}

/* Gives the oldest kept notification to the call; false when there is none. */
bool note_give(struct conn *conn, struct op *op)
{
    struct session *session = &conn->session;
    struct note *note = session->notes;
    if (!note)
        return false;
    buffer_append(&op->result, note->json, note->size);
    if (op->result.failed) {
        op_finish_error(conn->store, op, KEEP_NO_MEMORY, "no memory for the notification", NULL,
                        NULL);
        return true;
    }
    session->notes = note->next;
    if (!session->notes)
        session->last_note = NULL;
    session->notes_size -= note->size;
    keep_alloc(note, 0);
    op_finish_ok(conn->store, op, NULL);
    return true;
}

void note_take(struct conn *conn)
{
    struct session *session = &conn->session;
    for (PGnotify *notify; (notify = keep_io.PQnotifies(conn->link));) {
        if (session->lease) {
            struct buffer json = {0};
            note_json(&json, notify);
            note_keep(conn, &json);
            buffer_free(&json);
        }
        keep_io.PQfreemem(notify);
        /* One that has no memory for it leaves it to the next. */
        while (session->listeners.first && note_give(conn, session->listeners.first))
            ;
    }
}

void notes_free(struct session *session)
{
    for (struct note *note = session->notes, *next; note; note = next) {
        next = note->next;
        keep_alloc(note, 0);
    }
    session->notes = session->last_note = NULL;
    session->notes_size = 0;
}
