// The family of matrix fragments. mma has in o: 4 of d, then a, b, and 4 of c; count is the k of its
// shape and mode its Matrix. ldmatrix: the address, then count destinations; mode 1 transposes.
// Lane 4 g + t holds: of a, 16 x k, rows g and g + 8; of b, k x 8, column g; of c, rows g and g + 8,
// columns 2 t and 2 t + 1.
#include "runtime/vgpu/insn/address.h"
#include "runtime/vgpu/insn/rounding.h"

enum { ROWS = 16, COLUMNS = 8, MOST_K = 16 };

// Element `half` of a lane's register as a float.
static inline f32 element(u32 bits, Matrix kind, int half)
{
    if (kind == MATRIX_TF32)
        return f32_of_bits(bits & 0xffffe000);                         // as the hardware truncates
    if (kind == MATRIX_BF16)
        return f32_of_bits(half ? bits & 0xffff0000 : bits << 16);
    return f32_of_f16((u16)(half ? bits >> 16 : bits));
}

// A register of 8 rows of a: `each` elements a lane, from column `at` on.
static inline void spread_rows(const Warp *w, int reg, Matrix kind, int each, f32 to[][MOST_K], int at)
{
    const u32 *a = (const u32 *)__builtin_assume_aligned(w->r + reg, 64);
    for (int l = 0; l < LANES; l++)
        for (int half = 0; half < each; half++)
            to[l / 4][at + l % 4 * each + half] = element(a[l], kind, half);
}

// A register of 8 columns of b, from row `at` on.
static inline void spread_columns(const Warp *w, int reg, Matrix kind, int each, f32 to[][COLUMNS], int at)
{
    const u32 *b = (const u32 *)__builtin_assume_aligned(w->r + reg, 64);
    for (int l = 0; l < LANES; l++)
        for (int half = 0; half < each; half++)
            to[at + l % 4 * each + half][l / 4] = element(b[l], kind, half);
}

// c += a * b, k ascending. Products of these formats are exact in float: fused or not is the same.
static inline void multiply(f32 c[ROWS][COLUMNS], f32 a[ROWS][MOST_K], f32 b[MOST_K][COLUMNS], int k_count)
{
    for (int y = 0; y < ROWS; y++)
        for (int k = 0; k < k_count; k++)
            for (int x = 0; x < COLUMNS; x++)
                c[y][x] += a[y][k] * b[k][x];
}

static inline void run_mma(Warp *w, const Insn *i, Matrix kind, int k_count)
{
    f32 a[ROWS][MOST_K], b[MOST_K][COLUMNS], c[ROWS][COLUMNS];
    int each = kind == MATRIX_TF32 ? 1 : 2, pieces = k_count / (4 * each);
    const int32_t *a_ = i->o + 4, *b_ = a_ + 2 * pieces, *c_ = b_ + pieces;
    for (int k = 0; k < pieces; k++) {
        spread_rows(w, a_[2 * k], kind, each, a, 4 * each * k);
        spread_rows(w, a_[2 * k + 1], kind, each, a + 8, 4 * each * k);
        spread_columns(w, b_[k], kind, each, b, 4 * each * k);
    }
    for (int r = 0; r < 4; r++) {
        const f32 *from = (const f32 *)(w->r + c_[r]);
        for (int l = 0; l < LANES; l++)
            c[l / 4 + 8 * (r / 2)][2 * (l % 4) + r % 2] = from[l];
    }
    multiply(c, a, b, k_count);
    for (int r = 0; r < 4; r++) {
        f32 *to = (f32 *)(w->r + i->o[r]);
        for (int l = 0; l < LANES; l++)
            to[l] = c[l / 4 + 8 * (r / 2)][2 * (l % 4) + r % 2];
    }
}

static void mma(Warp *w, const Insn *i, uint32_t mask)
{
    (void)mask;
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
    u8 *host[LANES];
    uint32_t givers = i->count == 4 ? ALL_LANES : (1u << 8 * i->count) - 1;
    addresses(w, i->o[0], i->base_width, i->offset, at);
    locate(w, i, SPACE_SHARED, mask & givers, at, 16, ACCESS_READ, host);
    for (int k = 0; k < i->count; k++) {
        u16 m[8][8];
        for (int row = 0; row < 8; row++)
            memcpy(m[row], host[8 * k + row], 16);
        u32 *d = REG(u32, 1 + k);
        for (int l = 0; l < LANES; l++) {
            int row = l / 4, column = 2 * (l % 4);
            d[l] = i->mode ? m[column][row] | (u32)m[column + 1][row] << 16
                           : m[row][column] | (u32)m[row][column + 1] << 16;
        }
    }
}

static const InsnRow rows[] = {
    { "mma", mma, { 0 } },
    { "ldmatrix", load_matrices, { 0 } },
};
const InsnFamily LEVEL(insn_matrix) = { rows, sizeof rows / sizeof *rows };
