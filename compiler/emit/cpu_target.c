// The instruction sets kernel texts can be made for, and which of them this machine runs.
#include "emit/emit.h"
#include <string.h>

// Best first. Kernels are compiled on the machine that runs them, so these name features, not CPUs.
static const CpuTarget targets[] = {
    { .name = "cpu:avx512", .vector = 16, .registers = 32, .has_fma = true,
      .flags = "-mavx512f -mavx512vl -mavx512bw -mavx512dq -mavx2 -mfma -mbmi2 "
               "-mprefer-vector-width=512" },
    { .name = "cpu:avx2", .vector = 8, .registers = 16, .has_fma = true,
      .flags = "-mavx2 -mfma -mbmi2" },
    { .name = "cpu:neon", .vector = 4, .registers = 32, .has_fma = true, .flags = "" },
    { .name = "cpu:sse2", .vector = 4, .registers = 16, .has_fma = false, .flags = "-msse2" },
};
enum { TARGETS = sizeof targets / sizeof targets[0] };

const CpuTarget *cpu_target_find(const char *name)
{
    if (!strncmp(name, "cpu:", 4))
        name += 4;
    for (int i = 0; i < TARGETS; i++)
        if (!strcmp(targets[i].name + 4, name))
            return &targets[i];
    return NULL;
}

const CpuTarget *cpu_target_native(void)
{
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl")
        && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq"))
        return cpu_target_find("avx512");
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        return cpu_target_find("avx2");
    return cpu_target_find("sse2");
#else
    return cpu_target_find("neon");
#endif
}
