// Counts what a launch does: sectors of global memory, wavefronts of shared memory, bytes, operations. The
// rules are those that NVIDIA documents for compute capability 5.0 and later.
#include "runtime/vgpu/vgpu_count.h"
#include "runtime/vgpu/insn/address.h"
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum { SECTOR = 32, BANKS = 32, WAVEFRONT = 128 };

// --- what is known before ---------------------------------------------------------------------------

const char *vgpu_class_name(VgpuClass c)
{
    static const char *const names[VGPU_CLASSES] = {
        [VGPU_TENSOR] = "tensor", [VGPU_FLOAT] = "float", [VGPU_SPECIAL] = "special",
        [VGPU_INTEGER] = "integer", [VGPU_CONVERT] = "convert", [VGPU_COMPARE] = "compare",
        [VGPU_MOVE] = "move", [VGPU_LANES] = "lanes", [VGPU_GLOBAL] = "global", [VGPU_SHARED] = "shared",
        [VGPU_LOCAL] = "local", [VGPU_CONSTANT] = "constant", [VGPU_ATOMIC] = "atomic",
        [VGPU_COPY] = "copy", [VGPU_CONTROL] = "control",
    };
    return names[c];
}

typedef struct { const char *word; VgpuClass of_floats, of_integers; unsigned flops; } Opcode;
static const Opcode opcodes[] = {
#define OPCODE(word, floats, integers, flops) { word, VGPU_##floats, VGPU_##integers, flops },
#include "runtime/vgpu/opcodes.def"
#undef OPCODE
};

// "add.rn.f32" of "@%p1 add.rn.f32 %f1, ...".
static void copy_name(const char *text, char to[64])
{
    if (*text == '@')
        text += strcspn(text, " \t\r\n");
    text += strspn(text, " \t\r\n");
    size_t length = strcspn(text, " \t\r\n{;");
    snprintf(to, 64, "%.*s", (int)(length < 63 ? length : 63), text);
}

static VgpuClass class_of_memory(const Insn *i)
{
    switch ((Space)i->space) {
    case SPACE_SHARED: return VGPU_SHARED;
    case SPACE_LOCAL:  return VGPU_LOCAL;
    case SPACE_CONST:
    case SPACE_PARAM:  return VGPU_CONSTANT;
    default:           return VGPU_GLOBAL;
    }
}

static bool begins(const char *name, const char *word)
{
    size_t length = strlen(word);
    return strncmp(name, word, length) == 0 && (!name[length] || name[length] == '.');
}

static Nature nature_of(const Insn *i)
{
    char name[64];
    copy_name(i->text, name);
    const char *type = strrchr(name, '.');
    bool is_float = type && (type[1] == 'f' || strncmp(type, ".bf", 3) == 0);
    if (begins(name, "ld") || begins(name, "ldu") || begins(name, "st")) {
        VgpuClass class = class_of_memory(i);
        Moves moves = class == VGPU_CONSTANT ? MOVES_NOTHING : name[0] == 'l' ? MOVES_IN : MOVES_OUT;
        return (Nature){ .class = class, .moves = moves };
    }
    if (type && strcmp(type, ".pred") == 0)
        return (Nature){ .class = VGPU_COMPARE };
    Nature n = { .class = VGPU_INTEGER };
    for (size_t k = 0; k < sizeof opcodes / sizeof *opcodes; k++)
        if (begins(name, opcodes[k].word)) {
            n.class = is_float ? opcodes[k].of_floats : opcodes[k].of_integers;
            n.lane_flops = is_float ? opcodes[k].flops * (strstr(type, "x2") ? 2 : 1) : 0;
        }
    if (n.class == VGPU_TENSOR)
        n = (Nature){ .class = VGPU_TENSOR, .warp_flops = 2u * 16 * 8 * i->count };
    else if (n.class == VGPU_SHARED)
        n.moves = MOVES_MATRICES;
    else if (n.class == VGPU_ATOMIC)
        n.moves = MOVES_BOTH;
    else if (n.class == VGPU_COPY && !i->width)
        n.class = VGPU_CONTROL;                                        // commits, waits
    else if (n.class == VGPU_COPY)
        n.moves = MOVES_COPY;
    return n;
}

// --- one memory -------------------------------------------------------------------------------------

// Sorts, and takes out what is there twice; returns how many are left. Mostly they are in order already.
static int unique(uint64_t *a, int count)
{
    int left = 0;
    for (int k = 1; k < count; k++) {
        uint64_t x = a[k];
        int at = k;
        for (; at > 0 && a[at - 1] > x; at--)
            a[at] = a[at - 1];
        a[at] = x;
    }
    for (int k = 0; k < count; k++)
        if (!left || a[left - 1] != a[k])
            a[left++] = a[k];
    return left;
}

static void add_bytes(VgpuTraffic *t, uint32_t mask, unsigned bytes, Moves moves)
{
    uint64_t all = (uint64_t)__builtin_popcount(mask) * bytes;
    t->requests++;
    t->read += moves == MOVES_OUT ? 0 : all;
    t->written += moves == MOVES_IN ? 0 : all;
}

static void count_global(VgpuTraffic *t, uint32_t mask, const uint64_t at[LANES], unsigned bytes,
                         Moves moves)
{
    uint64_t sectors[2 * LANES], places[LANES];
    int touched = 0, count = 0;
    for (int l = 0; l < LANES; l++) {
        if (!(mask >> l & 1))
            continue;
        places[count++] = at[l];
        sectors[touched++] = at[l] / SECTOR;
        if ((at[l] + bytes - 1) / SECTOR != at[l] / SECTOR)            // only when misaligned
            sectors[touched++] = at[l] / SECTOR + 1;
    }
    t->transfers += (uint64_t)unique(sectors, touched);
    t->ideal += ((uint64_t)unique(places, count) * bytes + SECTOR - 1) / SECTOR;
    add_bytes(t, mask, bytes, moves);
}

// The lanes' words of local memory lie beside each other, so that all lanes' same word is 4 sectors.
static void count_local(VgpuTraffic *t, uint32_t mask, const uint64_t at[LANES], unsigned bytes, Moves moves)
{
    uint64_t sectors[4 * LANES];
    unsigned words = bytes < 4 ? 1 : bytes / 4;
    int touched = 0;
    for (unsigned k = 0; k < words; k++)
        for (int l = 0; l < LANES; l++)
            if (mask >> l & 1)
                sectors[touched++] = ((at[l] / 4 + k) * LANES + (unsigned)l) * 4 / SECTOR;
    t->transfers += (uint64_t)unique(sectors, touched);
    t->ideal += ((uint64_t)__builtin_popcount(mask) * words * 4 + SECTOR - 1) / SECTOR;
    add_bytes(t, mask, bytes, moves);
}

// The most words that one bank must give. Lanes share what they read or write of a word; atomic updates
// come one after the other.
static unsigned busiest_bank(uint32_t mask, const uint64_t at[LANES], unsigned words, bool is_atomic)
{
    uint32_t given[BANKS][LANES];
    unsigned count[BANKS] = { 0 }, most = 0;
    for (; mask; mask &= mask - 1)
        for (unsigned k = 0; k < words; k++) {
            uint32_t word = (uint32_t)at[__builtin_ctz(mask)] / 4 + k;
            unsigned bank = word % BANKS, n = 0;
            while (n < count[bank] && (is_atomic || given[bank][n] != word))
                n++;
            given[bank][n] = word;
            count[bank] = n == count[bank] ? n + 1 : count[bank];
            most = count[bank] > most ? count[bank] : most;
        }
    return most;
}

// Accesses of 8 bytes are done half a warp at a time, those of 16 bytes a quarter.
static void count_shared(VgpuTraffic *t, uint32_t mask, const uint64_t at[LANES], unsigned bytes,
                         Moves moves)
{
    unsigned lanes = bytes <= 4 ? LANES : WAVEFRONT / bytes, words = bytes < 4 ? 1 : bytes / 4;
    for (unsigned first = 0; first < LANES; first += lanes) {
        uint32_t part = mask & (uint32_t)(((uint64_t)1 << lanes) - 1) << first;
        if (!part)
            continue;
        t->transfers += busiest_bank(part, at, words, moves == MOVES_BOTH);
        t->ideal++;
    }
    add_bytes(t, mask, bytes, moves);
}

// --- all of them ------------------------------------------------------------------------------------

static uint32_t lanes_in(uint32_t mask, const uint64_t at[LANES], uint64_t window)
{
    for (int l = 0; l < LANES; l++)
        if ((at[l] & WINDOW_BITS) != window)
            mask &= ~(1u << l);
    return mask;
}

static void count_generic(VgpuCount *c, uint32_t mask, const uint64_t at[LANES], unsigned bytes, Moves moves)
{
    uint64_t offset[LANES];
    uint32_t shared = lanes_in(mask, at, SHARED_WINDOW), local = lanes_in(mask, at, LOCAL_WINDOW);
    for (int l = 0; l < LANES; l++)
        offset[l] = at[l] & ~WINDOW_BITS;
    if (shared)
        count_shared(&c->shared, shared, offset, bytes, moves);
    if (local)
        count_local(&c->local, local, offset, bytes, moves);
    if (mask & ~(shared | local))
        count_global(&c->global, mask & ~(shared | local), at, bytes, moves);
}

static void count_access(VgpuCount *c, Space space, uint32_t mask, const uint64_t at[LANES], unsigned bytes,
                         Moves moves)
{
    switch (space) {
    case SPACE_SHARED:  count_shared(&c->shared, mask, at, bytes, moves); break;
    case SPACE_LOCAL:   count_local(&c->local, mask, at, bytes, moves); break;
    case SPACE_GENERIC: count_generic(c, mask, at, bytes, moves); break;
    default:            count_global(&c->global, mask, at, bytes, moves); break;
    }
}

// Lanes that read less than all bytes, or nothing, write zeros for the others.
static void count_copy(VgpuCount *c, const Warp *w, const Insn *i, uint32_t mask)
{
    uint64_t to[LANES], from[LANES];
    uint32_t reading = mask;
    addresses(w, i->o[0], i->base_width, i->target, to);
    addresses(w, i->o[1], i->mode2, i->offset, from);
    count_shared(&c->shared, mask, to, i->width, MOVES_OUT);
    const uint32_t *bytes = i->o[2] == NO_OPERAND ? NULL : (const uint32_t *)(const void *)(w->r + i->o[2]);
    for (int l = 0; l < LANES && bytes; l++)
        if (!bytes[l])
            reading &= ~(1u << l);
    if (reading)
        count_global(&c->global, reading, from, i->width, MOVES_IN);
    for (int l = 0; l < LANES && bytes; l++)
        if (reading >> l & 1 && bytes[l] < i->width)
            c->global.read -= i->width - bytes[l];
}

void vgpu_count(Warp *w, const Insn *i, uint32_t mask)
{
    const Launch *launch = w->block->launch;
    ptrdiff_t number = i - launch->kernel->code;
    const Nature *n = &launch->natures[number];
    VgpuCount *c = &w->block->counts[number];
    uint64_t at[LANES];
    c->executions++;
    c->lanes += (uint64_t)__builtin_popcount(mask);
    if (!mask || n->moves == MOVES_NOTHING)
        return;
    if (n->moves == MOVES_COPY) {
        count_copy(c, w, i, mask);
    } else if (n->moves == MOVES_MATRICES) {                           // a quarter of the warp gives rows
        uint32_t givers = i->count == 4 ? ALL_LANES : (1u << 8 * i->count) - 1;
        addresses(w, i->o[0], i->base_width, i->offset, at);
        count_shared(&c->shared, mask & givers, at, 16, MOVES_IN);
    } else {
        addresses(w, i->o[n->moves == MOVES_BOTH ? 1 : 0], i->base_width, i->offset, at);
        unsigned bytes = n->moves == MOVES_BOTH ? i->width : (unsigned)i->width * i->count;
        count_access(c, (Space)i->space, mask, at, bytes, n->moves);
    }
}

// --- counters ---------------------------------------------------------------------------------------

// The calls in the middle of a long chain are left out.
static void fill_places(VgpuCounter *c, const VgpuModule *m, int place)
{
    for (; place >= 0 && m->places[place].file[0]; place = m->places[place].in) {
        c->place_count -= c->place_count == VGPU_PLACES;
        c->places[c->place_count++] = (VgpuPlace){ m->places[place].file, m->places[place].line };
    }
}

static bool open_counters(VgpuCounters *c, const VgpuModule *m, const Kernel *k, const Nature *natures)
{
    c->list = calloc((size_t)k->code_count, sizeof *c->list);
    if (!c->list)
        return false;
    c->kernel = k->name;
    c->count = k->code_count;
    for (int n = 0; n < k->code_count; n++) {
        c->list[n].class = natures[n].class;
        fill_places(&c->list[n], m, k->code[n].place);
        vgpu_copy_ptx(k->code[n].text, c->list[n].ptx, sizeof c->list[n].ptx);
    }
    return true;
}

bool vgpu_count_begin(Launch *launch)
{
    const Kernel *k = launch->kernel;
    VgpuCounters *c = launch->how->counters;
    if (!c)
        return true;
    launch->natures = calloc((size_t)k->code_count, sizeof *launch->natures);
    for (int n = 0; launch->natures && n < k->code_count; n++)
        launch->natures[n] = nature_of(&k->code[n]);
    bool ok = launch->natures && (c->list || open_counters(c, launch->module, k, launch->natures));
    c->launches += ok;
    return ok;
}

void vgpu_count_merge(const Launch *launch, const Block *b)
{
    VgpuCounters *c = launch->how->counters;
    for (int n = 0; b->counts && n < c->count; n++) {
        const Nature *nature = &launch->natures[n];
        VgpuCount *own = &b->counts[n];
        own->flops = own->lanes * nature->lane_flops + own->lanes / LANES * nature->warp_flops;
        vgpu_count_add(&c->list[n].count, own);
    }
}

static void add_traffic(VgpuTraffic *to, const VgpuTraffic *from)
{
    to->requests += from->requests;
    to->transfers += from->transfers;
    to->ideal += from->ideal;
    to->read += from->read;
    to->written += from->written;
}

void vgpu_count_add(VgpuCount *to, const VgpuCount *from)
{
    to->executions += from->executions;
    to->lanes += from->lanes;
    to->flops += from->flops;
    add_traffic(&to->global, &from->global);
    add_traffic(&to->shared, &from->shared);
    add_traffic(&to->local, &from->local);
}

VgpuCount vgpu_counters_sum(const VgpuCounters *c, VgpuClass class)
{
    VgpuCount sum = { 0 };
    for (int n = 0; n < c->count; n++)
        if (class == VGPU_CLASSES || c->list[n].class == class)
            vgpu_count_add(&sum, &c->list[n].count);
    return sum;
}

void vgpu_counters_close(VgpuCounters *c)
{
    free(c->list);
    *c = (VgpuCounters){ 0 };
}
