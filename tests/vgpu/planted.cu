// Kernels with one bug each, and twins without it. tests/unit/test_vgpu_planted.c launches every one as its
// line "run:" says (blocks, threads, bytes of dynamic shared memory) and wants what the line with "BUG" says
// (fault and the x of the first thread that does it) at that line; a kernel without one must be silent.
// x holds n floats and stands in one arena with y, n floats too, of which nothing is known in front and
// behind; z is n floats that nobody has written.
#define KERNEL(name) extern "C" __global__ void name(const float *x, float *y, const float *z, int n)

typedef unsigned u32;

static __device__ __forceinline__ u32 address(const void *p) { return (u32)__cvta_generic_to_shared(p); }

static __device__ __forceinline__ void copy16(void *to, const void *from)
{
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" ::"r"(address(to)), "l"(from) : "memory");
}

static __device__ __forceinline__ void commit(void) { asm volatile("cp.async.commit_group;" ::: "memory"); }

template <int N> static __device__ __forceinline__ void wait(void)
{
    asm volatile("cp.async.wait_group %0;" ::"n"(N) : "memory");
}

static __device__ __forceinline__ float load_matrix(const void *p)
{
    u32 r;
    asm volatile("ldmatrix.sync.aligned.m8n8.x1.shared.b16 {%0}, [%1];"
                 : "=r"(r) : "r"(address(p)) : "memory");
    return __uint_as_float(r);
}

static __device__ __forceinline__ void multiply(float (&d)[4], u32 a, u32 b)
{
    asm volatile("mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 "
                 "{%0, %1, %2, %3}, {%4, %4, %4, %4}, {%5, %5}, {%0, %1, %2, %3};"
                 : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3]) : "r"(a), "r"(b));
}

// --- races in shared memory ------------------------------------------------------------------------

KERNEL(no_barrier_before_reading)      // run: 1 64
{
    __shared__ float s[64];
    int t = threadIdx.x;
    s[t] = x[t];
    __syncwarp();
    s[t] = s[t] + 1;
    if (t < 32)
        s[t] = s[t] * 2;
    else
        y[t] = s[t ^ 32];              // BUG race 32
}

KERNEL(barrier_before_reading)         // run: 1 64
{
    __shared__ float s[64];
    int t = threadIdx.x;
    s[t] = x[t];
    __syncthreads();
    y[t] = s[t ^ 32];
}

KERNEL(no_barrier_before_overwriting)  // run: 1 64
{
    __shared__ float s[64];
    int t = threadIdx.x;
    s[t] = x[t];
    __syncthreads();
    float v = s[t ^ 32];               // BUG race 32
    s[t] = v + 1;
    y[t] = s[t];
}

KERNEL(barrier_before_overwriting)     // run: 1 64
{
    __shared__ float s[64];
    int t = threadIdx.x;
    s[t] = x[t];
    __syncthreads();
    float v = s[t ^ 32];
    __syncthreads();
    s[t] = v + 1;
    y[t] = s[t];
}

KERNEL(no_syncwarp)                    // run: 1 32
{
    __shared__ float s[32];
    int t = threadIdx.x;
    s[t] = x[t];
    y[t] = s[31 - t];                  // BUG race 0
}

KERNEL(syncwarp)                       // run: 1 32
{
    __shared__ float s[32];
    int t = threadIdx.x;
    s[t] = x[t];
    __syncwarp();
    y[t] = s[31 - t];
}

KERNEL(syncwarp_of_the_other_half)     // run: 1 32
{
    __shared__ float s[32];
    int t = threadIdx.x;
    s[t] = x[t];
    if (t < 16)
        __syncwarp(0x0000ffffu);
    else
        __syncwarp(0xffff0000u);
    y[t] = s[31 - t];                  // BUG race 0
}

KERNEL(syncwarp_of_each_half)          // run: 1 32
{
    __shared__ float s[32];
    int t = threadIdx.x;
    s[t] = x[t];
    if (t < 16)
        __syncwarp(0x0000ffffu);
    else
        __syncwarp(0xffff0000u);
    y[t] = s[t ^ 15];
}

KERNEL(shuffle_for_a_barrier)          // run: 1 32
{
    __shared__ float s[32];
    int t = threadIdx.x;
    s[t] = x[t];
    float v = __shfl_xor_sync(0xffffffffu, x[t], 1);
    y[t] = s[t ^ 1] + v;               // BUG race 0
}

KERNEL(all_write_the_same)             // run: 1 64
{
    __shared__ float s[1];
    s[0] = x[0];                       // BUG race 1
    __syncthreads();
    y[threadIdx.x] = s[0];
}

KERNEL(tree_without_barriers)          // run: 1 128
{
    __shared__ float s[128];
    int t = threadIdx.x;
    s[t] = x[t];
    __syncthreads();
    for (int half = 64; half; half /= 2)
        if (t < half)
            s[t] += s[t + half];       // BUG race 0
    if (t == 0)
        y[0] = s[0];
}

KERNEL(tree)                           // run: 1 128
{
    __shared__ float s[128];
    int t = threadIdx.x;
    s[t] = x[t];
    for (int half = 64; half; half /= 2) {
        __syncthreads();
        if (t < half)
            s[t] += s[t + half];
    }
    if (t == 0)
        y[0] = s[0];
}

KERNEL(atomics_and_then_no_barrier)    // run: 1 64
{
    __shared__ float s[1];
    if (threadIdx.x == 0)
        s[0] = 0;
    __syncthreads();
    atomicAdd(s, x[threadIdx.x]);
    y[threadIdx.x] = s[0];             // BUG race 0
}

KERNEL(atomics_and_then_a_barrier)     // run: 1 64
{
    __shared__ float s[1];
    if (threadIdx.x == 0)
        s[0] = 0;
    __syncthreads();
    atomicAdd(s, x[threadIdx.x]);
    __syncthreads();
    y[threadIdx.x] = s[0];
}

// --- races in global memory ------------------------------------------------------------------------

KERNEL(blocks_add_up)                  // run: 2 64
{
    y[threadIdx.x] += x[blockIdx.x * 64 + threadIdx.x];    // BUG race 0
}

KERNEL(blocks_add_up_atomically)       // run: 2 64
{
    atomicAdd(&y[threadIdx.x], x[blockIdx.x * 64 + threadIdx.x]);
}

KERNEL(reads_the_next_block)           // run: 2 64
{
    int i = blockIdx.x * 64 + threadIdx.x;
    y[i] = x[i];                       // BUG race 0
    __syncthreads();
    if (i < 64)
        y[i + 128] = y[i + 64];
}

KERNEL(reads_its_own_block)            // run: 2 64
{
    int i = blockIdx.x * 64 + threadIdx.x;
    y[i] = x[i];
    __syncthreads();
    if (i + 128 < n)
        y[i + 128] = y[i ^ 63];
}

KERNEL(warps_share_global_memory)      // run: 1 64
{
    int t = threadIdx.x;
    y[t] = x[t];
    if (t >= 32)
        y[t + 64] = y[t - 32];         // BUG race 32
}

// --- what does not belong to a tensor ----------------------------------------------------------------

KERNEL(one_too_many)                   // run: 4 64
{
    int i = blockIdx.x * 64 + threadIdx.x;
    if (i <= n)
        y[i] = 1;                      // BUG out-of-bounds 63
}

KERNEL(just_enough)                    // run: 4 64
{
    int i = blockIdx.x * 64 + threadIdx.x;
    if (i < n)
        y[i] = 1;
}

KERNEL(reads_behind_a_tensor)          // run: 4 64
{
    int i = blockIdx.x * 64 + threadIdx.x;
    float v = *(const volatile float *)(x + i);    // BUG out-of-bounds 63
    if (i < n)
        y[i] = v;
}

KERNEL(reads_before_a_tensor)          // run: 1 64
{
    int t = threadIdx.x;
    y[t] = x[t - 1];                   // BUG out-of-bounds 0
}

KERNEL(copies_from_behind_a_tensor)    // run: 1 64
{
    __shared__ __align__(16) float s[256];
    int t = threadIdx.x;
    copy16(s + 4 * t, x + 4 * t);      // BUG out-of-bounds 63
    commit();
    wait<0>();
    y[t] = s[4 * t];
}

KERNEL(behind_shared_memory)           // run: 1 64
{
    __shared__ float s[64];
    int t = threadIdx.x;
    s[t + n - 254] = x[t];             // BUG out-of-bounds 63
    __syncthreads();
    y[t] = s[t | 1];
}

KERNEL(too_little_dynamic_memory)      // run: 1 64 252
{
    extern __shared__ float dynamic[];
    int t = threadIdx.x;
    dynamic[t] = x[t];                 // BUG out-of-bounds 63
    __syncthreads();
    y[t] = dynamic[t & 31];
}

KERNEL(enough_dynamic_memory)          // run: 1 64 256
{
    extern __shared__ float dynamic[];
    int t = threadIdx.x;
    dynamic[t] = x[t];
    __syncthreads();
    y[t] = dynamic[t ^ 63];
}

KERNEL(behind_a_local_array)           // run: 1 32
{
    float a[8];
    for (int i = 0; i < 8; i++)
        a[i] = x[i + threadIdx.x];
    y[threadIdx.x] = a[n - 247];       // BUG out-of-bounds 0
}

// --- what nobody has written -------------------------------------------------------------------------

KERNEL(reads_unwritten_shared_memory)  // run: 1 64
{
    __shared__ float s[64];
    int t = threadIdx.x;
    if (t < 63)
        s[t] = x[t];
    __syncthreads();
    y[t] = s[t];                       // BUG uninitialised 63
}

KERNEL(reads_an_unwritten_tensor)      // run: 1 64
{
    y[threadIdx.x] = z[threadIdx.x];   // BUG uninitialised 0
}

KERNEL(writes_before_it_reads)         // run: 1 64
{
    float *mine = (float *)z;
    mine[threadIdx.x] = x[threadIdx.x];
    __syncthreads();
    y[threadIdx.x] = mine[threadIdx.x ^ 63];
}

// --- alignment ---------------------------------------------------------------------------------------

KERNEL(four_floats_at_a_fifth)         // run: 1 32
{
    float4 v = *(const float4 *)(x + 1 + threadIdx.x * 4);     // BUG misaligned 0
    y[threadIdx.x] = v.x + v.y + v.z + v.w;
}

KERNEL(two_floats_of_shared_memory)    // run: 1 32
{
    __shared__ __align__(16) float s[64];
    int t = threadIdx.x;
    s[t] = s[t + 32] = x[t];
    __syncthreads();
    float2 v = *(const float2 *)(s + t);                       // BUG misaligned 1
    y[t] = v.x + v.y;
}

KERNEL(a_copy_to_an_odd_place)         // run: 1 32
{
    __shared__ __align__(16) float s[160];
    int t = threadIdx.x;
    copy16(s + 5 * t, x + 4 * t);      // BUG misaligned 1
    commit();
    wait<0>();
    y[t] = s[5 * (t & ~3)];
}

KERNEL(a_matrix_at_an_odd_place)       // run: 1 32
{
    __shared__ __align__(16) float s[64];
    int t = threadIdx.x;
    s[t] = s[t + 32] = x[t];
    __syncthreads();
    y[t] = load_matrix(s + t % 8 * 5); // BUG misaligned 1
}

// --- barriers and lanes ------------------------------------------------------------------------------

KERNEL(half_a_warp_at_a_barrier)       // run: 1 64
{
    __shared__ float s[64];
    int t = threadIdx.x;
    s[t] = x[t];
    if (t >= 16)
        __syncthreads();               // BUG divergent-barrier 16
    y[t] = s[t];
}

KERNEL(whole_warps_at_a_barrier)       // run: 1 64
{
    __shared__ float s[64];
    int t = threadIdx.x;
    s[t] = x[t];
    if (n > 0)
        __syncthreads();
    y[t] = s[t ^ 63];
}

KERNEL(a_lane_outside_the_mask)        // run: 1 32
{
    int t = threadIdx.x;
    float v = x[t];
    if (t < 8)
        v = __shfl_sync(0xffu, v, 31); // BUG bad-lane 0
    y[t] = v;
}

KERNEL(a_lane_inside_the_mask)         // run: 1 32
{
    int t = threadIdx.x;
    float v = x[t];
    if (t < 8)
        v = __shfl_sync(0xffu, v, 7);
    y[t] = v;
}

KERNEL(a_lane_that_has_ended)          // run: 1 32
{
    int t = threadIdx.x;
    float v = x[t];
    if (v == x[31])
        return;
    y[t] = __shfl_down_sync(0xffffffffu, v, 1);    // BUG bad-lane 30
}

KERNEL(a_mask_without_oneself)         // run: 1 32
{
    int t = threadIdx.x;
    float v = x[t];
    if (t < 8)
        v = __shfl_xor_sync(0xfu, v, 1);           // BUG bad-lane 4
    y[t] = v;
}

KERNEL(lanes_wait_for_each_other)      // run: 1 32
{
    int t = threadIdx.x;
    if (t < 16)
        __syncwarp(0x0001ffffu);       // BUG deadlock 0
    else
        __syncwarp(0xffff8000u);
    y[t] = x[t];
}

// --- copies in the background ------------------------------------------------------------------------

KERNEL(no_wait)                        // run: 1 32
{
    __shared__ __align__(16) float s[128];
    int t = threadIdx.x;
    copy16(s + 4 * t, x + 4 * t);
    commit();
    __syncthreads();
    y[t] = s[4 * t];                   // BUG not-waited 0
}

KERNEL(wait_for_one_of_two)            // run: 1 32
{
    __shared__ __align__(16) float s[256];
    int t = threadIdx.x;
    copy16(s + 4 * t, x + 4 * t);
    commit();
    copy16(s + 128 + 4 * t, x + 4 * t);
    commit();
    wait<1>();
    y[t] = s[4 * t];
    y[t + 32] = s[128 + 4 * t];        // BUG not-waited 0
}

KERNEL(wait_for_two_of_two)            // run: 1 32
{
    __shared__ __align__(16) float s[256];
    int t = threadIdx.x;
    copy16(s + 4 * t, x + 4 * t);
    commit();
    copy16(s + 128 + 4 * t, x + 4 * t);
    commit();
    wait<1>();
    y[t] = s[4 * t];
    wait<0>();
    y[t + 32] = s[128 + 4 * t];
}

KERNEL(not_committed)                  // run: 1 32
{
    __shared__ __align__(16) float s[128];
    int t = threadIdx.x;
    copy16(s + 4 * t, x + 4 * t);
    wait<0>();
    y[t] = s[4 * t];                   // BUG not-waited 0
    commit();
}

KERNEL(waits_for_its_own_only)         // run: 1 64
{
    __shared__ __align__(16) float s[248];
    int t = threadIdx.x;
    if (t < 62)
        copy16(s + 4 * t, x + 4 * t);
    commit();
    wait<0>();
    if (t >= 32)
        y[t] = s[4 * (t - 32)];        // BUG race 32
}

KERNEL(waits_and_meets)                // run: 1 64
{
    __shared__ __align__(16) float s[248];
    int t = threadIdx.x;
    if (t < 62)
        copy16(s + 4 * t, x + 4 * t);
    commit();
    wait<0>();
    __syncthreads();
    if (t >= 32)
        y[t] = s[4 * (t - 32)];
}

KERNEL(refills_what_others_read)       // run: 1 64
{
    __shared__ __align__(16) float s[248];
    int t = threadIdx.x;
    float sum = 0;
    for (int i = 0; i < 3; i++) {
        if (t < 62)
            copy16(s + 4 * t, x + 4 * t);          // BUG race 0
        commit();
        wait<0>();
        __syncthreads();
        sum += s[(t * 4 + 128) % 248];
    }
    y[t] = sum;
}

KERNEL(refills_what_others_have_read)  // run: 1 64
{
    __shared__ __align__(16) float s[248];
    int t = threadIdx.x;
    float sum = 0;
    for (int i = 0; i < 3; i++) {
        __syncthreads();
        if (t < 62)
            copy16(s + 4 * t, x + 4 * t);
        commit();
        wait<0>();
        __syncthreads();
        sum += s[(t * 4 + 128) % 248];
    }
    y[t] = sum;
}

// --- the rest ----------------------------------------------------------------------------------------

KERNEL(floats_for_tf32)                // run: 1 32
{
    float sum[4] = { 0, 0, 0, 0 };
    multiply(sum, __float_as_uint(x[threadIdx.x] + 0.1f), 0x3f800000u);   // BUG not-rounded 0
    y[threadIdx.x] = sum[0] + sum[1] + sum[2] + sum[3];
}

KERNEL(rounded_to_tf32)                // run: 1 32
{
    float sum[4] = { 0, 0, 0, 0 };
    u32 a;
    asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(a) : "f"(x[threadIdx.x] + 0.1f));
    multiply(sum, a, 0x3f800000u);
    y[threadIdx.x] = sum[0] + sum[1] + sum[2] + sum[3];
}

KERNEL(no_end)                         // run: 1 32
{
    volatile float *p = y;
    while (p[n - 1] == 0)              // BUG too-long 0
        ;
    y[threadIdx.x] = 1;
}

KERNEL(gives_up)                       // run: 1 32
{
    y[threadIdx.x] = x[threadIdx.x];
    if (threadIdx.x == 7)
        __trap();                      // BUG trap 7
}
