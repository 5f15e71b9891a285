// Occupancy: values that NVIDIA's calculator gives, written down here; and that calculator itself over
// many launches where the toolkit's header is on the machine.
#include "runtime/cuda/occupancy.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#if __has_include("/usr/local/cuda/include/cuda_occupancy.h")
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wunused-function"
#pragma GCC diagnostic ignored "-Wstrict-prototypes"
#pragma GCC diagnostic ignored "-Wextra"
#include "/usr/local/cuda/include/cuda_occupancy.h"
#pragma GCC diagnostic pop
#define HAS_CALCULATOR 1
#endif

static const struct {
    const char *arch;
    BlockNeeds needs;
    int blocks;
    OccupancyLimit limit;
} known[] = {
    { "sm_80",  {  256,  32,      0, 0 }, 8,  LIMITED_BY_WARPS },
    { "sm_80",  {   32,  16,      0, 0 }, 32, LIMITED_BY_BLOCKS },
    { "sm_80",  {  128, 234,  98304, 1 }, 1,  LIMITED_BY_SHARED },     // 96 KiB: two need 194 of 164
    { "sm_80",  {  128, 255,      0, 1 }, 2,  LIMITED_BY_REGISTERS },
    { "sm_80",  { 1024,  65,      0, 1 }, 0,  LIMITED_BY_REGISTERS },
    { "sm_80",  {  128,  32, 166912, 1 }, 1,  LIMITED_BY_SHARED },
    { "sm_80",  {  128,  32, 166913, 1 }, 0,  LIMITED_BY_SHARED },
    { "sm_86",  {  256,  40,      0, 1 }, 6,  LIMITED_BY_WARPS },
    { "sm_86",  {  256,  41,      0, 1 }, 5,  LIMITED_BY_REGISTERS },
    { "sm_86",  {   64,  32,      0, 1 }, 16, LIMITED_BY_BLOCKS },
    { "sm_89",  {   64,  32,      0, 1 }, 24, LIMITED_BY_WARPS },
    { "sm_89",  {   32,  32,      0, 1 }, 24, LIMITED_BY_BLOCKS },
    { "sm_89",  {  128,  32,  49152, 1 }, 2,  LIMITED_BY_SHARED },
    { "sm_90a", {  128, 235,  98304, 1 }, 2,  LIMITED_BY_REGISTERS },  // conv3: two of 97 KiB and 240 fit
    { "sm_90",  {  128, 102, 104448, 1 }, 2,  LIMITED_BY_SHARED },
    { "sm_90a", {  384, 168, 200000, 1 }, 1,  LIMITED_BY_REGISTERS },
    { "sm_90a", {   32,  16,      0, 4 }, 16, LIMITED_BY_BARRIERS },
    { "sm_90a", { 1025,  16,      0, 0 }, 0,  LIMITED_BY_WARPS },
};

static void test_known_values(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        const GpuLimits *gpu = gpu_limits(known[i].arch);
        Occupancy o = occupancy_of(gpu, &known[i].needs);
        if (o.blocks != known[i].blocks || o.limit != known[i].limit)
            fail_msg("row %zu: %d blocks, limited by %s", i, o.blocks, occupancy_limit_name(o.limit));
        assert_int_equal(o.warps, o.blocks * ((known[i].needs.threads + 31) / 32));
        assert_true(o.share >= 0 && o.share <= 1);
    }
}

static void test_architectures(void **state)
{
    (void)state;
    assert_ptr_equal(gpu_limits("sm_90"), gpu_limits("sm_90a"));
    assert_null(gpu_limits("sm_70"));
    assert_null(gpu_limits("sm_900"));
    assert_null(gpu_limits("sm_8"));
    assert_null(gpu_limits(""));
}

#ifdef HAS_CALCULATOR
static void compare(const GpuLimits *gpu, const BlockNeeds *n, int major, int minor)
{
    cudaOccDeviceProp device = {
        .computeMajor = major, .computeMinor = minor, .maxThreadsPerBlock = 1024,
        .maxThreadsPerMultiprocessor = gpu->warps * 32, .regsPerBlock = 65536,
        .regsPerMultiprocessor = 65536, .warpSize = 32, .sharedMemPerBlock = 49152,
        .sharedMemPerMultiprocessor = (size_t)gpu->shared, .numSms = 100,
        .sharedMemPerBlockOptin = (size_t)gpu->shared_block, .reservedSharedMemPerBlock = 1024,
    };
    cudaOccFuncAttributes kernel = {
        .maxThreadsPerBlock = 1024, .numRegs = n->registers,
        .shmemLimitConfig = FUNC_SHMEM_LIMIT_OPTIN, .maxDynamicSharedSizeBytes = (size_t)gpu->shared_block,
        .numBlockBarriers = n->barriers,
    };
    cudaOccDeviceState state = { .cacheConfig = CACHE_PREFER_NONE,
                                 .carveoutConfig = SHAREDMEM_CARVEOUT_MAX_SHARED };
    cudaOccResult result;
    int status = cudaOccMaxActiveBlocksPerMultiprocessor(&result, &device, &kernel, &state, n->threads,
                                                         (size_t)n->shared);
    assert_int_equal(status, CUDA_OCC_SUCCESS);
    Occupancy o = occupancy_of(gpu, n);
    if (o.blocks != result.activeBlocksPerMultiprocessor)
        fail_msg("%s, %d threads, %d registers, %d bytes, %d barriers: %d blocks, the calculator says %d",
                 gpu->arch, n->threads, n->registers, n->shared, n->barriers, o.blocks,
                 result.activeBlocksPerMultiprocessor);
}

static void test_against_the_calculator(void **state)
{
    (void)state;
    static const struct { const char *arch; int major, minor; } archs[] = {
        { "sm_80", 8, 0 }, { "sm_86", 8, 6 }, { "sm_89", 8, 9 }, { "sm_90", 9, 0 }
    };
    for (int a = 0; a < 4; a++) {
        const GpuLimits *gpu = gpu_limits(archs[a].arch);
        for (int threads = 32; threads <= 1024; threads += 32)
            for (int registers = 16; registers <= 255; registers += 3)
                for (int shared = 0; shared <= gpu->shared_block; shared += 9988)
                    compare(gpu, &(BlockNeeds){ threads, registers, shared, threads / 32 % 8 },
                            archs[a].major, archs[a].minor);
        compare(gpu, &(BlockNeeds){ 100, 32, gpu->shared_block, 1 }, archs[a].major, archs[a].minor);
        compare(gpu, &(BlockNeeds){ 1, 1, 1, 16 }, archs[a].major, archs[a].minor);
    }
}
#else
static void test_against_the_calculator(void **state)
{
    (void)state;
    print_message("skipped: there is no cuda_occupancy.h below /usr/local/cuda\n");
    skip();
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_values),
        cmocka_unit_test(test_architectures),
        cmocka_unit_test(test_against_the_calculator),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
