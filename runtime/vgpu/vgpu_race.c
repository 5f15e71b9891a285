// Races: two accesses to the same memory, one of them a write, that nothing orders. What came in which
// order here does not matter, only whether a barrier stands between.
//
// A cell remembers the last write and the reads behind it. An epoch is the time between two barriers of
// one block; epochs count up over blocks and launches, so that they say whose they are, and cells are
// never cleared. Within a warp, bar.warp.sync orders what the lanes of its mask do before and behind it;
// shuffles and votes order no memory.
#include "runtime/vgpu/vgpu_check.h"
#include <inttypes.h>
#include <string.h>

static uint16_t thread_of(const Warp *w, int lane) { return (uint16_t)(w->index * LANES + lane); }

static int warp_of(uint16_t who)
{
    return who >= OF_OPERATIONS ? -1 : who & OF_A_WARP ? who & 0x7fff : who / LANES;
}

// Does a bar.warp.sync stand between an event of this warp and the access of a lane now? An event of several
// lanes counts as one of all.
static bool is_synced(const Warp *w, int lane, const Event *e)
{
    if (!w->has_partial || e->who & OF_A_WARP || w->met_all > e->syncs)
        return e->syncs != w->syncs;
    return w->met[lane][e->who % LANES] > e->syncs;
}

// Is it of another operation, or does it stand for others that this one does not follow?
static bool is_foreign(const Event *e, const Accessed *what)
{
    return e->epoch < what->first || e->who == OF_OPERATIONS;
}

// Is all that an event stands for before the access of a lane now?
static bool is_before(const Warp *w, int lane, const Event *e, const Accessed *what)
{
    const Block *b = w->block;
    if (is_foreign(e, what))
        return !e->epoch || !what->order || vgpu_order_is_before(what->order, e);
    if (e->who == OF_BLOCKS || e->epoch < b->first_epoch)
        return false;
    if (e->epoch < b->epoch || e->who == thread_of(w, lane))
        return true;
    return warp_of(e->who) == w->index && is_synced(w, lane, e);
}

static void describe_other(const Warp *w, const Event *e, char *to, size_t size)
{
    const Launch *launch = w->block->launch;
    const unsigned *block = launch->how->block;
    if (e->who == OF_BLOCKS || e->epoch < w->block->first_epoch)
        snprintf(to, size, "another block");
    else if (e->who & OF_A_WARP)
        snprintf(to, size, "several threads");
    else
        snprintf(to, size, "thread %u,%u,%u", e->who % block[0], e->who / block[0] % block[1],
                 e->who / block[0] / block[1]);
}

static const char *const verbs[] = {
    [ACCESS_READ] = "reads", [ACCESS_WRITE] = "writes", [ACCESS_COPY] = "copies to",
    [ACCESS_ATOMIC] = "changes",
};

static void report_race(Warp *w, const Insn *i, int lane, const Event *e, bool other_writes, Access access,
                        const Accessed *what)
{
    const Launch *launch = w->block->launch;
    const Place *place = &launch->module->places[launch->kernel->code[e->insn & ~ATOMIC_EVENT].place];
    while (place->in >= 0)
        place = &launch->module->places[place->in];
    const char *file = strrchr(place->file, '/');
    const char *quote = what->name ? "'" : "", *name = what->name ? what->name : "shared memory";
    char who[40];
    describe_other(w, e, who, sizeof who);
    vgpu_report(w, i, lane, VGPU_RACE,
                "%s byte %" PRIu64 " of %s%.60s%s, which %s %s at %.40s:%d with no barrier between",
                verbs[access], what->at, quote, name, quote, who, other_writes ? "wrote" : "read",
                file ? file + 1 : place->file, place->line);
}

static void report_stream_race(Warp *w, const Insn *i, int lane, const Event *e, bool other_writes,
                               Access access, const Accessed *what)
{
    char who[128];
    vgpu_order_describe(what->order, e, other_writes, who, sizeof who);
    vgpu_report(w, i, lane, VGPU_STREAM_RACE, "%s byte %" PRIu64 " of '%.60s', which %s with no wait between",
                verbs[access], what->at, what->name, who);
}

// True: the access of a lane races with what was before.
static bool check_cell(Warp *w, const Insn *i, int lane, const Cell *c, Access access, const Accessed *what)
{
    bool both_atomic = access == ACCESS_ATOMIC && c->write.insn & ATOMIC_EVENT, writes = true;
    const Event *e = &c->write;
    if (both_atomic || is_before(w, lane, e, what)) {
        if (access == ACCESS_READ || is_before(w, lane, &c->read, what))
            return false;
        e = &c->read;
        writes = false;
    }
    if (is_foreign(e, what))
        report_stream_race(w, i, lane, e, writes, access, what);
    else
        report_race(w, i, lane, e, writes, access, what);
    return true;
}

static Event event_of(const Warp *w, const Insn *i, int lane)
{
    uint32_t insn = (uint32_t)(i - w->block->launch->kernel->code);
    return (Event){ w->block->epoch, insn, thread_of(w, lane), w->syncs };
}

// Joins a read with those before it.
static void record_read(const Warp *w, const Insn *i, int lane, Cell *c, const Accessed *what)
{
    const Block *b = w->block;
    uint32_t first = what->first;
    Event new = event_of(w, i, lane), old = c->read;
    if (is_foreign(&old, what)) {
        if (old.epoch >= first)
            return;                                           // says it already
        if (what->order && old.epoch && !vgpu_order_is_before(what->order, &old))
            vgpu_order_join(what->order, &old, &new);
    } else if (old.epoch >= first && (old.epoch < b->first_epoch || old.who == OF_BLOCKS))
        new.who = OF_BLOCKS;
    else if (old.epoch == b->epoch && old.who != new.who &&
             !(warp_of(old.who) == w->index && is_synced(w, lane, &old)))      // else the new one says it all
        new.who = (uint16_t)(warp_of(old.who) == w->index ? OF_A_WARP + w->index : OF_THE_BLOCK);
    c->read = new;
}

void vgpu_race(Warp *w, const Insn *i, int lane, const Accessed *what, Access access)
{
    bool told = false;
    for (int k = 0; k < what->count; k++) {
        Cell c = cell_get(what->groups, what->cell + (size_t)k);
        if (!told)
            told = check_cell(w, i, lane, &c, access, what);
        if (access == ACCESS_READ) {
            record_read(w, i, lane, &c, what);
        } else if (access != ACCESS_COPY) {
            c.write = event_of(w, i, lane);
            c.write.insn |= access == ACCESS_ATOMIC ? ATOMIC_EVENT : 0;
            c.read = (Event){ 0 };
        }
        cell_set(what->groups, what->cell + (size_t)k, c);
    }
}
