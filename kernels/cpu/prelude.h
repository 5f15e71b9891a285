// What every kernel text of the CPU target stands on: vectors of V floats as GNU vector extensions
// and the vocabulary of ir/op.h, each word for a vector and for one float. Stands once at the top
// of a unit, behind `#define V` and random.h. C11 for gcc >= 9 and clang >= 14, no intrinsics.
//
// Padding. A BLOCKED or PANEL tensor has lanes beyond the last channel of a piece, a COLUMNS tensor
// rows beyond the last channel and columns beyond the last image. They hold zeros, always: sums over
// blocks (contractions, channel sums, lrn windows) run over them. Every kernel that writes a tensor
// writes zeros there. Windows, lrn and products of zeros keep zero by themselves; the pointwise
// functions of a head (sigmoid(0) is 0.5) end in r_first_lanes wherever a tensor has padding; a
// softmax and whatever else makes something of nothing masks its last blocks itself.
//
// A body names its functions OWN(name) and undefines what it defines.
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define INLINE   static inline __attribute__((always_inline, unused))
#define NOINLINE static __attribute__((noinline, unused))
#define PASTE_(a, b) a##_##b
#define PASTE(a, b)  PASTE_(a, b)
#define OWN(name)    PASTE(KERNEL, name)

// The layout of program/program.h's, by which the host writes a device's state.
typedef struct {
    uint64_t seed, step;
    int32_t  stop;                     // a loss was NaN or infinite: updates do nothing
    int32_t  images;
    int32_t  first, last;              // of a step's batches, is this the first, the last?
} StepState;
typedef struct { float lr, momentum, decay, reserved; } ParamRates;     // behind it, one a parameter

typedef float    vector_real  __attribute__((vector_size(4 * V)));
typedef int32_t  vector_mask  __attribute__((vector_size(4 * V)));      // lanes: 0 or -1
typedef uint32_t vector_bits  __attribute__((vector_size(4 * V)));
typedef uint8_t  vector_bytes __attribute__((vector_size(V)));
typedef float    vector_near  __attribute__((vector_size(4 * V), aligned(4)));   // anywhere

// A head that says `#define real float` has the same words for one element at a time.
typedef vector_real real;
typedef vector_mask real_mask;
#define LANES ((long)(sizeof(real) / sizeof(float)))
#define R_FORM(word) _Generic((real){ 0 }, float: scalar_##word, default: vector_##word)

// --- loads and stores: `p` any pointer, `at` in elements ---------------------------------------

#define r_load(p, at)     (*(const real *)((const float *)(p) + (at)))
#define r_store(p, at, v) ((void)(*(real *)((float *)(p) + (at)) = (v)))
#define r_load_some(p, at, count) vector_load_some((const float *)(p) + (at), (count))
#define r_load_places(p, at)     R_FORM(load_places)((const uint8_t *)(p) + (at))
#define r_store_places(p, at, m) R_FORM(store_places)((uint8_t *)(p) + (at), (m))

// --- the solver's step -----------------------------------------------------------------------------

// The rules of base/solver.h, whose formulas these are; *v becomes the new velocity, the answer is the
// new weight. `rule` is a constant.
enum { SOLVER_PAPER, SOLVER_TORCH, SOLVER_NESTEROV, SOLVER_TORCH_NESTEROV };

#define SOLVER_STEP(name, T)                                                                \
    INLINE T name(int rule, const ParamRates *r, T w, T *v, T g)                            \
    {                                                                                       \
        if (rule == SOLVER_PAPER) {                                                         \
            *v = r->momentum * *v - r->decay * r->lr * w - r->lr * g;                       \
            return w + *v;                                                                  \
        }                                                                                   \
        T s = g + r->decay * w;                                                             \
        if (rule == SOLVER_NESTEROV)                                                        \
            s = -r->lr * s;                                                                 \
        *v = r->momentum * *v + s;                                                          \
        return rule == SOLVER_TORCH      ? w - r->lr * *v                                   \
               : rule == SOLVER_NESTEROV ? w + (r->momentum * *v + s)                       \
                                         : w - r->lr * (s + r->momentum * *v);              \
    }
SOLVER_STEP(solver_step, vector_real)
SOLVER_STEP(solver_step_one, float)
#undef SOLVER_STEP

// --- the vocabulary ------------------------------------------------------------------------------

// x - 0 is x, bit for bit, and of the type of `real`.
#define r_const(x)        ((x) - (real){ 0 })
#define R0                r_const(0.0f)
#define R1                r_const(1.0f)
#define r_select(q, a, b) R_FORM(select)((q), (a), (b))
#define r_max(a, b)       R_FORM(max)((a), (b))
#define r_min(a, b)       R_FORM(min)((a), (b))
#define r_abs(a)          R_FORM(abs)(a)
#define r_sqrt(a)         R_FORM(sqrt)(a)
#define r_exp(a)          R_FORM(exp)(a)
#define r_log(a)          R_FORM(log)(a)
#define r_tanh(a)         R_FORM(tanh)(a)
// A uniform random number in [0, 1) for each lane: of the elements index, index + step, ...
#define r_random(state, key, index, step) R_FORM(random)((state), (key), (index), (step))
// v in the first `count` lanes, 0 in the others; count may be negative, or more than V.
#define r_first_lanes(v, count) R_FORM(first_lanes)((v), (count))
#define r_lane_is_below(count) R_FORM(lane_is_below)(count)  // the mask of r_first_lanes
#define r_keep(q, v)      R_FORM(keep)((q), (v))             // v where q holds, else 0
#define r_int(x)          ((x) - (real_mask){ 0 })           // the same integer in every lane

#if V == 16
#define LANE_NUMBERS(k) (k), (k) + 1, (k) + 2, (k) + 3, (k) + 4, (k) + 5, (k) + 6, (k) + 7, (k) + 8, \
    (k) + 9, (k) + 10, (k) + 11, (k) + 12, (k) + 13, (k) + 14, (k) + 15
#elif V == 8
#define LANE_NUMBERS(k) (k), (k) + 1, (k) + 2, (k) + 3, (k) + 4, (k) + 5, (k) + 6, (k) + 7
#else
#define LANE_NUMBERS(k) (k), (k) + 1, (k) + 2, (k) + 3
#endif
// Lanes k, k + 1, ... of a and, behind them, b; k is a literal, 0 to V.
#ifdef __clang__
#define r_lanes_from(a, b, k) __builtin_shufflevector((a), (b), LANE_NUMBERS(k))
#else
#define r_lanes_from(a, b, k) __builtin_shuffle((a), (b), (vector_mask){ LANE_NUMBERS(k) })
#endif

INLINE vector_real vector_load_some(const float *p, long count)
{
    vector_real v = { 0 };
    for (long i = 0; i < V && i < count; i++)
        v[i] = p[i];
    return v;
}

INLINE void vector_store_some(float *p, vector_real v, long count)
{
    for (long i = 0; i < V && i < count; i++)
        p[i] = v[i];
}

// Compilers take these two conversions apart byte by byte (gcc 12), at fifty instructions each.
INLINE vector_mask vector_load_places(const uint8_t *p)
{
#if (defined(__AVX512F__) && V == 16) || (defined(__AVX2__) && V == 8)
    vector_mask m;
    __asm__("vpmovzxbd %1, %0" : "=v"(m) : "m"(*(const vector_bytes *)p));
    return m;
#else
    return __builtin_convertvector(*(const vector_bytes *)p, vector_mask);
#endif
}
INLINE int scalar_load_places(const uint8_t *p) { return *p; }

INLINE void vector_store_places(uint8_t *p, vector_mask m)
{
#if defined(__AVX512F__) && V == 16
    __asm__("vpmovdb %1, %0" : "=m"(*(vector_bytes *)p) : "v"(m));
#else
    *(vector_bytes *)p = __builtin_convertvector(m, vector_bytes);
#endif
}
INLINE void scalar_store_places(uint8_t *p, int m) { *p = (uint8_t)m; }

// C has no `q ? a : b` on vectors.
INLINE vector_real vector_select(vector_mask q, vector_real a, vector_real b)
{
    return (vector_real)((q & (vector_mask)a) | (~q & (vector_mask)b));
}
INLINE float scalar_select(int q, float a, float b) { return q ? a : b; }

INLINE vector_mask vector_select_int(vector_mask q, vector_mask a, vector_mask b)
{
    return (q & a) | (~q & b);
}
INLINE int scalar_select_int(int q, int a, int b) { return q ? a : b; }
#define r_select_int(q, a, b) R_FORM(select_int)((q), (a), (b))

INLINE vector_real vector_keep(vector_mask q, vector_real v) { return (vector_real)(q & (vector_mask)v); }
INLINE float scalar_keep(int q, float v) { return q ? v : 0.0f; }

INLINE vector_real vector_max(vector_real a, vector_real b) { return vector_select(a > b, a, b); }
INLINE float scalar_max(float a, float b) { return a > b ? a : b; }
INLINE vector_real vector_min(vector_real a, vector_real b) { return vector_select(a < b, a, b); }
INLINE float scalar_min(float a, float b) { return a < b ? a : b; }

INLINE vector_real vector_abs(vector_real a) { return (vector_real)((vector_mask)a & 0x7fffffff); }
INLINE float scalar_abs(float a) { return __builtin_fabsf(a); }

INLINE vector_mask vector_lane_is_below(long count)
{
    vector_mask lane = { LANE_NUMBERS(0) };
    return lane < (int32_t)(count < V ? count : V);
}
INLINE int scalar_lane_is_below(long count) { return count > 0; }

INLINE vector_real vector_first_lanes(vector_real v, long count)
{
    return vector_keep(vector_lane_is_below(count), v);
}
INLINE float scalar_first_lanes(float v, long count) { return count > 0 ? v : 0.0f; }

// Without asm a loop over lanes: compilers do not make one instruction of it at -O2.
INLINE vector_real vector_sqrt(vector_real a)
{
    vector_real r;
#if defined(__AVX512F__) && V == 16
    __asm__("vsqrtps %1, %0" : "=v"(r) : "v"(a));
#elif defined(__AVX__) && V == 8
    __asm__("vsqrtps %1, %0" : "=x"(r) : "x"(a));
#elif defined(__SSE2__) && !defined(__AVX__) && V == 4
    __asm__("sqrtps %1, %0" : "=x"(r) : "x"(a));
#elif defined(__aarch64__) && V == 4
    __asm__("fsqrt %0.4s, %1.4s" : "=w"(r) : "w"(a));
#else
    for (int i = 0; i < V; i++)
        r[i] = __builtin_sqrtf(a[i]);
#endif
    return r;
}
INLINE float scalar_sqrt(float a) { return __builtin_sqrtf(a); }

// e^x = 2^n * e^r with |r| <= ln(2) / 2; the polynomial is Cephes' expf. NaN stays NaN.
INLINE vector_real vector_exp(vector_real x)
{
    vector_real zero = { 0 }, big = zero + 88.72283f, small = zero - 87.33654f;
    vector_real t = vector_min(vector_max(small, x), big), magic = zero + 12582912.0f;
    t = vector_select(x == x, t, x);
    vector_real shifted = t * 1.44269504f + magic;             // n stands in the lowest bits
    vector_real n = shifted - magic;
    vector_real r = t - n * 0.693359375f;
    r = r + n * 2.12194440e-4f;
    vector_real p = r * 1.9875691500e-4f + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = p * r * r + r + 1.0f;
    vector_real y = (vector_real)((vector_mask)p + ((vector_mask)shifted << 23));
    y = vector_keep(~(x < small), y);
    y = vector_select(x > big, zero + __builtin_inff(), y);
    return vector_select(x == x, y, x);
}
INLINE float scalar_exp(float x)
{
    vector_real v = { x };
    return vector_exp(v)[0];
}

// ln(m * 2^n) with m in [sqrt(1/2), sqrt(2)); the polynomial is Cephes' logf. ln(0) is -inf, of a
// negative number NaN; below 2^-126 everything counts as 2^-126.
INLINE vector_real vector_log(vector_real x)
{
    vector_real zero = { 0 };
    vector_real t = vector_max(zero + 1.17549435e-38f, x);
    vector_mask bits = (vector_mask)t - 0x3f3504f3;            // sqrt(1/2)
    vector_real n = __builtin_convertvector(bits >> 23, vector_real);
    vector_real f = (vector_real)((bits & 0x007fffff) + 0x3f3504f3) - 1.0f;
    vector_real p = f * 7.0376836292e-2f - 1.1514610310e-1f;
    p = p * f + 1.1676998740e-1f;
    p = p * f - 1.2420140846e-1f;
    p = p * f + 1.4249322787e-1f;
    p = p * f - 1.6668057665e-1f;
    p = p * f + 2.0000714765e-1f;
    p = p * f - 2.4999993993e-1f;
    p = p * f + 3.3333331174e-1f;
    vector_real z = f * f;
    vector_real y = p * f * z + n * -2.12194440e-4f - 0.5f * z;
    y = f + y + n * 0.693359375f;
    y = vector_select(x == zero, zero - __builtin_inff(), y);
    y = vector_select(x > 3.4028235e38f, x, y);
    return vector_select(x >= zero, y, zero + __builtin_nanf(""));
}
INLINE float scalar_log(float x)
{
    vector_real v = { x };
    return vector_log(v)[0];
}

// Near 0 Cephes' polynomial, elsewhere 1 - 2 / (e^2|x| + 1) with the sign of x.
INLINE vector_real vector_tanh(vector_real x)
{
    vector_real a = vector_abs(x), z = x * x, one = (vector_real){ 0 } + 1.0f;
    vector_real p = z * -5.70498872745e-3f + 2.06390887954e-2f;
    p = p * z - 5.37397155531e-2f;
    p = p * z + 1.33314422036e-1f;
    p = p * z - 3.33332819422e-1f;
    p = p * z * x + x;
    vector_real q = one - 2.0f / (vector_exp(a + a) + 1.0f);
    q = (vector_real)((vector_mask)q | ((vector_mask)x & (int32_t)0x80000000));
    return vector_select(a < 0.625f, p, q);
}
INLINE float scalar_tanh(float x)
{
    vector_real v = { x };
    return vector_tanh(v)[0];
}

// --- random numbers ------------------------------------------------------------------------------

INLINE RandomKey state_key(const void *state, uint32_t key)
{
    const StepState *s = state;
    return random_key(s->seed, s->step, key);
}

INLINE vector_real vector_random(const void *state, uint32_t key, long index, long step)
{
    RandomKey k = state_key(state, key);
    vector_bits h = (vector_bits){ LANE_NUMBERS(0) } * (uint32_t)step + (uint32_t)index;
    RANDOM_HASH(h, k);
    return __builtin_convertvector((vector_mask)(h >> 8), vector_real) * RANDOM_SCALE;
}
INLINE float scalar_random(const void *state, uint32_t key, long index, long step)
{
    (void)step;
    return random_uniform((uint32_t)index, state_key(state, key));
}

// --- across lanes: fixed trees, so that results do not depend on how a compiler sees them --------

INLINE float vector_sum(vector_real v)
{
    for (int half = V / 2; half; half /= 2)
        for (int i = 0; i < half; i++)
            v[i] += v[i + half];
    return v[0];
}
INLINE float vector_most(vector_real v)                     // NaN is not seen
{
    for (int half = V / 2; half; half /= 2)
        for (int i = 0; i < half; i++)
            v[i] = v[i] > v[i + half] ? v[i] : v[i + half];
    return v[0];
}

// --- tiles ---------------------------------------------------------------------------------------

// Before the innermost loop of a tile: one step a turn, or compilers run out of registers.
#ifdef __clang__
#define ROLLED _Pragma("clang loop unroll(disable)")
#else
#define ROLLED _Pragma("GCC unroll 1")
#endif
// In it: numbers that a turn has loaded are loaded again where the next turn needs them. Carrying
// them over would take registers from the sums; loads are free beside multiply-adds.
#define KEEP_IN_MEMORY __asm__ volatile("" : : : "memory");
