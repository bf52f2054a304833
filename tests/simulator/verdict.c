/* What only hindsight shows: when every call is finished and the server has come to rest, whether the calls of each key
 * took effect in the order of their submission. A key that a ghost wrote (a session whose client was gone) is judged
 * mildly: nobody can order what an abandoned session still does. */
#include "sim.h"

#include <stddef.h>

static bool may_have_happened(const struct call *call)
{
    return call->status == KEEP_OK || call->status == KEEP_UNKNOWN ||
           call->status == KEEP_CANCELLED;
}

/* The save through which an OK save took effect: itself, or the one that superseded it. */
static const struct call *effect_of(const struct call *save)
{
    return save->applied ? save : call_superseder(save);
}

/* A call of another kind between two saves has to see the first, so the second may not stand in for it. */
static void superseded_rightly(const struct call *save)
{
    const struct call *effect = call_superseder(save);
    for (int number = save->number + 1; !save->applied && number < effect->number; number++) {
        const struct call *between = oracle_call(number);
        bool other = between->kind != CALL_SAVE && between->kind <= CALL_COPY;
        if (between->key == save->key && other && (between->status == KEEP_OK || between->refused))
            world_fail("call %d was superseded by call %d across call %d", save->number,
                       effect->number, number);
    }
}

static bool delete_between(const struct call *save, const struct call *load)
{
    for (int number = save->number + 1; number < load->number; number++) {
        const struct call *call = oracle_call(number);
        if (call->kind == CALL_DELETE && call->key == save->key && may_have_happened(call))
            return true;
    }
    return false;
}

/* Whether the load can have had this sight; if not, `why` with the number of the call that says so. */
static bool load_can_have_seen(const struct call *load, const struct sight *sight, const char **why,
                               int *other)
{
    const struct call *saw = sight->writer;
    *why = NULL;
    for (int number = 1; number <= oracle_count() && !*why; number++) {
        const struct call *call = oracle_call(number);
        if (call->key != load->key || !call_writes(call))
            continue;
        bool before = number < load->number, save = call_stores(call),
             done = call->status == KEEP_OK;
        *other = number;
        if (save && !before && call->applied && call->applied < sight->order)
            *why = "was passed by the younger save";
        else if (before && done && save && effect_of(call)->applied > sight->order)
            *why = "did not wait for the save";
        else if (before && done && !save && saw && saw->number < number)
            *why = "saw what was removed by the delete";
        else if (before && done && save && !saw && !delete_between(call, load))
            *why = "saw nothing in spite of the save";
    }
    return !*why;
}

/* A document tells which sight it is; "nothing" may be any of those that showed nothing meanwhile. */
static void load_saw_rightly(const struct call *load)
{
    const char *why = "was never shown anything; its own number is";
    int other = load->number;
    if (load->sight) {
        if (!load_can_have_seen(load, load->sight, &why, &other))
            world_fail("the load %d %s %d", load->number, why, other);
        return;
    }
    for (int i = 0; i < sight_count(); i++) {
        const struct sight *sight = sight_at(i);
        if (sight->kind == 'l' && sight->key == load->key && !sight->saw &&
            sight->order > load->submitted && sight->order < load->done &&
            load_can_have_seen(load, sight, &why, &other))
            return;
    }
    world_fail("the load %d %s %d", load->number, why, other);
}

/* What carries no document is known by its kind and key only: each that was committed must be some caller's, and each
 * caller's must have been committed. */
static char anonymous_kind(const struct call *call)
{
    return call->kind == CALL_DELETE ? 'd' : call->kind == CALL_SETUP ? 's' : '\0';
}

static void anonymous_happened(const struct call *call)
{
    for (int i = 0; i < sight_count(); i++) {
        const struct sight *sight = sight_at(i);
        if (sight->kind == anonymous_kind(call) && sight->key == call->key &&
            sight->order > call->submitted && sight->order < call->done)
            return;
    }
    world_fail("call %d is told OK and was never committed", call->number);
}

static void anonymous_was_asked(const struct sight *sight)
{
    for (int number = 1; number <= oracle_count(); number++) {
        const struct call *call = oracle_call(number);
        bool in_time = sight->order > call->submitted &&
                       (sight->order < call->done || call->status != KEEP_OK);
        if (anonymous_kind(call) == sight->kind && call->key == sight->key &&
            may_have_happened(call) && (in_time || sight->ghost))
            return;
    }
    world_fail("a %s of key %d was committed, and every call that asked for it was told otherwise",
               sight->kind == 'd' ? "delete" : "set-up", sight->key);
}

/* The youngest write that was told OK decides what is stored, unless a younger one was left in doubt. */
static void row_is_right(int key)
{
    const struct call *last = NULL, *stored = table_writer(key);
    bool doubtful_delete = false;
    for (int number = 1; number <= oracle_count(); number++) {
        const struct call *call = oracle_call(number);
        if (call->key != key || !call_writes(call))
            continue;
        if (call->status == KEEP_OK) {
            last = call;
            doubtful_delete = false;
        }
        doubtful_delete = doubtful_delete || (call->kind == CALL_DELETE && may_have_happened(call));
    }
    if (!last)
        return;
    if (stored && stored->number < last->number)
        world_fail("key %d holds call %d, and call %d came later and was told OK", key,
                   stored->number, last->number);
    if (!stored && call_stores(last) && !doubtful_delete)
        world_fail("key %d holds nothing, and call %d was told OK", key, last->number);
}

void verdict(void)
{
    if (oracle_pending())
        world_fail("call %d never ended", oracle_pending_at(0)->number);
    for (int number = 1; number <= oracle_count(); number++) {
        const struct call *call = oracle_call(number);
        if (call->status == KEEP_OK && anonymous_kind(call))
            anonymous_happened(call);
        if (call->status != KEEP_OK || call->key < 0 || call->kind == CALL_LIST ||
            table_ghost_touched(call->key))
            continue;
        if (call->kind == CALL_SAVE)
            superseded_rightly(call);
        if (call->kind == CALL_LOAD)
            load_saw_rightly(call);
    }
    for (int i = 0; i < sight_count(); i++)
        if (sight_at(i)->kind == 'd' || sight_at(i)->kind == 's')
            anonymous_was_asked(sight_at(i));
    for (int key = 0; key < KEYS; key++)
        if (!table_ghost_touched(key))
            row_is_right(key);
}
