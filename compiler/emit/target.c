// The targets kernel texts can be made for, and which CPU this machine has.
#include "ir/target.h"
#include <string.h>

#define PRECISION(arch, capability, suffix, element, width)                                      \
    { .name = "cuda:" arch suffix, .kind = TARGET_CUDA, .vector = width, .compute = capability, \
      .flags = "--gpu-architecture=" arch, .matrix = element }
#define GPU(arch, capability)                                                                    \
    PRECISION(arch, capability, "", ELEMENT_TF32, 4),                                            \
    PRECISION(arch, capability, ":fp32", ELEMENT_FLOAT, 4),                                      \
    PRECISION(arch, capability, ":bf16", ELEMENT_BF16, 8)

#define CPU(isa, ...)                                                                            \
    { .name = "cpu:" isa, .kind = TARGET_CPU, .matrix = ELEMENT_FLOAT, __VA_ARGS__ },            \
    { .name = "cpu:" isa ":tf32", .kind = TARGET_CPU, .matrix = ELEMENT_TF32, __VA_ARGS__ }

// Best first. Kernels are compiled on the machine that runs them, so these name features, not CPUs.
static const Target targets[] = {
    CPU("avx512", .vector = 16, .registers = 32, .has_fma = true,
        .flags = "-mavx512f -mavx512vl -mavx512bw -mavx512dq -mavx2 -mfma -mbmi2 "
                 "-mprefer-vector-width=512"),
    CPU("avx2", .vector = 8, .registers = 16, .has_fma = true, .flags = "-mavx2 -mfma -mbmi2"),
    CPU("neon", .vector = 4, .registers = 32, .has_fma = true, .flags = ""),
    CPU("sse2", .vector = 4, .registers = 16, .has_fma = false, .flags = "-msse2"),
    GPU("sm_80", 80), GPU("sm_86", 86), GPU("sm_89", 89), GPU("sm_90a", 90),
};
enum { TARGETS = sizeof targets / sizeof targets[0] };

const Target *target_find(const char *name)
{
    if (!strcmp(name, "cpu:tf32"))
        return target_with(target_native(), ELEMENT_TF32);
    for (int i = 0; i < TARGETS; i++) {
        const char *short_name = strchr(targets[i].name, ':') + 1;
        if (!strcmp(targets[i].name, name) || !strcmp(short_name, name))
            return &targets[i];
    }
    return NULL;
}

bool target_precision(const char *word, Element *matrix)
{
    static const char *const words[] = { [ELEMENT_FLOAT] = "fp32", [ELEMENT_TF32] = "tf32",
                                         [ELEMENT_BF16] = "bf16" };
    for (int i = ELEMENT_FLOAT; i <= ELEMENT_BF16; i++)
        if (!strcmp(words[i], word)) {
            *matrix = (Element)i;
            return true;
        }
    return false;
}

const Target *target_with(const Target *t, Element matrix)
{
    for (int i = 0; i < TARGETS; i++)
        if (targets[i].kind == t->kind && !strcmp(targets[i].flags, t->flags) && targets[i].matrix == matrix)
            return &targets[i];
    return NULL;
}

const Target *target_native(void)
{
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl")
        && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq"))
        return target_find("avx512");
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        return target_find("avx2");
    return target_find("sse2");
#else
    return target_find("neon");
#endif
}
