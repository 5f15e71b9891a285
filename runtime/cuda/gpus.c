// GPUs in the order of the driver. A context is the primary one: what other libraries in the process use.
#include "runtime/cuda/gpus.h"
#include <string.h>

static bool attribute(const Gpus *g, const Gpu *gpu, DriverDeviceAttribute what, int *value, char *err)
{
    return DRIVER_CALL(&g->driver, err, cuDeviceGetAttribute, value, what, gpu->device);
}

static bool look_at(Gpus *g, int index, char *err)
{
    Gpu *gpu = &g->list[index];
    int major, minor;
    if (!DRIVER_CALL(&g->driver, err, cuDeviceGet, &gpu->device, index)
        || !DRIVER_CALL(&g->driver, err, cuDeviceGetName, gpu->name, (int)sizeof gpu->name, gpu->device)
        || !attribute(g, gpu, DRIVER_ATTRIBUTE_COMPUTE_MAJOR, &major, err)
        || !attribute(g, gpu, DRIVER_ATTRIBUTE_COMPUTE_MINOR, &minor, err)
        || !attribute(g, gpu, DRIVER_ATTRIBUTE_MAX_SHARED_OPTIN, &gpu->most_shared, err))
        return false;
    gpu->compute = 10 * major + minor;
    return true;
}

bool gpus_open(Gpus *g, char err[DEVICE_ERROR])
{
    memset(g, 0, sizeof *g);
    int count = 0;
    if (!driver_load(&g->driver, err) || !DRIVER_CALL(&g->driver, err, cuDeviceGetCount, &count))
        return false;
    g->count = count > GPUS_MOST ? GPUS_MOST : count;
    for (int i = 0; i < g->count; i++)
        if (!look_at(g, i, err))
            return false;
    if (!g->count)
        snprintf(err, DEVICE_ERROR, "the CUDA driver (%.100s) knows no GPU", g->driver.path);
    return g->count > 0;
}

void gpus_close(Gpus *g)
{
    for (int i = 0; i < g->count; i++)
        if (g->list[i].context)
            g->driver.cuDevicePrimaryCtxRelease(g->list[i].device);
    g->count = 0;
}

bool gpu_retain(Gpus *g, int gpu, char err[DEVICE_ERROR])
{
    Gpu *of = &g->list[gpu];
    return of->context || DRIVER_CALL(&g->driver, err, cuDevicePrimaryCtxRetain, &of->context, of->device);
}

bool gpu_enter(const Gpus *g, int gpu, char err[DEVICE_ERROR])
{
    return DRIVER_CALL(&g->driver, err, cuCtxSetCurrent, g->list[gpu].context);
}

bool gpu_reach(const Gpus *g, int gpu, int peer, bool *can, char err[DEVICE_ERROR])
{
    int answer = 0;
    *can = false;
    if (!DRIVER_CALL(&g->driver, err, cuDeviceCanAccessPeer, &answer, g->list[gpu].device,
                     g->list[peer].device))
        return false;
    if (!answer)
        return true;
    if (!gpu_enter(g, gpu, err))
        return false;
    DriverResult result = g->driver.cuCtxEnablePeerAccess(g->list[peer].context, 0);
    *can = result == DRIVER_SUCCESS || result == DRIVER_ERROR_PEER_ACCESS_ALREADY_ENABLED;
    return *can || result == DRIVER_ERROR_PEER_ACCESS_UNSUPPORTED
        || driver_check(&g->driver, result, "cuCtxEnablePeerAccess", err);
}

// sm_90a is 9.0 only; what is newer runs what is made for 8.9.
void gpu_target(const Gpu *g, char to[GPU_TARGET])
{
    const char *arch = g->compute == 90 ? "sm_90a" : g->compute >= 89 ? "sm_89"
                     : g->compute >= 86 ? "sm_86" : "sm_80";
    snprintf(to, GPU_TARGET, "cuda:%s", arch);
}
