// The family of loads and stores, and of vectors of registers. o[0] is the address, then come the
// elements; a load leaves elements out that are NO_OPERAND. width: of an element in memory; reg_width: of
// its register, to which it is extended with its sign when mode is 1.
#include "runtime/vgpu/insn/address.h"

typedef u32 Words __attribute__((vector_size(16), aligned(4), may_alias));
typedef u32 Registers4 __attribute__((vector_size(16)));

// A row is copied to a register element by element: T in memory, D in the register.
#define LOAD(T, D)                                                      \
    {                                                                   \
        D *d_ = REG(D, 1 + k);                                          \
        size_t at_ = (size_t)k * sizeof(T);                             \
        EACH_LANE(mask, T x_; memcpy(&x_, host[l] + at_, sizeof x_); d_[l] = (D)x_) \
    }
#define STORE(T, D)                                                     \
    {                                                                   \
        const D *a_ = REG(D, 1 + k);                                    \
        size_t at_ = (size_t)k * sizeof(T);                             \
        for (int l = 0; l < LANES; l++)                                 \
            if (mask >> l & 1) {                                        \
                T x_ = (T)a_[l];                                        \
                memcpy(host[l] + at_, &x_, sizeof x_);                  \
            }                                                           \
    }
#define WIDTHS(memory, reg) (16 * (memory) + (reg))

// --- the common forms, faster: 4-byte elements of all lanes ----------------------------------------

// Are the lanes' addresses `step` bytes apart?
static inline bool are_apart(u8 *const host[LANES], size_t step)
{
    uintptr_t wrong = 0, first = (uintptr_t)host[0];
    if ((uintptr_t)host[1] != first + step)
        return false;
    for (int l = 0; l < LANES; l++)
        wrong |= (uintptr_t)host[l] ^ (first + (uintptr_t)l * step);
    return wrong == 0;
}

static inline void load_words(u32 *d, u8 *const host[LANES])
{
    if (are_apart(host, 4)) {
        memcpy(d, host[0], LANES * sizeof *d);
    } else if (are_apart(host, 0)) {
        u32 x;
        memcpy(&x, host[0], sizeof x);
        for (int l = 0; l < LANES; l++)
            d[l] = x;
    } else {
        for (int l = 0; l < LANES; l++)
            memcpy(&d[l], host[l], sizeof *d);
    }
}

static inline void load_pairs(u32 *d0, u32 *d1, u8 *const host[LANES])
{
    u64 both[LANES];
    for (int l = 0; l < LANES; l++)
        memcpy(&both[l], host[l], sizeof *both);
    for (int l = 0; l < LANES; l++) {
        d0[l] = (u32)both[l];
        d1[l] = (u32)(both[l] >> 32);
    }
}

// Four rows of four words become four columns.
static inline void turn(const Registers4 a[4], Registers4 b[4])
{
    Registers4 low = __builtin_shufflevector(a[0], a[1], 0, 4, 1, 5);
    Registers4 high = __builtin_shufflevector(a[0], a[1], 2, 6, 3, 7);
    Registers4 low2 = __builtin_shufflevector(a[2], a[3], 0, 4, 1, 5);
    Registers4 high2 = __builtin_shufflevector(a[2], a[3], 2, 6, 3, 7);
    b[0] = __builtin_shufflevector(low, low2, 0, 1, 4, 5);
    b[1] = __builtin_shufflevector(low, low2, 2, 3, 6, 7);
    b[2] = __builtin_shufflevector(high, high2, 0, 1, 4, 5);
    b[3] = __builtin_shufflevector(high, high2, 2, 3, 6, 7);
}

static inline void load_quads(Warp *w, const Insn *i, u8 *const host[LANES])
{
    for (int l = 0; l < LANES; l += 4) {
        Registers4 rows[4], columns[4];
        for (int k = 0; k < 4; k++)
            rows[k] = *(const Words *)host[l + k];
        turn(rows, columns);
        for (int k = 0; k < 4; k++)
            *(Registers4 *)(REG(u32, 1 + k) + l) = columns[k];
    }
}

static inline void store_quads(Warp *w, const Insn *i, u8 *const host[LANES])
{
    for (int l = 0; l < LANES; l += 4) {
        Registers4 rows[4], columns[4];
        for (int k = 0; k < 4; k++)
            rows[k] = *(const Registers4 *)(REG(u32, 1 + k) + l);
        turn(rows, columns);
        for (int k = 0; k < 4; k++)
            *(Words *)host[l + k] = columns[k];
    }
}

static bool has_all_elements(const Insn *i)
{
    for (int k = 0; k < i->count; k++)
        if (i->o[1 + k] == NO_OPERAND)
            return false;
    return true;
}

// False: not one of these.
static inline bool load_fast(Warp *w, const Insn *i, u8 *const host[LANES])
{
    if (i->count == 1)
        load_words(REG(u32, 1), host);
    else if (!has_all_elements(i))
        return false;
    else if (i->count == 2)
        load_pairs(REG(u32, 1), REG(u32, 2), host);
    else
        load_quads(w, i, host);
    return true;
}

static inline bool store_fast(Warp *w, const Insn *i, u8 *const host[LANES])
{
    if (i->count == 4)
        store_quads(w, i, host);
    else if (i->count == 1 && are_apart(host, 4))
        memcpy(host[0], REG(u32, 1), LANES * 4);
    else
        return false;
    return true;
}

// --- all forms -------------------------------------------------------------------------------------

static void load_unsigned(Warp *w, const Insn *i, uint32_t mask, u8 *host[LANES], int k)
{
    switch (WIDTHS(i->width, i->reg_width)) {
    case WIDTHS(1, 2): LOAD(u8, u16) break;
    case WIDTHS(1, 4): LOAD(u8, u32) break;
    case WIDTHS(1, 8): LOAD(u8, u64) break;
    case WIDTHS(2, 2): LOAD(u16, u16) break;
    case WIDTHS(2, 4): LOAD(u16, u32) break;
    case WIDTHS(2, 8): LOAD(u16, u64) break;
    case WIDTHS(4, 4): LOAD(u32, u32) break;
    case WIDTHS(4, 8): LOAD(u32, u64) break;
    default:           LOAD(u64, u64) break;
    }
}

static void load_signed(Warp *w, const Insn *i, uint32_t mask, u8 *host[LANES], int k)
{
    switch (WIDTHS(i->width, i->reg_width)) {
    case WIDTHS(1, 2): LOAD(s8, s16) break;
    case WIDTHS(1, 4): LOAD(s8, s32) break;
    case WIDTHS(1, 8): LOAD(s8, s64) break;
    case WIDTHS(2, 4): LOAD(s16, s32) break;
    case WIDTHS(2, 8): LOAD(s16, s64) break;
    case WIDTHS(4, 8): LOAD(s32, s64) break;
    default:           load_unsigned(w, i, mask, host, k);
    }
}

static void load(Warp *w, const Insn *i, uint32_t mask)
{
    u64 at[LANES];
    u8 *host[LANES];
    addresses(w, i->o[0], i->base_width, i->offset, at);
    locate(w, i, (Space)i->space, mask, at, (unsigned)i->width * i->count, ACCESS_READ, host);
    if (mask == ALL_LANES && i->width == 4 && i->reg_width == 4 && load_fast(w, i, host))
        return;
    for (int k = 0; k < i->count; k++) {
        if (i->o[1 + k] == NO_OPERAND)
            continue;
        if (i->mode)
            load_signed(w, i, mask, host, k);
        else
            load_unsigned(w, i, mask, host, k);
    }
}

static void store(Warp *w, const Insn *i, uint32_t mask)
{
    u64 at[LANES];
    u8 *host[LANES];
    addresses(w, i->o[0], i->base_width, i->offset, at);
    locate(w, i, (Space)i->space, mask, at, (unsigned)i->width * i->count, ACCESS_WRITE, host);
    if (mask == ALL_LANES && i->width == 4 && i->reg_width == 4 && store_fast(w, i, host))
        return;
    for (int k = 0; k < i->count; k++)
        switch (WIDTHS(i->width, i->reg_width)) {
        case WIDTHS(1, 2): STORE(u8, u16) break;
        case WIDTHS(1, 4): STORE(u8, u32) break;
        case WIDTHS(1, 8): STORE(u8, u64) break;
        case WIDTHS(2, 2): STORE(u16, u16) break;
        case WIDTHS(2, 4): STORE(u16, u32) break;
        case WIDTHS(2, 8): STORE(u16, u64) break;
        case WIDTHS(4, 4): STORE(u32, u32) break;
        case WIDTHS(4, 8): STORE(u32, u64) break;
        default:           STORE(u64, u64) break;
        }
}

// A parameter is the same for all lanes: o[0] is where it goes, offset its byte, width its bytes.
static void load_param(Warp *w, const Insn *i, uint32_t mask)
{
    const u8 *from = w->block->launch->params + i->offset;
    u64 x = 0;
    memcpy(&x, from, i->width);
    if (i->mode)
        x = (u64)((s64)(x << (64 - 8 * i->width)) >> (64 - 8 * i->width));
    if (i->reg_width == 8) {
        u64 *d = REG(u64, 0);
        EACH_LANE(mask, d[l] = x)
    } else if (i->reg_width == 4) {
        u32 *d = REG(u32, 0);
        EACH_LANE(mask, d[l] = (u32)x)
    } else {
        u16 *d = REG(u16, 0);
        EACH_LANE(mask, d[l] = (u16)x)
    }
}

// mov of a vector to one register, o[0], of count elements of width bytes, o[1] and on; and back.
static void pack(Warp *w, const Insn *i, uint32_t mask)
{
    u8 *d = w->r + i->o[0];
    int whole = i->width * i->count;
    u8 was[LANES * 8];
    for (int k = 0; k < i->count; k++) {                     // a source may be the destination: aside first
        const u8 *a = w->r + i->o[1 + k];
        for (int l = 0; l < LANES; l++)
            memcpy(was + l * whole + k * i->width, a + l * i->width, i->width);
    }
    EACH_LANE(mask, memcpy(d + l * whole, was + l * whole, (size_t)whole))
}

static void unpack(Warp *w, const Insn *i, uint32_t mask)
{
    const u8 *a = w->r + i->o[0];
    int whole = i->width * i->count;
    for (int k = 0; k < i->count; k++) {
        if (i->o[1 + k] == NO_OPERAND)
            continue;
        u8 *d = w->r + i->o[1 + k];
        EACH_LANE(mask, memcpy(d + l * i->width, a + l * whole + k * i->width, i->width))
    }
}

// Fences and hints: memory is always as it was written last.
static void nothing(Warp *w, const Insn *i, uint32_t mask)
{
    (void)w, (void)i, (void)mask;
}

static const InsnRow rows[] = {
    { "ld", load, { 0 } },
    { "st", store, { 0 } },
    { "ld.param", load_param, { 0 } },
    { "mov.pack", pack, { 0 } },
    { "mov.unpack", unpack, { 0 } },
    { "nothing", nothing, { 0 } },
};
const InsnFamily LEVEL(insn_memory) = { rows, sizeof rows / sizeof *rows };
