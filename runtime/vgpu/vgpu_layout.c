// The order of basic blocks. Lanes that took different branches are run "lowest instruction first"; for
// that to join them where the hardware joins them, at the immediate post-dominator of the branch, every
// block must stand before its own. The order that a compiler writes does not promise it.
#include "runtime/vgpu/vgpu_code.h"

enum { NONE = -1 };

typedef struct {
    int  begin, end;                   // instructions
    int  next[2];                      // blocks: the branch's target, and what follows; NONE
    int  entry;                        // the first edge that leads here
    int  join;                         // the immediate post-dominator
    int  rank;                         // in a walk back from the exit, which is 0; NONE: leads to no exit
    bool placed;
    int  at;                           // its first instruction in the new order
} BasicBlock;

typedef struct { int from, next; } Edge;

typedef struct {
    Arena      *arena;
    Kernel     *k;
    BasicBlock *block;
    int         count, exit;           // the exit is one more, empty, block
    int        *of;                    // the block of each instruction
    Edge       *edge;
    int         edges;
    int        *order, ordered;
} Layout;

static bool ends_lanes(const Insn *i) { return i->flow == FLOW_EXIT || i->flow == FLOW_TRAP; }
static bool falls_through(const Insn *i)
{
    return i->guard != ALWAYS || i->guard_flip || (i->flow != FLOW_BRANCH && !ends_lanes(i));
}

static void find_blocks(Layout *l)
{
    Kernel *k = l->k;
    bool *leads = ARENA_ARRAY(l->arena, bool, k->code_count + 1);
    leads[0] = true;
    for (int i = 0; i < k->code_count; i++) {
        if (k->code[i].flow == FLOW_BRANCH)
            leads[k->code[i].target] = true;
        if (k->code[i].flow == FLOW_BRANCH || ends_lanes(&k->code[i]))
            leads[i + 1] = true;
    }
    l->of = ARENA_ARRAY(l->arena, int, k->code_count + 1);
    for (int i = 0; i < k->code_count; i++) {
        l->count += leads[i];
        l->of[i] = l->count - 1;
    }
    l->exit = l->of[k->code_count] = l->count;
    l->block = ARENA_ARRAY(l->arena, BasicBlock, l->count + 1);
    for (int b = 0; b <= l->count; b++)
        l->block[b] = (BasicBlock){ .next = { NONE, NONE }, .entry = NONE, .join = NONE, .rank = NONE };
    for (int i = 0; i < k->code_count; i++) {
        if (leads[i])
            l->block[l->of[i]].begin = i;
        l->block[l->of[i]].end = i + 1;
    }
}

static void link_block(Layout *l, int from, int s, int to)
{
    l->block[from].next[s] = to;
    l->edge[l->edges] = (Edge){ from, l->block[to].entry };
    l->block[to].entry = l->edges++;
}

static void link_blocks(Layout *l)
{
    l->edge = ARENA_ARRAY(l->arena, Edge, 2 * l->count + 1);
    for (int b = 0; b < l->count; b++) {
        const Insn *last = &l->k->code[l->block[b].end - 1];
        if (last->flow == FLOW_BRANCH)
            link_block(l, b, 0, l->of[last->target]);
        else if (ends_lanes(last))
            link_block(l, b, 0, l->exit);
        if (falls_through(last) && l->block[b].next[0] != l->of[l->block[b].end])
            link_block(l, b, 1, l->of[l->block[b].end]);
    }
}

// Ranks the blocks in reverse postorder of a walk from the exit against the edges; to[rank] is the block.
static int rank_blocks(Layout *l, int *to)
{
    int *stack = ARENA_ARRAY(l->arena, int, l->count + 1), *edge = ARENA_ARRAY(l->arena, int, l->count + 1);
    int depth = 0, done = l->count + 1;
    stack[depth] = l->exit;
    edge[depth++] = l->block[l->exit].entry;
    l->block[l->exit].rank = 0;                                        // seen
    while (depth) {
        int e = edge[depth - 1];
        if (e == NONE) {
            to[--done] = stack[--depth];
            continue;
        }
        edge[depth - 1] = l->edge[e].next;
        int from = l->edge[e].from;
        if (l->block[from].rank != NONE)
            continue;
        l->block[from].rank = 0;
        stack[depth] = from;
        edge[depth++] = l->block[from].entry;
    }
    int ranked = l->count + 1 - done;
    for (int r = 0; r < ranked; r++) {
        to[r] = to[done + r];
        l->block[to[r]].rank = r;
    }
    return ranked;
}

static int common(const Layout *l, int a, int b)
{
    while (a != b)
        if (l->block[a].rank > l->block[b].rank)
            a = l->block[a].join;
        else
            b = l->block[b].join;
    return a;
}

// Cooper, Harvey, Kennedy: "A Simple, Fast Dominance Algorithm", on the graph turned around.
static void find_joins(Layout *l)
{
    int *by_rank = ARENA_ARRAY(l->arena, int, l->count + 1), ranked = rank_blocks(l, by_rank);
    l->block[l->exit].join = l->exit;
    for (bool changed = true; changed;) {
        changed = false;
        for (int r = 1; r < ranked; r++) {
            BasicBlock *b = &l->block[by_rank[r]];
            int join = NONE;
            for (int s = 0; s < 2; s++)
                if (b->next[s] != NONE && l->block[b->next[s]].join != NONE)
                    join = join == NONE ? b->next[s] : common(l, join, b->next[s]);
            changed |= join != b->join;
            b->join = join;
        }
    }
}

// A block and all that runs before `stop`, then on from its join.
static void place_blocks(Layout *l, int b, int stop)
{
    while (b != stop && b != NONE && b != l->exit && !l->block[b].placed) {
        BasicBlock *block = &l->block[b];
        block->placed = true;
        l->order[l->ordered++] = b;
        for (int s = 0; s < 2; s++)
            if (block->next[s] != block->join)
                place_blocks(l, block->next[s], block->join);
        b = block->join;
    }
}

// Copies the blocks in their order; where a block no longer stands before what follows it, it jumps.
static void write_code(Layout *l)
{
    Kernel *k = l->k;
    Insn *code = ARENA_ARRAY(l->arena, Insn, k->code_count + l->count);
    int n = 0;
    for (int o = 0; o < l->ordered; o++) {
        BasicBlock *b = &l->block[l->order[o]];
        b->at = n;
        for (int i = b->begin; i < b->end; i++)
            code[n++] = k->code[i];
        int follows = l->of[b->end];
        if (falls_through(&k->code[b->end - 1]) && (o + 1 == l->ordered || l->order[o + 1] != follows)) {
            Insn jump = { .flow = FLOW_BRANCH, .guard = ALWAYS, .target = b->end, .text = "bra",
                          .place = k->code[b->end - 1].place, .members = NO_OPERAND };
            code[n++] = jump;
        }
    }
    for (int i = 0; i < n; i++)
        if (code[i].flow == FLOW_BRANCH)
            code[i].target = l->block[l->of[code[i].target]].at;
    k->code = code;
    k->code_count = k->code_capacity = n;
}

void vgpu_layout(Arena *arena, Kernel *k)
{
    Layout l = { .arena = arena, .k = k };
    find_blocks(&l);
    link_blocks(&l);
    find_joins(&l);
    l.order = ARENA_ARRAY(arena, int, l.count + 1);
    place_blocks(&l, 0, NONE);
    for (int b = 0; b < l.count; b++)                                  // loops without an end, dead code
        place_blocks(&l, b, NONE);
    write_code(&l);
}
