// Virtual GPUs are a library with the CUDA driver's interface, told by its environment what to be; it is put
// in the driver's place before that is loaded.
#include "cli/gpus.h"
#include "runtime/cuda/gpus.h"
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char library[] = "libcleave-vgpu.so";

// --- virtual ones -----------------------------------------------------------------------------------

static bool is_there(char path[PATH_MAX], const char *folder, const char *below)
{
    return snprintf(path, PATH_MAX, "%s%s/%s", folder, below, library) < PATH_MAX && access(path, R_OK) == 0;
}

// CLEAVE_VGPU_LIB, else beside the program or in lib/ beside its folder; else the loader searches.
static const char *find_library(char path[PATH_MAX])
{
    char folder[PATH_MAX];
    const char *given = getenv("CLEAVE_VGPU_LIB");
    if (given && *given)
        return given;
    ssize_t length = readlink("/proc/self/exe", folder, sizeof folder - 1);
    folder[length > 0 ? length : 0] = 0;
    char *slash = strrchr(folder, '/');
    if (slash) {
        *slash = 0;
        if (is_there(path, folder, "") || is_there(path, folder, "/../lib"))
            return path;
    }
    return library;
}

static void set_number(const char *name, int64_t value)
{
    char text[24];
    snprintf(text, sizeof text, "%lld", (long long)value);
    setenv(name, text, 1);
}

static bool is_gpu(const char *target)
{
    return target && (!strncmp(target, "cuda", 4) || !strncmp(target, "sm_", 3));
}

static int use_virtual(const RunOptions *o)
{
    char path[PATH_MAX];
    if (o->target && !is_gpu(o->target)) {
        fprintf(stderr, "cleave: --virtual-gpus runs CUDA, and --target %.40s is a CPU\n", o->target);
        return EXIT_USAGE;
    }
    const char *found = find_library(path);
    if (!dlopen(found, RTLD_NOW | RTLD_LOCAL)) {
        fprintf(stderr, "cleave: the library of virtual GPUs cannot be loaded (CLEAVE_VGPU_LIB says where it "
                "is): %s\n", dlerror());
        return EXIT_MACHINE;
    }
    setenv("CLEAVE_CUDA_LIB", found, 1);
    set_number("VGPU_DEVICES", o->virtual_gpus);
    set_number("VGPU_CHECK", o->check);
    set_number("VGPU_SEED", o->vgpu_seed);
    return EXIT_OK;
}

// --- targets ----------------------------------------------------------------------------------------

// "cuda", "cuda:bf16": what the first GPU is, and the precision.
static bool is_open(const char *target)
{
    return !strcmp(target, "cuda") || !strcmp(target, "cuda:tf32") || !strcmp(target, "cuda:fp32")
        || !strcmp(target, "cuda:bf16");
}

static int ask_driver(const char *target, char room[GPUS_TARGET])
{
    char err[DEVICE_ERROR], arch[GPU_TARGET];
    Gpus gpus;
    if (!gpus_open(&gpus, err)) {
        fprintf(stderr, "cleave: %s\n", err);
        return EXIT_MACHINE;
    }
    gpu_target(&gpus.list[0], arch);
    gpus_close(&gpus);
    const char *precision = strchr(target, ':');
    bool is_default = !precision || !strcmp(precision, ":tf32");
    snprintf(room, GPUS_TARGET, "%s%.8s", arch, is_default ? "" : precision);
    return EXIT_OK;
}

// Does the map put a device on the kind of `target`? Its form is judged where a session reads it.
static bool maps_to(const char *place, size_t length, bool gpu)
{
    const char *kind = gpu ? "cuda" : "cpu";
    size_t size = strlen(kind);
    return length >= size && !strncmp(place, kind, size) && (length == size || place[size] == ':');
}

static void add_device(GpusTargets *to, const char *name, size_t length, const char *target)
{
    if (to->count == PROGRAM_DEVICES)
        return;
    char *kept = to->names[to->count];
    snprintf(kept, GPUS_NAME, "%.*s", (int)(length < GPUS_NAME ? length : GPUS_NAME - 1), name);
    to->of_device[to->count++] = (DeviceTarget){ kept, target };
}

// The devices of a map that are of the other kind than `all`; if all are and nobody named a target, `all`
// itself is of that kind.
static void read_map(const RunOptions *o, GpusTargets *to)
{
    bool on_gpus = is_gpu(to->all);
    const char *other = on_gpus ? NULL : "cuda";
    int same = 0;
    for (const char *text = o->map; text && *text;) {
        const char *end = strchrnul(text, ','), *equal = memchr(text, '=', (size_t)(end - text));
        const char *place = equal ? equal + 1 : end;
        same += maps_to(place, (size_t)(end - place), on_gpus);
        if (maps_to(place, (size_t)(end - place), !on_gpus))
            add_device(to, text, (size_t)(equal - text), other);
        text = *end ? end + 1 : end;
    }
    if (same)
        return;
    to->all = to->count && !o->target ? other : to->all;
    to->count = 0;
}

// "cuda" and the like become what the first GPU is.
static int resolve(GpusTargets *to)
{
    const char **open = to->all && is_open(to->all) ? &to->all : NULL;
    int code = EXIT_OK;
    for (int i = 0; i < to->count && !open; i++)
        if (to->of_device[i].target && is_open(to->of_device[i].target))
            open = &to->of_device[i].target;
    if (!open)
        return EXIT_OK;
    code = ask_driver(*open, to->room);
    *open = to->room;
    for (int i = 0; i < to->count; i++)
        if (to->of_device[i].target)
            to->of_device[i].target = to->room;
    return code;
}

int gpus_choose(const RunOptions *o, GpusTargets *to)
{
    *to = (GpusTargets){ .all = o->target };
    if (!o->virtual_gpus && o->vgpu_seed) {
        fprintf(stderr, "cleave: --vgpu-seed is of virtual GPUs: give --virtual-gpus N, too\n");
        return EXIT_USAGE;
    }
    if (o->virtual_gpus) {
        int code = use_virtual(o);
        if (code != EXIT_OK)
            return code;
        to->all = o->target ? o->target : "cuda";
    }
    read_map(o, to);
    return resolve(to);
}

int gpus_count(const RunOptions *o, const char *target)
{
    char err[DEVICE_ERROR];
    Gpus gpus;
    if (o->virtual_gpus)
        return (int)o->virtual_gpus;
    if (!target || !strncmp(target, "cpu", 3))
        return 0;
    int count = gpus_open(&gpus, err) ? gpus.count : 0;
    gpus_close(&gpus);
    return count;
}

void *gpus_symbol(const char *name)
{
    const char *path = getenv("CLEAVE_CUDA_LIB");
    void *at = path ? dlopen(path, RTLD_NOW | RTLD_NOLOAD) : NULL;
    void *symbol = at ? dlsym(at, name) : NULL;
    if (at)
        dlclose(at);                                         // use_virtual keeps it loaded
    return symbol;
}

int gpus_reports(const RunOptions *o)
{
    int (*count)(void) = NULL;
    void *symbol = o->virtual_gpus ? gpus_symbol("cleave_vgpu_reports") : NULL;
    memcpy(&count, &symbol, sizeof symbol);
    return count ? count() : 0;
}

int gpus_end(const RunOptions *o, int code)
{
    int reports = gpus_reports(o);
    if (o->virtual_gpus && o->check)
        fprintf(stderr, "cleave: the virtual GPUs reported %d fault%s\n", reports, reports == 1 ? "" : "s");
    return reports && code == EXIT_OK ? EXIT_RUN : code;
}
