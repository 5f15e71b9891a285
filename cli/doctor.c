// cleave doctor: what of this machine cleave would use, and what is missing.
#include "cli/options.h"
#include "cli/verb.h"
#include "emit/emit.h"
#include "runtime/cache.h"
#include "runtime/cpu/compile.h"
#include "runtime/cuda/gpus.h"
#include "runtime/cuda/nvrtc.h"
#include "runtime/cuda/sass.h"
#include <sched.h>
#include <string.h>

static void print_cpu(void)
{
    char line[256], model[200] = "unknown";
    FILE *f = fopen("/proc/cpuinfo", "re");
    while (f && fgets(line, sizeof line, f))
        if (sscanf(line, "model name : %199[^\n]", model) == 1)
            break;
    if (f)
        fclose(f);
    cpu_set_t set;
    int threads = sched_getaffinity(0, sizeof set, &set) ? 1 : CPU_COUNT(&set);
    const Target *t = target_native();
    printf("cpu       %s, %d threads\n", model, threads);
    printf("target    %s: %d floats a register, %d registers\n", t->name, t->vector, t->registers);
}

static bool print_compiler(void)
{
    CpuCompiler c;
    char err[DEVICE_ERROR];
    bool found = cpu_compiler_find(&c, err);
    printf("compiler  ");
    for (int i = 0; found && i < c.count; i++)
        printf("%s ", c.words[i]);
    printf("%s%s\n", found ? "= " : "missing: ", found ? c.identity : err);
    return found;
}

// Both are needed by who looks at CUDA only: nothing fails without them.
static void print_cuda(void)
{
    Nvrtc n;
    char path[PATH_MAX], err[DEVICE_ERROR];
    if (nvrtc_find(&n, err) && nvrtc_load(&n, err))
        printf("nvrtc     %d.%d, %s\n", n.major, n.minor, n.path);
    else
        printf("nvrtc     missing: %s\n", err);
    if (sass_find_nvdisasm(path, err))
        printf("nvdisasm  %s\n", path);
    else
        printf("nvdisasm  missing: %s\n", err);
}

static void print_gpus(void)
{
    Gpus g;
    char err[DEVICE_ERROR], target[GPU_TARGET];
    if (gpus_open(&g, err)) {
        printf("driver    CUDA %d.%d, %s\n", g.driver.version / 1000, g.driver.version % 1000 / 10,
               g.driver.path);
        for (int i = 0; i < g.count; i++) {
            gpu_target(&g.list[i], target);
            printf("gpu %d     %s, compute capability %d.%d: %s\n", i, g.list[i].name, g.list[i].compute / 10,
                   g.list[i].compute % 10, target);
        }
    } else {
        printf("driver    missing: %s\n", err);
    }
    gpus_close(&g);
}

static void print_cache(void)
{
    Cache c;
    int entries;
    long long bytes;
    cache_open(&c);
    printf("cache     %s: ", c.path);
    if (!c.is_usable) {
        printf("not used, it %s\n", c.why_not);
        return;
    }
    cache_measure(&c, &entries, &bytes);
    printf("%d entries, %lld bytes of at most %d\n", entries, bytes, CACHE_MOST_BYTES);
}

int verb_doctor(int argc, char **argv)
{
    const Usage usage = { "doctor", "", "Show what of this machine cleave uses, and what is missing.",
                          "cleave doctor", 0, 0, NULL, 0 };
    int first, code;
    if (!options_parse(&usage, argc, argv, &first, &code))
        return code;
    print_cpu();
    bool found = print_compiler();
    print_cuda();
    print_gpus();
    print_cache();
    return found ? EXIT_OK : EXIT_MACHINE;
}
