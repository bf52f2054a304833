/* The engine's counters as JSON. Counts are since the store was opened; times are microseconds. */
#include "core.h"

#include <inttypes.h>
#include <stdio.h>

static void put(struct buffer *out, const char *format, uint64_t value)
{
    char text[96];
    snprintf(text, sizeof text, format, value);
    buffer_text(out, text);
}

static int count_conns(const keep_store *store, bool busy)
{
    int count = 0;
    for (int i = 0; i < store->conn_count; i++)
        count +=
            store->conns[i].state == CONN_BUSY || (!busy && store->conns[i].state == CONN_IDLE);
    return count;
}

static void put_calls(const keep_store *store, struct buffer *out)
{
    const struct stats *stats = &store->stats;
    put(out, "{\"calls\":{\"submitted\":%" PRIu64, stats->submitted);
    put(out, ",\"held\":%" PRIu64, store->held_count);
    put(out, ",\"held_bytes\":%" PRIu64, store->held_bytes);
    for (int status = KEEP_OK; status <= KEEP_INTERNAL; status++) {
        buffer_text(out, ",\"");
        buffer_text(out, keep_status_name((keep_status)status));
        put(out, "\":%" PRIu64, stats->finished[status]);
    }
    put(out, "},\"queue_wait_us\":{\"total\":%" PRIu64, stats->queue_wait_us);
    put(out, ",\"max\":%" PRIu64 "}", stats->queue_wait_max_us);
}

static void put_batches(const struct stats *stats, struct buffer *out)
{
    put(out, ",\"batches\":{\"count\":%" PRIu64, stats->batches);
    put(out, ",\"calls\":%" PRIu64, stats->batch_calls);
    put(out, ",\"superseded\":%" PRIu64, stats->superseded);
    put(out, ",\"splits\":%" PRIu64, stats->splits);
    put(out, ",\"retries\":%" PRIu64, stats->retries);
    put(out, ",\"resent_calls\":%" PRIu64, stats->resent);
    buffer_text(out, ",\"sizes\":{");
    const char *before = "";
    for (int power = 0; power < 17; power++) {
        if (!stats->batch_sizes[power])
            continue;
        buffer_text(out, before);
        put(out, "\"<=%" PRIu64 "\":", UINT64_C(1) << power);
        put(out, "%" PRIu64, stats->batch_sizes[power]);
        before = ",";
    }
    buffer_text(out, "}}");
}

static void put_sessions(const keep_store *store, struct buffer *out)
{
    const struct stats *stats = &store->stats;
    put(out, ",\"leases\":{\"out\":%" PRIu64, (uint64_t)lease_count(store));
    put(out, ",\"waiting\":%" PRIu64, (uint64_t)lease_waiting(store));
    put(out, ",\"limit\":%" PRIu64, (uint64_t)lease_limit(store));
    put(out, ",\"taken\":%" PRIu64, stats->leases_taken);
    put(out, ",\"reclaimed\":%" PRIu64 "}", stats->leases_reclaimed);
    put(out, ",\"sql\":{\"statements\":%" PRIu64, stats->statements);
    put(out, ",\"resets\":%" PRIu64, stats->resets);
    put(out, ",\"cancels\":%" PRIu64, stats->cancels);
    put(out, ",\"notifications_dropped\":%" PRIu64 "}", stats->notes_dropped);
}

void stats_json(const keep_store *store, struct buffer *out)
{
    const struct stats *stats = &store->stats;
    put_calls(store, out);
    put_batches(stats, out);
    put(out, ",\"round_trips\":%" PRIu64, stats->round_trips);
    put(out, ",\"bytes_sent\":%" PRIu64, stats->bytes_sent);
    put(out, ",\"connections\":{\"up\":%" PRIu64, (uint64_t)count_conns(store, false));
    put(out, ",\"busy\":%" PRIu64, (uint64_t)count_conns(store, true));
    put(out, ",\"limit\":%" PRIu64, (uint64_t)store->options.connections);
    put(out, ",\"opened\":%" PRIu64, stats->opened);
    put(out, ",\"lost\":%" PRIu64, stats->lost);
    put(out, ",\"failed\":%" PRIu64 "}", stats->connect_failures);
    put_sessions(store, out);
    buffer_text(out, store->unnamed ? ",\"prepared\":false" : ",\"prepared\":true");
    buffer_text(out, store->plain_startup ? ",\"startup_settings\":false}"
                                          : ",\"startup_settings\":true}");
}
