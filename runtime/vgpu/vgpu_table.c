// Looks instructions up: full names against texts with alternatives in braces.
#include "runtime/vgpu/insn/rows.h"
#include <string.h>

// `text` is what is left of a row's text. Within braces each alternative is tried with what follows.
static bool matches(const char *text, const char *name)
{
    for (; *text && *text != '{'; text++, name++)
        if (*text != *name)
            return false;
    if (!*text)
        return !*name;
    const char *end = strchr(text, '}');
    for (const char *one = text + 1; one < end; one += strcspn(one, ",}") + 1) {
        size_t length = strcspn(one, ",}");
        if (strncmp(one, name, length) == 0 && matches(end + 1, name + length))
            return true;
    }
    return false;
}

static int limit = 4;

void insn_limit_level(int level) { limit = level; }

static const InsnFamily *const *families(void)
{
#if defined(__x86_64__)
    bool v3 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
              __builtin_cpu_supports("bmi2");
    if (v3 && limit >= 4 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512vl"))
        return insn_families_level_4;
    if (v3 && limit >= 3)
        return insn_families_level_3;
#endif
    return insn_families_level_1;
}

const InsnRow *insn_find(const char *name)
{
    const InsnFamily *const *all = families();
    for (int f = 0; f < FAMILIES; f++)
        for (int r = 0; r < all[f]->count; r++)
            if (matches(all[f]->rows[r].text, name))
                return &all[f]->rows[r];
    return NULL;
}
