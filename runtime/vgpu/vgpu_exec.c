// Runs one warp. Its lanes are in groups that stand at the same instruction; the group with the lowest
// one runs, and groups that meet become one (vgpu_layout.c says why that joins them in time).
#include "runtime/vgpu/vgpu_check.h"
#include "runtime/vgpu/vgpu_count.h"
#include <limits.h>
#include <string.h>

typedef struct {
    Warp    *w;
    int      pc;
    uint32_t lanes;                    // the group that runs
    int      meet;                     // the next instruction at which another group stands
} Run;

static void push(Warp *w, int pc, uint32_t lanes, bool waits)
{
    for (int k = 0; k < w->split_count; k++)
        if (w->splits[k].pc == pc && !(w->splits[k].waits && waits)) {
            w->splits[k].lanes |= lanes;                               // whoever waited looks again
            w->splits[k].waits = false;
            return;
        }
    w->splits[w->split_count++] = (Split){ pc, lanes, waits };
}

// Takes the group with the lowest instruction that does not wait. False: there is none.
static bool pick(Run *r)
{
    Warp *w = r->w;
    int best = NO_OPERAND;
    for (int k = 0; k < w->split_count; k++)
        if (!w->splits[k].waits && (best < 0 || w->splits[k].pc < w->splits[best].pc))
            best = k;
    if (best < 0)
        return false;
    r->pc = w->splits[best].pc;
    r->lanes = w->splits[best].lanes;
    w->splits[best] = w->splits[--w->split_count];
    r->meet = INT_MAX;
    for (int k = 0; k < w->split_count; k++)                           // lower ones wait
        if (w->splits[k].pc >= r->pc && w->splits[k].pc < r->meet)
            r->meet = w->splits[k].pc;
    return true;
}

static bool change(Run *r)
{
    push(r->w, r->pc, r->lanes, false);
    return pick(r);
}

// False: no group can run.
static bool branch(Run *r, const Insn *i, uint32_t mask)
{
    if (mask == r->lanes) {
        r->pc = i->target;
        return r->w->split_count == 0 || change(r);                    // may have passed others
    }
    r->pc++;
    if (!mask)
        return true;
    push(r->w, i->target, mask, false);
    r->lanes &= ~mask;
    return change(r);
}

// Who waited for the lanes that end looks again; the block's barrier is not for them to open.
static bool end_lanes(Run *r, uint32_t mask)
{
    Warp *w = r->w;
    w->live &= ~mask;
    r->lanes &= ~mask;
    r->pc++;
    for (int k = 0; k < w->split_count; k++)
        if (!(w->splits[k].lanes & w->at_barrier))
            w->splits[k].waits = false;
    return r->lanes || pick(r);
}

static bool arrive_at_barrier(Run *r, const Insn *i, uint32_t mask)
{
    Warp *w = r->w;
    if (mask != w->live)
        vgpu_report(w, i, __builtin_ctz(mask), VGPU_DIVERGENT_BARRIER,
                    "lanes %08x of the warp wait at a barrier, lanes %08x are elsewhere", mask,
                    w->live & ~mask);
    w->at_barrier = mask;
    push(w, r->pc + 1, mask, true);
    return false;
}

// An instruction of several lanes: runs when those of the mask are all here. False: no group can run.
static bool run_together(Run *r, const Insn *i, uint32_t mask)
{
    Warp *w = r->w;
    uint32_t members = ALL_LANES;
    if (i->members != NO_OPERAND)
        members = ((const uint32_t *)(w->r + i->members))[__builtin_ctz(mask)];
    if (mask & ~members)
        vgpu_report(w, i, __builtin_ctz(mask & ~members), VGPU_BAD_LANE, "is not in its own mask %08x",
                    members);
    else if (members & w->live & ~mask) {
        push(w, r->pc, r->lanes, true);
        return pick(r);
    }
    if (i->members == NO_OPERAND && mask != ALL_LANES)
        vgpu_report(w, i, __builtin_ctz(mask), VGPU_BAD_LANE, "needs all lanes, and lanes %08x have ended",
                    ~mask);
    if (w->block->counts)
        vgpu_count(w, i, mask);
    i->run(w, i, mask);
    r->pc++;
    return true;
}

static void trap(Run *r, const Insn *i, uint32_t mask)
{
    vgpu_report(r->w, i, __builtin_ctz(mask), VGPU_TRAP, "the kernel gives up");
    r->w->live = 0;
}

// What is not "do it and go on". False: the warp cannot go on now.
static bool run_flow(Run *r, const Insn *i, uint32_t mask)
{
    if (r->w->block->counts && (i->flow != FLOW_WARP || !mask))        // those wait for each other first
        vgpu_count(r->w, i, mask);
    if (i->flow == FLOW_BRANCH)
        return branch(r, i, mask);
    if (!mask) {
        r->pc++;
        return true;
    }
    switch ((Flow)i->flow) {
    case FLOW_EXIT:    return end_lanes(r, mask);
    case FLOW_BARRIER: return arrive_at_barrier(r, i, mask);
    case FLOW_WARP:    return run_together(r, i, mask);
    default:           trap(r, i, mask); return false;
    }
}

// Nothing can run: the warp has ended, waits for the block, or waits for lanes that never come.
static void settle(Warp *w, const Insn *code)
{
    w->blocked = true;
    if (!w->live || w->at_barrier)
        return;
    for (int k = 0; k < w->split_count; k++)
        if (w->splits[k].waits) {
            vgpu_report(w, &code[w->splits[k].pc], __builtin_ctz(w->splits[k].lanes), VGPU_DEADLOCK,
                        "lanes %08x wait for lanes that never come", w->splits[k].lanes);
            return;
        }
}

// Runs instructions that only go on to the next one, up to `stop` or the first that does not.
static const Insn *run_straight(Warp *w, const Insn *i, const Insn *stop, uint32_t lanes)
{
    for (; i < stop && i->flow == FLOW_NEXT; i++) {
        uint32_t mask = lanes & (w->p[i->guard] ^ i->guard_flip);
        if (mask)
            i->run(w, i, mask);
    }
    return i;
}

// ... and counts them.
static const Insn *run_counted(Warp *w, const Insn *i, const Insn *stop, uint32_t lanes)
{
    for (; i < stop && i->flow == FLOW_NEXT; i++) {
        uint32_t mask = lanes & (w->p[i->guard] ^ i->guard_flip);
        vgpu_count(w, i, mask);
        if (mask)
            i->run(w, i, mask);
    }
    return i;
}

void vgpu_run_warp(Warp *w, int64_t budget)
{
    Launch *launch = w->block->launch;
    const Insn *code = launch->kernel->code;
    int count = launch->kernel->code_count;
    int64_t most = launch->how->max_steps, left = budget;
    if (most && most - w->steps < left)
        left = most - w->steps;
    Run r = { .w = w };
    bool goes_on = pick(&r);
    while (goes_on && left > 0) {
        if (r.pc >= r.meet) {
            goes_on = change(&r);
            continue;
        }
        int stop = r.meet < count ? r.meet : count;
        if (stop - r.pc > left)
            stop = r.pc + (int)left;
        const Insn *i = w->block->counts ? run_counted(w, code + r.pc, code + stop, r.lanes)
                                         : run_straight(w, code + r.pc, code + stop, r.lanes);
        int ran = (int)(i - code) - r.pc;
        r.pc += ran;
        if (r.pc < stop) {
            goes_on = run_flow(&r, i, r.lanes & (w->p[i->guard] ^ i->guard_flip));
            ran++;
        }
        left -= ran;
        w->steps += ran;
    }
    if (!goes_on) {
        settle(w, code);
        return;
    }
    push(w, r.pc, r.lanes, false);
    if (most && w->steps >= most)
        vgpu_report(w, &code[r.pc], __builtin_ctz(r.lanes), VGPU_TOO_LONG, "has taken %lld instructions",
                    (long long)w->steps);
}
