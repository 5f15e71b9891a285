// One module a unit and GPU. A cubin runs on its own architecture only: where the driver refuses it (another
// GPU, the virtual one) it gets the PTX.
#include "runtime/cuda/modules.h"
#include "runtime/cuda/build.h"
#include "runtime/cuda/move.h"
#include <stdlib.h>
#include <string.h>

enum { JIT_LOG = 4096 };

// "cuda:sm_90a:bf16" -> "sm_90a".
static void arch_of(const char *target, char to[GPU_TARGET])
{
    const char *arch = strchr(target, ':');
    arch = arch ? arch + 1 : target;
    snprintf(to, GPU_TARGET, "%.*s", (int)strcspn(arch, ":"), arch);
}

static bool is_refused(DriverResult r)
{
    return r == DRIVER_ERROR_INVALID_IMAGE || r == DRIVER_ERROR_NO_BINARY_FOR_GPU;
}

static bool load_ptx(const Gpus *g, const char *ptx, DriverModule *module, char *err)
{
    char log[JIT_LOG] = "";
    DriverJitOption options[] = { DRIVER_JIT_ERROR_LOG, DRIVER_JIT_ERROR_LOG_BYTES };
    void *values[] = { log, (void *)(uintptr_t)sizeof log };
    if (DRIVER_CALL(&g->driver, err, cuModuleLoadDataEx, module, ptx, 2, options, values))
        return true;
    if (log[0])
        driver_explain(err, "the driver refuses the PTX (%.250s)", log);
    return false;
}

static bool load(Modules *m, const Gpus *g, const CudaBuilt *built, DriverModule *module, char *err)
{
    if (!m->is_ptx) {
        DriverResult result = g->driver.cuModuleLoadDataEx(module, built->out.cubin, 0, NULL, NULL);
        if (!is_refused(result))
            return driver_check(&g->driver, result, "cuModuleLoadDataEx", err);
        m->is_ptx = true;
    }
    return load_ptx(g, built->out.ptx, module, err);
}

static bool load_all(Modules *m, const Gpus *g, const bool *used, const CudaUnit *units,
                     const CudaBuilt *built, char *err)
{
    for (int gpu = 0; gpu < g->count; gpu++) {
        if (!used[gpu])
            continue;
        if (!gpu_enter(g, gpu, err))
            return false;
        m->is_ptx = false;
        for (int i = 0; i <= m->units; i++)
            if (!load(m, g, &built[i], &m->modules[gpu * (m->units + 1) + i], err)) {
                driver_explain(err, "%.60s cannot be loaded on %.80s", units[i].name, g->list[gpu].name);
                return false;
            }
    }
    return true;
}

// What a GPU of that capability cannot run is told before anything is compiled.
static bool check_targets(const Program *p, const Gpus *g, const bool *used, char *err)
{
    const char *target = p->devices[0].target;
    char arch[GPU_TARGET];
    arch_of(target, arch);
    int wanted = 0;
    bool is_exact = arch[0] && arch[strlen(arch) - 1] == 'a';
    sscanf(arch, "sm_%d", &wanted);
    for (int i = 0; i < g->count; i++) {
        char better[GPU_TARGET];
        const Gpu *gpu = &g->list[i];
        if (!used[i] || (is_exact ? gpu->compute == wanted : gpu->compute >= wanted))
            continue;
        gpu_target(gpu, better);
        snprintf(err, DEVICE_ERROR, "GPU %d, %.80s, has compute capability %d.%d and cannot run %s; compile "
                 "for it: --target %s", i, gpu->name, gpu->compute / 10, gpu->compute % 10, target, better);
        return false;
    }
    return true;
}

static bool build(Modules *m, const Program *p, const Gpus *g, const bool *used, CudaUnit *units,
                  CudaBuilt *built, char *err)
{
    char arch[GPU_TARGET];
    Nvrtc nvrtc;
    const CudaBuildOptions options = { 0 };
    arch_of(p->devices[0].target, arch);
    for (int i = 0; i < m->units; i++)
        units[i] = (CudaUnit){ p->units[i].name, arch, p->units[i].text };
    units[m->units] = (CudaUnit){ "move.cu", arch, move_text };
    return nvrtc_find(&nvrtc, err) && cuda_build(&nvrtc, units, m->units + 1, &options, built, err)
        && load_all(m, g, used, units, built, err);
}

bool modules_open(Modules *m, const Program *p, const Gpus *g, const bool *used, char err[DEVICE_ERROR])
{
    size_t units = (size_t)p->unit_count + 1;
    *m = (Modules){ .gpus = g->count, .units = p->unit_count,
                    .modules = calloc(units * (size_t)g->count, sizeof *m->modules) };
    CudaUnit *texts = calloc(units, sizeof *texts);
    CudaBuilt *built = calloc(units, sizeof *built);
    bool good = m->modules && texts && built;
    snprintf(err, DEVICE_ERROR, "out of memory");
    good = good && check_targets(p, g, used, err) && build(m, p, g, used, texts, built, err);
    if (built)
        cuda_built_close(built, p->unit_count + 1);
    free(built);
    free(texts);
    return good;
}

void modules_close(Modules *m, const Gpus *g)
{
    char err[DEVICE_ERROR];
    for (int gpu = 0; gpu < m->gpus && m->modules; gpu++) {
        if (!g->list[gpu].context || !gpu_enter(g, gpu, err))
            continue;
        for (int i = 0; i <= m->units; i++)
            if (m->modules[gpu * (m->units + 1) + i])
                g->driver.cuModuleUnload(m->modules[gpu * (m->units + 1) + i]);
    }
    free(m->modules);
    *m = (Modules){ 0 };
}

bool modules_find(const Modules *m, const Gpus *g, int gpu, int unit, const char *symbol,
                  DriverFunction *function, char err[DEVICE_ERROR])
{
    DriverModule module = m->modules[gpu * (m->units + 1) + unit];
    if (DRIVER_CALL(&g->driver, err, cuModuleGetFunction, function, module, symbol))
        return true;
    driver_explain(err, "kernel %.100s", symbol);
    return false;
}
