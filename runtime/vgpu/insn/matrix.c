// The family of matrix fragments. mma has in o: 4 of d, then a, b, and 4 of c; count is the k of its
// shape and mode its Matrix. ldmatrix: the address, then count destinations; mode 1 transposes.
//
// Lane 4 g + t holds of a rows g and g + 8, of b column g, of c rows g and g + 8 and columns 2 t, 2 t + 1.
// So 32 lanes of a, one element each, are a dense matrix of 8 rows and 4 k: a plane; 32 lanes of b are
// one of 8 columns and 4 k. A register of 16-bit elements is two planes, of even and of odd k.
#include "runtime/vgpu/insn/address.h"
#include "runtime/vgpu/insn/rounding.h"

typedef f32 V4 __attribute__((vector_size(16)));
typedef f32 V8 __attribute__((vector_size(32)));

enum { MOST_PLANES = 4 };
typedef struct { _Alignas(64) f32 v[MOST_PLANES][LANES]; } Planes;

// The planes of a register behind the `at` first ones; how many it has.
static inline int spread(const Warp *w, int reg, Matrix kind, Planes *to, int at)
{
    const u32 *bits = (const u32 *)__builtin_assume_aligned(w->r + reg, 64);
    f32 *even = to->v[at];
    if (kind == MATRIX_TF32) {
        for (int l = 0; l < LANES; l++)
            even[l] = f32_of_bits(bits[l] & 0xffffe000);               // as the hardware truncates
        return 1;
    }
    f32 *odd = to->v[at + 1];
    for (int l = 0; l < LANES; l++) {
        even[l] = kind == MATRIX_BF16 ? f32_of_bits(bits[l] << 16) : f32_of_f16((u16)bits[l]);
        odd[l] = kind == MATRIX_BF16 ? f32_of_bits(bits[l] & 0xffff0000) : f32_of_f16((u16)(bits[l] >> 16));
    }
    return 2;
}

// Rows of b, columns in the order 0 2 4 6 1 3 5 7, from a plane, which has them one by one.
static inline void turn(const f32 plane[LANES], V8 b[4])
{
    const V8 *r = (const V8 *)plane;                                   // columns 2 j and 2 j + 1
    V8 low = __builtin_shufflevector(r[0], r[1], 0, 8, 1, 9, 4, 12, 5, 13);
    V8 high = __builtin_shufflevector(r[0], r[1], 2, 10, 3, 11, 6, 14, 7, 15);
    V8 low2 = __builtin_shufflevector(r[2], r[3], 0, 8, 1, 9, 4, 12, 5, 13);
    V8 high2 = __builtin_shufflevector(r[2], r[3], 2, 10, 3, 11, 6, 14, 7, 15);
    b[0] = __builtin_shufflevector(low, low2, 0, 1, 8, 9, 4, 5, 12, 13);
    b[1] = __builtin_shufflevector(low, low2, 2, 3, 10, 11, 6, 7, 14, 15);
    b[2] = __builtin_shufflevector(high, high2, 0, 1, 8, 9, 4, 5, 12, 13);
    b[3] = __builtin_shufflevector(high, high2, 2, 3, 10, 11, 6, 7, 14, 15);
}

// Eight rows of d = a * b + c: registers of even columns, then of odd ones. Products of these formats are
// exact in float (but for subnormal ones), so that fused or not is the same.
static inline void multiply_rows(Warp *w, const int32_t d[2], const int32_t c[2], const Planes *a, V8 b[][4],
                                 int planes)
{
    const V4 *even = (const V4 *)(const void *)(w->r + c[0]), *odd = (const V4 *)(const void *)(w->r + c[1]);
    V8 sum[8];
#pragma GCC unroll 8
    for (int y = 0; y < 8; y++)
        sum[y] = __builtin_shufflevector(even[y], odd[y], 0, 1, 2, 3, 4, 5, 6, 7);
#pragma GCC unroll 4
    for (int p = 0; p < planes; p++)
#pragma GCC unroll 4
        for (int k = 0; k < 4; k++)
#pragma GCC unroll 8
            for (int y = 0; y < 8; y++)
                sum[y] += a->v[p][4 * y + k] * b[p][k];
    V4 *even_to = (V4 *)(void *)(w->r + d[0]), *odd_to = (V4 *)(void *)(w->r + d[1]);
#pragma GCC unroll 8
    for (int y = 0; y < 8; y++) {
        even_to[y] = __builtin_shufflevector(sum[y], sum[y], 0, 1, 2, 3);
        odd_to[y] = __builtin_shufflevector(sum[y], sum[y], 4, 5, 6, 7);
    }
}

static inline void run_mma(Warp *w, const Insn *i, Matrix kind, int k_count)
{
    Planes top, bottom, columns;
    V8 b[MOST_PLANES][4];
    int planes = k_count / 4, registers = kind == MATRIX_TF32 ? planes : planes / 2;
    const int32_t *a_ = i->o + 4, *b_ = a_ + 2 * registers, *c_ = b_ + registers;
    for (int r = 0, at = 0; r < registers; r++) {
        spread(w, a_[2 * r], kind, &top, at);
        spread(w, a_[2 * r + 1], kind, &bottom, at);
        at += spread(w, b_[r], kind, &columns, at);
    }
    for (int p = 0; p < planes; p++)
        turn(columns.v[p], b[p]);
    multiply_rows(w, i->o, c_, &top, b, planes);
    multiply_rows(w, i->o + 2, c_ + 2, &bottom, b, planes);
}

// Are the 13 bits that the hardware drops zero in all operands?
static void check_rounded(Warp *w, const Insn *i)
{
    for (int r = 4; r < 4 + 3 * i->count / 4; r++) {
        const u32 *bits = REG(u32, r);
        u32 lost = 0;
        for (int l = 0; l < LANES; l++)
            lost |= bits[l];
        for (int l = 0; l < LANES && lost & 0x1fff; l++)
            if (bits[l] & 0x1fff) {
                vgpu_report(w, i, l, VGPU_NOT_ROUNDED, "multiplies %#x (%g), which is no tf32", bits[l],
                            (f64)f32_of_bits(bits[l]));
                return;
            }
    }
}

static void mma(Warp *w, const Insn *i, uint32_t mask)
{
    (void)mask;
    if (w->block->launch->how->check && i->mode == MATRIX_TF32)
        check_rounded(w, i);
    switch (i->mode << 5 | i->count) {
    case MATRIX_TF32 << 5 | 8:  run_mma(w, i, MATRIX_TF32, 8); break;
    case MATRIX_TF32 << 5 | 4:  run_mma(w, i, MATRIX_TF32, 4); break;
    case MATRIX_BF16 << 5 | 16: run_mma(w, i, MATRIX_BF16, 16); break;
    case MATRIX_BF16 << 5 | 8:  run_mma(w, i, MATRIX_BF16, 8); break;
    case MATRIX_F16 << 5 | 16:  run_mma(w, i, MATRIX_F16, 16); break;
    default:                    run_mma(w, i, MATRIX_F16, 8); break;
    }
}

static void load_matrices(Warp *w, const Insn *i, uint32_t mask)
{
    u64 at[LANES];
    u8 *host[LANES], nothing[16] = { 0 };                      // the row of a lane that has ended
    for (int l = 0; l < LANES; l++)
        host[l] = nothing;
    uint32_t givers = i->count == 4 ? ALL_LANES : (1u << 8 * i->count) - 1;
    addresses(w, i->o[0], i->base_width, i->offset, at);
    locate(w, i, SPACE_SHARED, mask & givers, at, 16, ACCESS_READ, host);
    for (int k = 0; k < i->count; k++) {
        u16 (*d)[8] = (u16 (*)[8])REG(u16, 1 + k);             // lane l holds two of row l / 4
        for (int row = 0; row < 8; row++)
            if (!i->mode)
                memcpy(d[row], host[8 * k + row], 16);
            else
                for (int column = 0; column < 8; column++)
                    memcpy(&d[column][row], host[8 * k + row] + 2 * column, 2);
    }
}

static const InsnRow rows[] = {
    { "mma", mma, { 0 } },
    { "ldmatrix", load_matrices, { 0 } },
};
const InsnFamily LEVEL(insn_matrix) = { rows, sizeof rows / sizeof *rows };
