/* The requests for SQL of the caller's own. A COPY is one request of the protocol and many calls of the library. */
#include "adapter.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct copy {
    keep_lease lease;
    int deadline_ms;
    bool begun;
    /* in */
    cJSON *data;
    int at, count, repeats;
    char *failure;
    bool ending;
    /* out */
    char *rows;
    size_t size, largest;
    int pieces, stop; /* stop: after so many; 0: at the end */
    bool only_sizes;
    char answer[128];
    char *encoded;
};

static struct lease *lease_named(struct store *store, const cJSON *request)
{
    const cJSON *name = cJSON_GetObjectItem(request, "lease");
    if (!name)
        return NULL;
    for (struct lease *lease = store->leases; lease; lease = lease->next)
        if (strcmp(lease->name, name->valuestring) == 0)
            return lease;
    struct lease *lease = malloc(sizeof *lease);
    *lease = (struct lease){.next = store->leases, .name = strdup(name->valuestring)};
    store->leases = lease;
    return lease;
}

static int deadline_of(const cJSON *request)
{
    const cJSON *deadline = cJSON_GetObjectItem(request, "deadline_ms");
    return deadline ? deadline->valueint : 0;
}

static keep_text sql_of(const cJSON *request)
{
    const char *sql = cJSON_GetStringValue(cJSON_GetObjectItem(request, "sql"));
    return (keep_text){sql, sql ? strlen(sql) : 0};
}

static void do_query(struct store *store, double id, const cJSON *request,
                     const struct lease *lease)
{
    enum { BYTEA = 17 };
    const cJSON *list = cJSON_GetObjectItem(request, "params"), *value;
    int count = cJSON_GetArraySize(list), at = 0;
    keep_param *params = calloc((size_t)count + 1, sizeof *params);
    char **owned = calloc((size_t)count + 1, sizeof *owned);
    cJSON_ArrayForEach(value, list)
    {
        bool bytes = cJSON_IsObject(value);
        params[at].value = argument_read(value, &owned[at]);
        params[at].type = bytes ? BYTEA : 0;
        params[at++].binary = bytes;
    }
    struct pending *pending = pending_add(store, id);
    pending->op = keep_query(store->keep, lease ? lease->number : 0, sql_of(request), params, count,
                             deadline_of(request));
    for (int i = 0; i < count; i++)
        free(owned[i]);
    free(owned);
    free(params);
    pending_settle(store, pending);
}

static void do_copy(struct store *store, double id, const cJSON *request, const struct lease *lease)
{
    struct pending *pending = pending_add(store, id);
    const cJSON *repeat = cJSON_GetObjectItem(request, "repeat");
    const cJSON *stop = cJSON_GetObjectItem(request, "stop");
    const char *failure = cJSON_GetStringValue(cJSON_GetObjectItem(request, "failure"));
    struct copy *copy = calloc(1, sizeof *copy);
    *copy = (struct copy){.lease = lease ? lease->number : 0,
                          .deadline_ms = deadline_of(request),
                          .data = cJSON_Duplicate(cJSON_GetObjectItem(request, "data"), true),
                          .repeats = repeat ? repeat->valueint : 1,
                          .failure = failure ? strdup(failure) : NULL,
                          .stop = stop ? stop->valueint : 0,
                          .only_sizes = cJSON_IsTrue(cJSON_GetObjectItem(request, "sizes"))};
    copy->count = cJSON_GetArraySize(copy->data);
    pending->copy = copy;
    pending->op = keep_query(store->keep, copy->lease, sql_of(request), NULL, 0, copy->deadline_ms);
    pending_settle(store, pending);
}

bool sql_serve(struct store *store, const char *what, double id, const cJSON *request)
{
    struct lease *lease = lease_named(store, request);
    if (strcmp(what, "lease") == 0) {
        struct pending *pending = pending_add(store, id);
        pending->taking = lease;
        pending->op = keep_lease_take(store->keep, deadline_of(request));
        pending_settle(store, pending);
    } else if (strcmp(what, "return") == 0) {
        keep_lease_return(store->keep, lease->number);
        answer_result(id, KEEP_OK, KEEP_TEXT("null"));
    } else if (strcmp(what, "query") == 0) {
        do_query(store, id, request, lease);
    } else if (strcmp(what, "copy_in") == 0 || strcmp(what, "copy_out") == 0) {
        do_copy(store, id, request, lease);
    } else if (strcmp(what, "notification") == 0) {
        struct pending *pending = pending_add(store, id);
        pending->op =
            keep_notification(store->keep, lease ? lease->number : 0, deadline_of(request));
        pending_settle(store, pending);
    } else {
        return false;
    }
    return true;
}

/* ---- COPY goes on */

static keep_op copy_in_next(struct store *store, struct copy *copy)
{
    keep_text data = {NULL, 0};
    if (copy->at == copy->count) {
        copy->at = 0;
        copy->repeats--;
    }
    copy->ending = copy->count == 0 || copy->repeats <= 0;
    if (!copy->ending) {
        data.data = cJSON_GetArrayItem(copy->data, copy->at++)->valuestring;
        data.size = strlen(data.data);
    }
    return keep_copy_in(store->keep, copy->lease, data, copy->ending ? copy->failure : NULL,
                        copy->deadline_ms);
}

static void copy_out_add(struct copy *copy, keep_text rows)
{
    copy->pieces++;
    copy->largest = rows.size > copy->largest ? rows.size : copy->largest;
    if (!copy->only_sizes) {
        copy->rows = realloc(copy->rows, copy->size + rows.size + 1);
        memcpy(copy->rows + copy->size, rows.data, rows.size + 1);
    }
    copy->size += rows.size;
}

static keep_text copy_out_answer(struct copy *copy)
{
    if (copy->only_sizes) {
        snprintf(copy->answer, sizeof copy->answer, "{\"bytes\":%zu,\"pieces\":%d,\"largest\":%zu}",
                 copy->size, copy->pieces, copy->largest);
        return (keep_text){copy->answer, strlen(copy->answer)};
    }
    cJSON *text = cJSON_CreateString(copy->rows ? copy->rows : "");
    copy->encoded = cJSON_PrintUnformatted(text);
    cJSON_Delete(text);
    return (keep_text){copy->encoded, strlen(copy->encoded)};
}

static bool copy_goes_on(struct store *store, struct pending *pending, keep_text *text)
{
    struct copy *copy = pending->copy;
    keep_text result = keep_op_result(store->keep, pending->op);
    keep_op next;
    if (!copy->begun && (!result.data || strncmp(result.data, "{\"copy\":", 8) != 0))
        return false; /* another kind of statement: its own result is the answer */
    if (copy->data || copy->failure) {
        if (copy->ending)
            return false;
        next = copy_in_next(store, copy);
    } else {
        if (copy->begun && result.size > 0)
            copy_out_add(copy, result);
        bool over = copy->begun && result.size == 0;
        if (over || (copy->stop && copy->pieces == copy->stop)) {
            *text = copy_out_answer(copy);
            return false;
        }
        next = keep_copy_out(store->keep, copy->lease, copy->deadline_ms);
    }
    copy->begun = true;
    keep_release(store->keep, pending->op);
    pending->op = next;
    return true;
}

bool sql_finished(struct store *store, struct pending *pending, keep_text *text)
{
    if (keep_op_status(store->keep, pending->op) != KEEP_OK)
        return false;
    if (pending->taking) {
        const char *result = keep_op_result(store->keep, pending->op).data;
        cJSON *lease = cJSON_Parse(result);
        pending->taking->number = (keep_lease)cJSON_GetObjectItem(lease, "lease")->valuedouble;
        cJSON_Delete(lease);
        *text = KEEP_TEXT("null");
        return false;
    }
    return pending->copy && copy_goes_on(store, pending, text);
}

void sql_forget(struct store *store, struct pending *pending)
{
    struct copy *copy = pending->copy;
    (void)store;
    if (!copy)
        return;
    cJSON_Delete(copy->data);
    free(copy->failure);
    free(copy->rows);
    free(copy->encoded);
    free(copy);
}

void sql_free(struct store *store)
{
    for (struct lease *lease = store->leases, *next; lease; lease = next) {
        next = lease->next;
        free(lease->name);
        free(lease);
    }
}
