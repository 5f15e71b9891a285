// What every kernel text of the CUDA target stands on: the vocabulary of ir/op.h for V neighbouring
// channels of one pixel, loads and stores of up to 16 bytes, and every PTX instruction that bodies
// use, each in one function with its name, so that an interpreter or a reader finds it in one place.
// Nothing is included; NVRTC knows threadIdx, expf and their like by itself.
//
// Padding. An NHWC tensor has channels beyond the last of a piece. They hold zeros, always:
// contractions sum over them. Every kernel that writes a tensor writes zeros there.
#define INLINE      static __device__ __forceinline__
#define UNROLL      _Pragma("unroll")
#define PASTE_(a, b) a##_##b
#define PASTE(a, b) PASTE_(a, b)
#define OWN(name)   PASTE(KERNEL, name)

#define INFINITE    __uint_as_float(0x7f800000u)
#define NO_NUMBER   __uint_as_float(0x7fffffffu)

typedef unsigned char      u8;
typedef unsigned short     u16;
typedef unsigned int       u32;
typedef unsigned long long u64;

// The layout of program/program.h's, by which the host writes a device's state.
struct StepState {
    u64 seed, step;
    int stop;                          // a loss was NaN or infinite: updates do nothing
    int images;
    int first, last;                   // of a step's batches, is this the first, the last?
};
struct ParamRates { float lr, momentum, decay, reserved; };             // behind it, one a parameter

// No update of this step is applied. All that find a reason write the same.
INLINE void state_stop(const void *state) { atomicExch(&((StepState *)state)->stop, 1); }

INLINE ParamRates rates_of(const void *state, int param)
{
    return ((const ParamRates *)((const StepState *)state + 1))[param];
}

// --- the solver's step -----------------------------------------------------------------------------

// The rules of base/solver.h, whose formulas these are; v becomes the new velocity, the answer is the new
// weight.
enum { SOLVER_PAPER, SOLVER_TORCH, SOLVER_NESTEROV, SOLVER_TORCH_NESTEROV };

template <int RULE, class T> INLINE T solver_step(const ParamRates &r, T w, T &v, T g)
{
    T momentum = T(r.momentum), rate = T(r.lr);
    if (RULE == SOLVER_PAPER) {
        v = momentum * v - T(r.decay * r.lr) * w - rate * g;
        return w + v;
    }
    T s = g + T(r.decay) * w;
    if (RULE == SOLVER_TORCH) {
        v = momentum * v + s;
        return w - rate * v;
    }
    if (RULE == SOLVER_NESTEROV) {
        s = T(0.0f) - rate * s;
        v = momentum * v + s;
        return w + (momentum * v + s);
    }
    v = momentum * v + s;
    return w - rate * (s + momentum * v);
}

// --- vectors ---------------------------------------------------------------------------------------

template <int N> struct Mask { bool v[N]; };

template <int N> struct Vector {
    float v[N];
    Vector() = default;
    __device__ __forceinline__ Vector(float x)
    {
        UNROLL
        for (int i = 0; i < N; i++)
            v[i] = x;
    }
};

// One operator or function of two vectors, lane by lane.
#define LANEWISE2(result, name, expression)                              \
    template <int N> INLINE result<N> name(Vector<N> a, Vector<N> b)     \
    {                                                                    \
        result<N> r;                                                     \
        UNROLL                                                           \
        for (int i = 0; i < N; i++)                                      \
            r.v[i] = expression;                                         \
        return r;                                                        \
    }
#define LANEWISE1(name, expression)                                      \
    template <int N> INLINE Vector<N> name(Vector<N> a)                  \
    {                                                                    \
        Vector<N> r;                                                     \
        UNROLL                                                           \
        for (int i = 0; i < N; i++)                                      \
            r.v[i] = expression;                                         \
        return r;                                                        \
    }

INLINE float round_tf32(float x);
INLINE float round_bf16(float x);
INLINE float rsqrt_fast(float x);
INLINE float sqrt_fast(float x);

LANEWISE2(Vector, operator+, a.v[i] + b.v[i])
LANEWISE2(Vector, operator-, a.v[i] - b.v[i])
LANEWISE2(Vector, operator*, a.v[i] * b.v[i])
LANEWISE2(Vector, operator/, a.v[i] / b.v[i])
LANEWISE2(Mask, operator<, a.v[i] < b.v[i])
LANEWISE2(Mask, operator>, a.v[i] > b.v[i])
LANEWISE2(Mask, operator<=, a.v[i] <= b.v[i])
LANEWISE2(Mask, operator>=, a.v[i] >= b.v[i])
LANEWISE2(Mask, operator==, a.v[i] == b.v[i])
LANEWISE2(Vector, r_max, a.v[i] > b.v[i] ? a.v[i] : b.v[i])
LANEWISE2(Vector, r_min, a.v[i] < b.v[i] ? a.v[i] : b.v[i])
LANEWISE1(operator-, -a.v[i])
LANEWISE1(r_abs, fabsf(a.v[i]))
LANEWISE1(r_sqrt, sqrtf(a.v[i]))
LANEWISE1(r_exp, expf(a.v[i]))
LANEWISE1(r_log, logf(a.v[i]))
LANEWISE1(r_tanh, tanhf(a.v[i]))
LANEWISE1(r_round_tf32, round_tf32(a.v[i]))
LANEWISE1(r_round_bf16, round_bf16(a.v[i]))
LANEWISE1(r_rsqrt_fast, rsqrt_fast(a.v[i]))
LANEWISE1(r_sqrt_fast, sqrt_fast(a.v[i]))

#define r_const(x) real(x)
#define R0         real(0.0f)
#define R1         real(1.0f)

template <int N> INLINE Vector<N> r_select(Mask<N> q, Vector<N> a, Vector<N> b)
{
    Vector<N> r;
    UNROLL
    for (int i = 0; i < N; i++)
        r.v[i] = q.v[i] ? a.v[i] : b.v[i];
    return r;
}

// v in the first `count` lanes, 0 in the others; count may be negative, or more than N.
template <int N> INLINE Vector<N> r_first_lanes(Vector<N> v, int count)
{
    UNROLL
    for (int i = 0; i < N; i++)
        v.v[i] = i < count ? v.v[i] : 0.0f;
    return v;
}

// For every lane the tap of a window; a byte in memory.
template <int N> struct Places {
    u32 v[N];
    Places() = default;
    __device__ __forceinline__ Places(u32 tap)
    {
        UNROLL
        for (int i = 0; i < N; i++)
            v[i] = tap;
    }
};

template <int N> INLINE Places<N> r_select_places(Mask<N> q, Places<N> a, Places<N> b)
{
    Places<N> r;
    UNROLL
    for (int i = 0; i < N; i++)
        r.v[i] = q.v[i] ? a.v[i] : b.v[i];
    return r;
}

// v in the first `count` lanes, `other` in the others.
template <int N> INLINE Vector<N> r_first_lanes_of(Vector<N> v, Vector<N> other, int count)
{
    UNROLL
    for (int i = 0; i < N; i++)
        v.v[i] = i < count ? v.v[i] : other.v[i];
    return v;
}

// Across the lanes of one vector, pairwise: sums and the largest (NaN is not seen).
template <int N> INLINE float lanes_sum(Vector<N> v)
{
    UNROLL
    for (int half = N / 2; half; half /= 2)
        UNROLL
        for (int i = 0; i < half; i++)
            v.v[i] += v.v[i + half];
    return v.v[0];
}

template <int N> INLINE float lanes_most(Vector<N> v)
{
    UNROLL
    for (int half = N / 2; half; half /= 2)
        UNROLL
        for (int i = 0; i < half; i++)
            v.v[i] = fmaxf(v.v[i], v.v[i + half]);
    return v.v[0];
}

// Uniform random numbers in [0, 1): of the elements index, index + step, ... of a layer's tensor.
#define r_random(state, key, index, step) random_vector<V>((state), (key), (index), (step))
template <int N> INLINE Vector<N> random_vector(const void *state, u32 key, long long index, u32 step)
{
    const StepState *s = (const StepState *)state;
    RandomKey k = random_key(s->seed, s->step, key);
    Vector<N> r;
    UNROLL
    for (int i = 0; i < N; i++)
        r.v[i] = random_uniform((u32)index + (u32)i * step, k);
    return r;
}

// --- loads and stores: `p` any pointer to global memory, `at` in elements, aligned to the vector -----

template <int BYTES> struct Packet { u32 w[BYTES / 4]; };
template <> struct __align__(16) Packet<16> { u32 w[4]; };
template <> struct __align__(8) Packet<8> { u32 w[2]; };
template <> struct Packet<2> { u16 h; };

#define r_load(p, at)            load_floats<V>((const float *)(p) + (at))
#define r_load_bf16(p, at)       load_bf16s<V>((const u16 *)(p) + (at))
#define r_store(p, at, x)        store_floats<V>((float *)(p) + (at), (x))
#define r_store_tf32(p, at, x)   store_floats<V>((float *)(p) + (at), r_round_tf32(x))
#define r_store_bf16(p, at, x)   store_bf16s<V>((u16 *)(p) + (at), (x))

// One element, where neighbours are not wanted.
#define r_element(p, at)         ((const float *)(p))[at]
#define r_element_bf16(p, at)    float_of_bf16(((const u16 *)(p))[at])

// The largest power of two of bytes, at most 16, that N elements of `size` bytes are made of.
template <int N, int SIZE> struct Access { enum { BYTES = N * SIZE < 16 ? N * SIZE : 16 }; };

template <int N> INLINE Vector<N> load_floats(const float *p)
{
    enum { BYTES = Access<N, 4>::BYTES, EACH = BYTES / 4 };
    Vector<N> r;
    UNROLL
    for (int i = 0; i < N; i += EACH) {
        Packet<BYTES> q = *(const Packet<BYTES> *)(p + i);
        UNROLL
        for (int j = 0; j < EACH; j++)
            r.v[i + j] = __uint_as_float(q.w[j]);
    }
    return r;
}

template <int N> INLINE void store_floats(float *p, Vector<N> x)
{
    enum { BYTES = Access<N, 4>::BYTES, EACH = BYTES / 4 };
    UNROLL
    for (int i = 0; i < N; i += EACH) {
        Packet<BYTES> q;
        UNROLL
        for (int j = 0; j < EACH; j++)
            q.w[j] = __float_as_uint(x.v[i + j]);
        *(Packet<BYTES> *)(p + i) = q;
    }
}

// A bf16 is the upper half of a float.
INLINE float float_of_bf16(u32 half) { return __uint_as_float(half << 16); }
INLINE u32 bf16_pair(float low, float high);

template <int N> INLINE Vector<N> load_bf16s(const u16 *p)
{
    Vector<N> r;
    if constexpr (N == 1) {
        r.v[0] = float_of_bf16(*p);
    } else {
        enum { BYTES = Access<N, 2>::BYTES, EACH = BYTES / 2 };
        UNROLL
        for (int i = 0; i < N; i += EACH) {
            Packet<BYTES> q = *(const Packet<BYTES> *)(p + i);
            UNROLL
            for (int j = 0; j < EACH; j++)
                r.v[i + j] = float_of_bf16(j % 2 ? q.w[j / 2] >> 16 : q.w[j / 2] & 0xffff);
        }
    }
    return r;
}

template <int N> INLINE void store_bf16s(u16 *p, Vector<N> x)
{
    if constexpr (N == 1) {
        *p = (u16)bf16_pair(x.v[0], 0.0f);
    } else {
        enum { BYTES = Access<N, 2>::BYTES, EACH = BYTES / 2 };
        UNROLL
        for (int i = 0; i < N; i += EACH) {
            Packet<BYTES> q;
            UNROLL
            for (int j = 0; j < EACH; j += 2)
                q.w[j / 2] = bf16_pair(x.v[i + j], x.v[i + j + 1]);
            *(Packet<BYTES> *)(p + i) = q;
        }
    }
}

// Places are bytes: one lane's, or those of a multiple of four lanes.
#define r_store_places(p, at, x)               store_places<V>((u8 *)(p) + (at), (x))
#define r_at_places(p, at, tap, is_there, v)   at_places<V>((const u8 *)(p) + (at), (tap), (is_there), (v))

// v in the lanes whose place is this tap, 0 in the others, and in all unless `is_there`.
template <int N> INLINE Vector<N> at_places(const u8 *p, u32 tap, bool is_there, Vector<N> v)
{
    if constexpr (N == 1) {
        v.v[0] = is_there && *p == tap ? v.v[0] : 0.0f;
    } else {
        enum { BYTES = Access<N, 1>::BYTES };
        UNROLL
        for (int i = 0; i < N; i += BYTES) {
            Packet<BYTES> q = *(const Packet<BYTES> *)(p + i);
            UNROLL
            for (int j = 0; j < BYTES; j++) {                // four lanes at a time, then their bytes
                u32 differ = q.w[j / 4] ^ tap * 0x01010101u | (is_there ? 0 : 0xffffffffu);
                v.v[i + j] = differ & 0xffu << j % 4 * 8 ? 0.0f : v.v[i + j];
            }
        }
    }
    return v;
}

template <int N> INLINE void store_places(u8 *p, Places<N> x)
{
    if constexpr (N == 1) {
        *p = (u8)x.v[0];
    } else {
        enum { BYTES = Access<N, 1>::BYTES };
        UNROLL
        for (int i = 0; i < N; i += BYTES) {
            Packet<BYTES> q;
            UNROLL
            for (int j = 0; j < BYTES; j += 4)
                q.w[j / 4] = x.v[i + j] | x.v[i + j + 1] << 8 | x.v[i + j + 2] << 16 | x.v[i + j + 3] << 24;
            *(Packet<BYTES> *)(p + i) = q;
        }
    }
}

// --- single instructions of PTX --------------------------------------------------------------------

// To the nearest, ties away from zero, 10 bits of fraction: what tensor cores take as TF32.
INLINE float round_tf32(float x)
{
    u32 r;
    asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(r) : "f"(x));
    return __uint_as_float(r);
}

// Two bf16, rounded to the nearest, ties to even; `low` in the lower half.
INLINE u32 bf16_pair(float low, float high)
{
    u32 r;
    asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(r) : "f"(high), "f"(low));
    return r;
}

INLINE float round_bf16(float x) { return float_of_bf16(bf16_pair(x, 0.0f)); }

// Of some 22 bits, one instruction each: the exact ones and those that know subnormal numbers take up to
// ten. Subnormal arguments count as 0.
INLINE float rsqrt_fast(float x)
{
    float r;
    asm("rsqrt.approx.ftz.f32 %0, %1;" : "=f"(r) : "f"(x));
    return r;
}

INLINE float sqrt_fast(float x)
{
    float r;
    asm("sqrt.approx.ftz.f32 %0, %1;" : "=f"(r) : "f"(x));
    return r;
}

INLINE u32 shared_address(const void *p) { return (u32)__cvta_generic_to_shared(p); }

// 16 bytes from global to shared memory, in the background; with bytes 0 zeros are written and the
// source is not read. `to` and `from` are multiples of 16.
INLINE void copy_async(u32 to, const void *from, u32 bytes)
{
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(to), "l"(from), "r"(bytes) : "memory");
}

INLINE void copy_commit(void) { asm volatile("cp.async.commit_group;" ::: "memory"); }

// Until at most PENDING of this thread's committed groups are under way.
template <int PENDING> INLINE void copy_wait(void)
{
    asm volatile("cp.async.wait_group %0;" ::"n"(PENDING) : "memory");
}

// Four 8x8 matrices of 16-bit elements (or 8x4 of 32-bit ones): lane l gives the address of row l % 8
// of matrix l / 8 and receives the pair in row l / 4, columns 2 * (l % 4) of each.
INLINE void load_matrices(u32 r[4], u32 address)
{
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3]) : "r"(address) : "memory");
}

// The same, each matrix transposed.
INLINE void load_matrices_transposed(u32 r[4], u32 address)
{
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3]) : "r"(address) : "memory");
}

INLINE u32 load_shared(u32 address)
{
    u32 r;
    asm volatile("ld.shared.b32 %0, [%1];" : "=r"(r) : "r"(address) : "memory");
    return r;
}

INLINE void load_shared_2(float r[2], u32 address)
{
    asm volatile("ld.shared.v2.f32 {%0, %1}, [%2];" : "=f"(r[0]), "=f"(r[1]) : "r"(address) : "memory");
}

INLINE void load_shared_4(float r[4], u32 address)
{
    asm volatile("ld.shared.v4.f32 {%0, %1, %2, %3}, [%4];"
                 : "=f"(r[0]), "=f"(r[1]), "=f"(r[2]), "=f"(r[3]) : "r"(address) : "memory");
}

// d[16][8] += a[16][8] * b[8][8], TF32 in, float out.
INLINE void multiply_tf32(float d[4], const u32 a[4], const u32 b[2])
{
    asm volatile("mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 "
                 "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
                 : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

// d[16][8] += a[16][16] * b[16][8], bf16 in, float out.
INLINE void multiply_bf16(float d[4], const u32 a[4], const u32 b[2])
{
    asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 "
                 "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
                 : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

// --- across a warp and a block: fixed trees, so that the order of sums never changes ---------------

// Among LANES neighbouring lanes of a warp (all 32 call it); each gets the result.
template <int LANES = 32> INLINE float warp_sum(float x)
{
    UNROLL
    for (int half = LANES / 2; half; half /= 2)
        x += __shfl_xor_sync(0xffffffffu, x, half);
    return x;
}

template <int LANES = 32> INLINE float warp_most(float x)    // NaN is not seen
{
    UNROLL
    for (int half = LANES / 2; half; half /= 2)
        x = fmaxf(x, __shfl_xor_sync(0xffffffffu, x, half));
    return x;
}
