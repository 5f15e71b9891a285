// Devices and contexts.
#include "runtime/vgpu/driver/driver.h"
#include <stdio.h>

enum { STACK = 16 };
static _Thread_local Context *stack[STACK];                   // below the current one
static _Thread_local int      depth;

static bool is_device(DriverDevice d) { return d >= 0 && d < driver.device_count; }

DriverResult cuInit(unsigned flags)
{
    ENTER(NEEDS_NOTHING);
    if (flags)
        return DRIVER_ERROR_INVALID_VALUE;
    if (driver.ready)
        return DRIVER_SUCCESS;
    driver.memory = vgpu_memory_open();
    if (!driver.memory)
        return DRIVER_ERROR_OUT_OF_MEMORY;
    driver_read_environment();
    if (driver.device_count && !driver_reserve_memory())
        return DRIVER_ERROR_OUT_OF_MEMORY;
    driver.ready = driver.device_count > 0;
    return driver.ready ? DRIVER_SUCCESS : DRIVER_ERROR_NO_DEVICE;
}

DriverResult cuDriverGetVersion(int *version)
{
    ENTER(NEEDS_NOTHING);
    *version = 13000;
    return DRIVER_SUCCESS;
}

DriverResult cuDeviceGetCount(int *count)
{
    ENTER(NEEDS_INIT);
    *count = driver.device_count;
    return DRIVER_SUCCESS;
}

DriverResult cuDeviceGet(DriverDevice *device, int ordinal)
{
    ENTER(NEEDS_INIT);
    *device = ordinal;
    return is_device(ordinal) ? DRIVER_SUCCESS : DRIVER_ERROR_INVALID_DEVICE;
}

DriverResult cuDeviceGetName(char *name, int size, DriverDevice device)
{
    ENTER(NEEDS_INIT);
    if (!is_device(device) || size < 1)
        return DRIVER_ERROR_INVALID_DEVICE;
    snprintf(name, (size_t)size, "virtual GPU %d", device);
    return DRIVER_SUCCESS;
}

DriverResult cuDeviceTotalMem_v2(size_t *bytes, DriverDevice device)
{
    ENTER(NEEDS_INIT);
    if (!is_device(device))
        return DRIVER_ERROR_INVALID_DEVICE;
    *bytes = driver.device[device].capacity;
    return DRIVER_SUCCESS;
}

DriverResult cuDeviceComputeCapability(int *major, int *minor, DriverDevice device)
{
    ENTER(NEEDS_INIT);
    *major = 8;
    *minor = 0;
    return is_device(device) ? DRIVER_SUCCESS : DRIVER_ERROR_INVALID_DEVICE;
}

// Those of compute capability 8.0; a small one, so that grids are chosen for few multiprocessors.
DriverResult cuDeviceGetAttribute(int *value, DriverDeviceAttribute attribute, DriverDevice device)
{
    static const struct { DriverDeviceAttribute attribute; int value; } values[] = {
        { DRIVER_ATTRIBUTE_MAX_THREADS_PER_BLOCK, 1024 }, { DRIVER_ATTRIBUTE_MAX_BLOCK_X, 1024 },
        { DRIVER_ATTRIBUTE_MAX_BLOCK_Y, 1024 }, { DRIVER_ATTRIBUTE_MAX_BLOCK_Z, 64 },
        { DRIVER_ATTRIBUTE_MAX_GRID_X, INT32_MAX }, { DRIVER_ATTRIBUTE_MAX_GRID_Y, 65535 },
        { DRIVER_ATTRIBUTE_MAX_GRID_Z, 65535 }, { DRIVER_ATTRIBUTE_MAX_SHARED_PER_BLOCK, 48 * 1024 },
        { DRIVER_ATTRIBUTE_WARP_SIZE, 32 }, { DRIVER_ATTRIBUTE_CLOCK_RATE, 1000000 },
        { DRIVER_ATTRIBUTE_MULTIPROCESSORS, 4 }, { DRIVER_ATTRIBUTE_MEMORY_CLOCK_RATE, 1000000 },
        { DRIVER_ATTRIBUTE_MEMORY_BUS_WIDTH, 256 }, { DRIVER_ATTRIBUTE_L2_BYTES, 4 << 20 },
        { DRIVER_ATTRIBUTE_UNIFIED_ADDRESSING, 1 }, { DRIVER_ATTRIBUTE_COMPUTE_MAJOR, 8 },
        { DRIVER_ATTRIBUTE_COMPUTE_MINOR, 0 }, { DRIVER_ATTRIBUTE_MAX_SHARED_PER_MULTIPROCESSOR, 164 * 1024 },
        { DRIVER_ATTRIBUTE_MAX_SHARED_OPTIN, 163 * 1024 },
    };
    ENTER(NEEDS_INIT);
    if (!is_device(device))
        return DRIVER_ERROR_INVALID_DEVICE;
    *value = 0;
    for (size_t k = 0; k < sizeof values / sizeof *values; k++)
        if (values[k].attribute == attribute)
            *value = values[k].value;
    return DRIVER_SUCCESS;
}

// --- contexts --------------------------------------------------------------------------------------

DriverResult cuDevicePrimaryCtxRetain(DriverContext *context, DriverDevice device)
{
    ENTER(NEEDS_INIT);
    if (!is_device(device))
        return DRIVER_ERROR_INVALID_DEVICE;
    Context **c = &driver.primary[device];
    if (!*c)
        *c = driver_open_context(device);
    if (!*c)
        return DRIVER_ERROR_OUT_OF_MEMORY;
    (*c)->primary = true;
    (*c)->users++;
    *context = *c;
    return DRIVER_SUCCESS;
}

static DriverResult end_primary(DriverDevice device)
{
    driver_close_context(driver.primary[device]);
    driver.primary[device] = NULL;
    return DRIVER_SUCCESS;
}

DriverResult cuDevicePrimaryCtxRelease_v2(DriverDevice device)
{
    ENTER(NEEDS_INIT);
    if (!is_device(device))
        return DRIVER_ERROR_INVALID_DEVICE;
    if (!driver.primary[device])
        return DRIVER_ERROR_INVALID_CONTEXT;
    return --driver.primary[device]->users ? DRIVER_SUCCESS : end_primary(device);
}

DriverResult cuDevicePrimaryCtxReset_v2(DriverDevice device)
{
    ENTER(NEEDS_INIT);
    if (!is_device(device))
        return DRIVER_ERROR_INVALID_DEVICE;
    return driver.primary[device] ? end_primary(device) : DRIVER_SUCCESS;
}

DriverResult cuDevicePrimaryCtxGetState(DriverDevice device, unsigned *flags, int *active)
{
    ENTER(NEEDS_INIT);
    if (!is_device(device))
        return DRIVER_ERROR_INVALID_DEVICE;
    *flags = 0;
    *active = driver.primary[device] != NULL;
    return DRIVER_SUCCESS;
}

static DriverResult push(Context *c)
{
    if (depth == STACK)
        return DRIVER_ERROR_INVALID_VALUE;
    stack[depth++] = current_context;
    current_context = c;
    return DRIVER_SUCCESS;
}

DriverResult cuCtxCreate_v2(DriverContext *context, unsigned flags, DriverDevice device)
{
    ENTER(NEEDS_INIT);
    (void)flags;
    if (!is_device(device))
        return DRIVER_ERROR_INVALID_DEVICE;
    *context = driver_open_context(device);
    return *context ? push(*context) : DRIVER_ERROR_OUT_OF_MEMORY;
}

DriverResult cuCtxDestroy_v2(DriverContext context)
{
    ENTER(NEEDS_INIT);
    if (!driver_is_live(context, OBJECT_CONTEXT) || context->primary)
        return DRIVER_ERROR_INVALID_CONTEXT;
    driver_close_context(context);
    if (current_context == context)
        current_context = depth ? stack[--depth] : NULL;
    return DRIVER_SUCCESS;
}

DriverResult cuCtxPushCurrent_v2(DriverContext context)
{
    ENTER(NEEDS_INIT);
    return driver_is_live(context, OBJECT_CONTEXT) ? push(context) : DRIVER_ERROR_INVALID_CONTEXT;
}

DriverResult cuCtxPopCurrent_v2(DriverContext *context)
{
    ENTER(NEEDS_INIT);
    if (!current_context)
        return DRIVER_ERROR_INVALID_CONTEXT;
    if (context)
        *context = current_context;
    current_context = depth ? stack[--depth] : NULL;
    return DRIVER_SUCCESS;
}

DriverResult cuCtxSetCurrent(DriverContext context)
{
    ENTER(NEEDS_INIT);
    if (context && !driver_is_live(context, OBJECT_CONTEXT))
        return DRIVER_ERROR_INVALID_CONTEXT;
    current_context = context;
    return DRIVER_SUCCESS;
}

DriverResult cuCtxGetCurrent(DriverContext *context)
{
    ENTER(NEEDS_INIT);
    *context = current_context;
    return DRIVER_SUCCESS;
}

DriverResult cuCtxGetDevice(DriverDevice *device)
{
    ENTER(NEEDS_CONTEXT);
    *device = current_context->device;
    return DRIVER_SUCCESS;
}

DriverResult cuCtxSynchronize(void)
{
    ENTER(NEEDS_CONTEXT);
    if (driver.captures)
        return graph_refuse(NULL, DRIVER_ERROR_STREAM_CAPTURE_UNSUPPORTED);
    driver_wait_context(current_context);
    return current_context->error;
}

// --- peers -----------------------------------------------------------------------------------------

DriverResult cuDeviceCanAccessPeer(int *can, DriverDevice device, DriverDevice peer)
{
    ENTER(NEEDS_INIT);
    if (!is_device(device) || !is_device(peer))
        return DRIVER_ERROR_INVALID_DEVICE;
    *can = device != peer && driver.has_peers;
    return DRIVER_SUCCESS;
}

DriverResult cuCtxEnablePeerAccess(DriverContext peer, unsigned flags)
{
    ENTER(NEEDS_CONTEXT);
    if (flags)
        return DRIVER_ERROR_INVALID_VALUE;
    if (!driver_is_live(peer, OBJECT_CONTEXT) || peer->device == current_context->device)
        return DRIVER_ERROR_INVALID_CONTEXT;
    if (!driver.has_peers)
        return DRIVER_ERROR_PEER_ACCESS_UNSUPPORTED;
    if (current_context->peers >> peer->device & 1)
        return DRIVER_ERROR_PEER_ACCESS_ALREADY_ENABLED;
    current_context->peers |= 1u << peer->device;
    return DRIVER_SUCCESS;
}

DriverResult cuCtxDisablePeerAccess(DriverContext peer)
{
    ENTER(NEEDS_CONTEXT);
    if (!driver_is_live(peer, OBJECT_CONTEXT))
        return DRIVER_ERROR_INVALID_CONTEXT;
    if (!(current_context->peers >> peer->device & 1))
        return DRIVER_ERROR_PEER_ACCESS_NOT_ENABLED;
    current_context->peers &= ~(1u << peer->device);
    return DRIVER_SUCCESS;
}
