// Modules, functions, launches.
#include "runtime/vgpu/driver/driver.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DYNAMIC_LIMIT = 48 * 1024, SHARED_LIMIT = 163 * 1024 };         // without asking for more; at most

// --- modules ---------------------------------------------------------------------------------------

static bool is_text(const char *image)
{
    static const unsigned char elf[4] = { 0x7f, 'E', 'L', 'F' }, fatbin[4] = { 0x50, 0xed, 0x55, 0xba };
    return memcmp(image, elf, 4) != 0 && memcmp(image, fatbin, 4) != 0;
}

// An option's value may be a pointer, or a number in its place.
static void fill_log(const char *text, unsigned count, const DriverJitOption *options, void **values)
{
    char *log = NULL;
    size_t bytes = 0;
    for (unsigned k = 0; k < count; k++) {
        if (options[k] == DRIVER_JIT_ERROR_LOG)
            log = values[k];
        if (options[k] == DRIVER_JIT_ERROR_LOG_BYTES)
            bytes = (size_t)(uintptr_t)values[k];
    }
    if (log && bytes)
        snprintf(log, bytes, "%s", text);
}

static DriverResult load(DriverModule *module, Context *c, const char *image, unsigned count,
                         const DriverJitOption *options, void **values)
{
    char err[VGPU_ERROR];
    if (!module || !image)
        return DRIVER_ERROR_INVALID_VALUE;
    if (!is_text(image)) {
        fill_log("the virtual GPU runs PTX only", count, options, values);
        return DRIVER_ERROR_NO_BINARY_FOR_GPU;
    }
    VgpuModule *code = vgpu_module_load(image, err);
    if (!code) {
        fill_log(err, count, options, values);
        driver_say("invalid-ptx: %s", err);
        return DRIVER_ERROR_INVALID_PTX;
    }
    *module = driver_object(sizeof **module, OBJECT_MODULE, c);
    if (!*module) {
        vgpu_module_close(code);
        return DRIVER_ERROR_OUT_OF_MEMORY;
    }
    (*module)->code = code;
    return DRIVER_SUCCESS;
}

DriverResult cuModuleLoadDataEx(DriverModule *module, const void *image, unsigned count,
                                DriverJitOption *options, void **values)
{
    ENTER(NEEDS_CONTEXT);
    return load(module, current_context, image, count, options, values);
}

DriverResult cuModuleLoadData(DriverModule *module, const void *image)
{
    ENTER(NEEDS_CONTEXT);
    return load(module, current_context, image, 0, NULL, NULL);
}

DriverResult cuLibraryLoadData(DriverModule *library, const void *code, DriverJitOption *jit_options,
                               void **jit_values, unsigned jit_count, unsigned *options, void **values,
                               unsigned count)
{
    ENTER(NEEDS_INIT);
    (void)options, (void)values, (void)count;
    return load(library, NULL, code, jit_count, jit_options, jit_values);
}

static DriverResult unload(Module *m)
{
    if (!driver_is_live(m, OBJECT_MODULE))
        return DRIVER_ERROR_INVALID_HANDLE;
    for (Object *o = driver.objects; o; o = o->next)
        if (o->kind == OBJECT_STREAM)
            driver_wait_stream((Stream *)o);
    driver_close_module(m);
    return DRIVER_SUCCESS;
}

DriverResult cuModuleUnload(DriverModule module)
{
    ENTER(NEEDS_CONTEXT);
    return unload(module);
}

DriverResult cuLibraryUnload(DriverModule library)
{
    ENTER(NEEDS_INIT);
    return unload(library);
}

// --- functions -------------------------------------------------------------------------------------

static DriverResult find(DriverFunction *function, Module *m, const char *symbol)
{
    if (!driver_is_live(m, OBJECT_MODULE))
        return DRIVER_ERROR_INVALID_HANDLE;
    Function *f = m->functions;
    while (f && strcmp(f->name, symbol) != 0)
        f = f->next;
    *function = f;
    VgpuKernelInfo info;
    if (f)
        return DRIVER_SUCCESS;
    if (!vgpu_kernel_info(m->code, symbol, &info))
        return DRIVER_ERROR_NOT_FOUND;
    f = calloc(1, sizeof *f);
    char *name = f ? strdup(symbol) : NULL;
    if (!name) {
        free(f);
        return DRIVER_ERROR_OUT_OF_MEMORY;
    }
    *f = (Function){ .module = m, .name = name, .info = info, .dynamic_limit = DYNAMIC_LIMIT,
                     .next = m->functions };
    m->functions = f;
    *function = f;
    return DRIVER_SUCCESS;
}

DriverResult cuModuleGetFunction(DriverFunction *function, DriverModule module, const char *symbol)
{
    ENTER(NEEDS_CONTEXT);
    return find(function, module, symbol);
}

DriverResult cuLibraryGetKernel(DriverFunction *kernel, DriverModule library, const char *symbol)
{
    ENTER(NEEDS_INIT);
    return find(kernel, library, symbol);
}

bool driver_is_function(const Function *f)
{
    for (const Object *o = driver.objects; o; o = o->next) {
        const Function *g = o->kind == OBJECT_MODULE ? ((const Module *)o)->functions : NULL;
        for (; g; g = g->next)
            if (g == f)
                return true;
    }
    return false;
}

DriverResult cuKernelGetFunction(DriverFunction *function, DriverFunction kernel)
{
    ENTER(NEEDS_CONTEXT);
    *function = kernel;
    return driver_is_function(kernel) ? DRIVER_SUCCESS : DRIVER_ERROR_INVALID_HANDLE;
}

DriverResult cuFuncSetAttribute(DriverFunction function, DriverFunctionAttribute attribute, int value)
{
    ENTER(NEEDS_CONTEXT);
    if (!driver_is_function(function))
        return DRIVER_ERROR_INVALID_HANDLE;
    if (attribute == DRIVER_FUNCTION_SHARED_CARVEOUT)
        return DRIVER_SUCCESS;
    if (attribute != DRIVER_FUNCTION_MAX_DYNAMIC_SHARED || value < 0 ||
        (unsigned)value + function->info.shared_bytes > SHARED_LIMIT)
        return DRIVER_ERROR_INVALID_VALUE;
    function->dynamic_limit = (unsigned)value;
    return DRIVER_SUCCESS;
}

DriverResult cuFuncGetAttribute(int *value, DriverFunctionAttribute attribute, DriverFunction function)
{
    ENTER(NEEDS_CONTEXT);
    if (!driver_is_function(function))
        return DRIVER_ERROR_INVALID_HANDLE;
    switch (attribute) {
    case DRIVER_FUNCTION_MAX_THREADS:        *value = (int)function->info.max_threads; break;
    case DRIVER_FUNCTION_SHARED_BYTES:       *value = (int)function->info.shared_bytes; break;
    case DRIVER_FUNCTION_REGISTERS:          *value = 32; break;
    case DRIVER_FUNCTION_MAX_DYNAMIC_SHARED: *value = (int)function->dynamic_limit; break;
    default:                                 *value = 0; break;
    }
    return DRIVER_SUCCESS;
}

// --- launches --------------------------------------------------------------------------------------

static bool is_legal(const Function *f, const DriverLaunchConfig *c)
{
    const unsigned *g = c->grid, *b = c->block;
    return g[0] && g[0] <= INT32_MAX && g[1] && g[1] <= 65535 && g[2] && g[2] <= 65535 &&
           b[0] && b[1] && b[2] &&
           b[0] <= 1024 && b[1] <= 1024 && b[2] <= 64 && b[0] * b[1] * b[2] <= f->info.max_threads &&
           c->shared_bytes <= f->dynamic_limit && c->shared_bytes + f->info.shared_bytes <= SHARED_LIMIT;
}

// Takes the values of the parameters: the caller's may go when the call returns.
static Work *kernel_work(Function *f, const DriverLaunchConfig *c, void **params)
{
    Work *w = driver_work(WORK_KERNEL);
    size_t bytes = 0;
    for (int k = 0; k < f->info.params; k++)
        bytes += (f->info.param_sizes[k] + 7u) & ~7u;
    if (!w || !(w->data = malloc(bytes + 1))) {
        driver_free_work(w);
        return NULL;
    }
    size_t at = 0;
    for (int k = 0; k < f->info.params; k++) {
        memcpy(w->data + at, params[k], f->info.param_sizes[k]);
        at += (f->info.param_sizes[k] + 7u) & ~7u;
    }
    w->u.kernel.function = f;
    w->u.kernel.shared_bytes = c->shared_bytes;
    memcpy(w->u.kernel.grid, c->grid, sizeof c->grid);
    memcpy(w->u.kernel.block, c->block, sizeof c->block);
    return w;
}

static DriverResult launch(Function *f, const DriverLaunchConfig *c, void **params, void **extra)
{
    Stream *s = driver_stream(c->stream);
    const Context *owner = driver_is_function(f) ? f->module->object.context : NULL;
    if (!s || !driver_is_function(f) || (owner && owner != s->object.context))
        return DRIVER_ERROR_INVALID_HANDLE;
    if (extra)
        return DRIVER_ERROR_NOT_SUPPORTED;
    if ((f->info.params && !params) || !is_legal(f, c)) {
        driver_say("launch: %s: %u x %u x %u blocks of %u x %u x %u threads (at most %u), %u bytes of shared "
                   "memory (at most %u; see cuFuncSetAttribute)", f->name, c->grid[0], c->grid[1], c->grid[2],
                   c->block[0], c->block[1], c->block[2], f->info.max_threads, c->shared_bytes,
                   f->dynamic_limit);
        return DRIVER_ERROR_INVALID_VALUE;
    }
    Work *w = kernel_work(f, c, params);
    return w ? driver_queue(s, w) : DRIVER_ERROR_OUT_OF_MEMORY;
}

DriverResult cuLaunchKernel(DriverFunction function, unsigned grid_x, unsigned grid_y, unsigned grid_z,
                            unsigned block_x, unsigned block_y, unsigned block_z, unsigned shared_bytes,
                            DriverStream stream, void **params, void **extra)
{
    ENTER(NEEDS_CONTEXT);
    DriverLaunchConfig c = { .grid = { grid_x, grid_y, grid_z }, .block = { block_x, block_y, block_z },
                             .shared_bytes = shared_bytes, .stream = stream };
    return launch(function, &c, params, extra);
}

DriverResult cuLaunchKernelEx(const DriverLaunchConfig *config, DriverFunction function, void **params,
                              void **extra)
{
    ENTER(NEEDS_CONTEXT);
    return config->attribute_count ? DRIVER_ERROR_NOT_SUPPORTED : launch(function, config, params, extra);
}

DriverResult cuLaunchHostFunc(DriverStream stream, void (*call)(void *), void *data)
{
    ENTER(NEEDS_CONTEXT);
    Stream *s = driver_stream(stream);
    Work *w = s ? driver_work(WORK_CALL) : NULL;
    if (!w)
        return s ? DRIVER_ERROR_OUT_OF_MEMORY : DRIVER_ERROR_INVALID_HANDLE;
    w->u.call.call = call;
    w->u.call.data = data;
    return driver_queue(s, w);
}
