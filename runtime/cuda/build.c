// First the cache for every unit, then threads for those that it lacks. Threads and not processes:
// NVRTC compiles side by side in one process (docs/nvrtc.md has the figures). Not the threads of
// runtime/pool.h, whose caller works along: each of these has a working folder of its own, the root.
// NVRTC puts the working folder before every name of a #line, and what cleave makes must not depend on
// where it was started.
#include "runtime/cuda/build.h"
#include "base/clock.h"
#include "runtime/cache.h"
#include <fnmatch.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { STACK_BYTES = 16 << 20, MOST_BUILDERS = 64 };

// One call of cuda_build.
typedef struct {
    const Nvrtc            *nvrtc;
    const CudaUnit         *units;
    const CudaBuildOptions *options;
    CudaBuilt              *built;
    const Cache            *cache;     // NULL: none is used
    int                    *missing;   // units that the cache lacks
    int                     missing_count;
    atomic_int              next;      // of those
} Build;

// --- one unit in the cache ------------------------------------------------------------------------

// Everything that NVRTC's output depends on; free() it. NULL: out of memory.
static char *cache_content(const Nvrtc *n, const CudaUnit *u)
{
    char *content;
    return asprintf(&content, "// %s\n// %s %s, as %s\n%s", n->identity, u->arch, NVRTC_OPTIONS, u->name,
                    u->text) < 0 ? NULL : content;
}

static bool take_part(const char **at, size_t *left, size_t size, char **part)
{
    if (size > *left || !(*part = malloc(size + 1)))
        return false;
    memcpy(*part, *at, size);
    (*part)[size] = 0;
    *at += size;
    *left -= size;
    return true;
}

// An entry: a line of three sizes, then log, PTX and cubin.
static bool unpack(const char *bytes, size_t size, NvrtcOutput *out)
{
    size_t log, ptx, cubin;
    int head = 0;
    if (sscanf(bytes, "log %zu ptx %zu cubin %zu%n", &log, &ptx, &cubin, &head) != 3
        || bytes[head] != '\n')
        return false;
    const char *at = bytes + head + 1;
    size_t left = size - (size_t)head - 1;
    out->cubin_size = cubin;
    return take_part(&at, &left, log, &out->log) && take_part(&at, &left, ptx, &out->ptx)
        && take_part(&at, &left, cubin, &out->cubin) && !left;
}

static bool read_from_cache(const Build *b, const CudaUnit *u, CudaBuilt *built)
{
    char key[CACHE_KEY], *content = cache_content(b->nvrtc, u);
    size_t size = 0;
    if (!content)
        return false;
    cache_key(content, strlen(content), key);
    char *bytes = cache_read(b->cache, CACHE_CUDA, key, content, &size);
    built->from_cache = bytes && unpack(bytes, size, &built->out);
    if (!built->from_cache)
        nvrtc_output_close(&built->out);
    free(bytes);
    free(content);
    return built->from_cache;
}

// A unit that cannot be stored is made again next time.
static void write_to_cache(const Build *b, const CudaUnit *u, const NvrtcOutput *out)
{
    char key[CACHE_KEY], *content = cache_content(b->nvrtc, u), *bytes = NULL;
    size_t size = 0;
    FILE *f = content ? open_memstream(&bytes, &size) : NULL;
    if (f) {
        fprintf(f, "log %zu ptx %zu cubin %zu\n%s%s", strlen(out->log), strlen(out->ptx), out->cubin_size,
                out->log, out->ptx);
        fwrite(out->cubin, 1, out->cubin_size, f);
        if (!fclose(f)) {
            cache_key(content, strlen(content), key);
            cache_write(b->cache, CACHE_CUDA, key, content, bytes, size);
        }
    }
    free(bytes);
    free(content);
}

// --- one unit judged ------------------------------------------------------------------------------

static bool is_allowed(const CudaBuildOptions *o, const char *kernel)
{
    for (int i = 0; i < o->allowed_count; i++)
        if (!fnmatch(o->allowed[i].kernel, kernel, 0) && *o->allowed[i].reason)
            return true;
    return false;
}

static CudaBuildStatus check_spills(const CudaBuildOptions *o, const CudaUnit *u, CudaBuilt *built)
{
    for (int i = 0; i < built->report.kernel_count; i++) {
        const ReportKernel *k = &built->report.kernels[i];
        if ((!k->spill_stores && !k->spill_loads && !k->stack) || is_allowed(o, k->name))
            continue;
        snprintf(built->err, DEVICE_ERROR, "%.80s (%.16s): %s `%.100s` keeps values in local memory: stack "
                 "frame %d, spill stores %d, spill loads %d bytes, %d registers; it needs a smaller tile, "
                 "looser __launch_bounds__, or no array that is indexed at run time", u->name, u->arch,
                 k->is_kernel ? "kernel" : "function", k->name, k->stack, k->spill_stores, k->spill_loads,
                 k->registers);
        return BUILD_SPILLS;
    }
    return BUILD_GOOD;
}

static CudaBuildStatus judge_refused(const CudaUnit *u, CudaBuilt *built)
{
    char first[DEVICE_ERROR - 128];
    if (!report_read(&built->report, built->out.log)
        || (built->out.ptx && !report_place_ptx(&built->report, built->out.ptx, u->text))) {
        snprintf(built->err, DEVICE_ERROR, "out of memory");
        return BUILD_FAILED;
    }
    report_first_error(&built->report, first, sizeof first);
    snprintf(built->err, DEVICE_ERROR, "%.80s (%.16s) is refused: %s", u->name, u->arch, first);
    return BUILD_REFUSED;
}

static CudaBuildStatus judge_made(const CudaBuildOptions *o, const CudaUnit *u, CudaBuilt *built)
{
    char why[DEVICE_ERROR] = "out of memory";
    if (!report_read(&built->report, built->out.log)
        || !cubin_read(&built->cubin, built->out.cubin, built->out.cubin_size, why)
        || !cubin_check(&built->cubin, &built->report, why)) {
        snprintf(built->err, DEVICE_ERROR, "%.80s (%.16s): %.400s", u->name, u->arch, why);
        return BUILD_FAILED;
    }
    return check_spills(o, u, built);
}

// --- compiling ------------------------------------------------------------------------------------

// What a thread asks while it compiles.
typedef struct {
    const CudaBuildOptions *options;
    double started;
    bool   is_late;
} Watch;

static bool must_stop(void *context)
{
    Watch *w = context;
    const NvrtcStop *stop = &w->options->stop;
    w->is_late |= w->options->most_seconds > 0 && clock_seconds() - w->started > w->options->most_seconds;
    return w->is_late || (stop->stop && stop->stop(stop->context));
}

static void compile_unit(const Build *b, const CudaUnit *u, CudaBuilt *built)
{
    Watch watch = { b->options, clock_seconds(), false };
    const NvrtcStop stop = { must_stop, &watch };
    char why[DEVICE_ERROR];
    NvrtcStatus status = nvrtc_compile(b->nvrtc, u->text, u->name, u->arch, &stop, &built->out, why);
    built->seconds = clock_seconds() - watch.started;
    if (status == NVRTC_MADE) {
        if (b->cache)
            write_to_cache(b, u, &built->out);
        built->status = judge_made(b->options, u, built);
    } else if (status == NVRTC_REFUSED) {
        built->status = judge_refused(u, built);
    } else if (watch.is_late) {
        built->status = BUILD_FAILED;
        snprintf(built->err, DEVICE_ERROR, "%.80s (%.16s): NVRTC takes more than %g seconds for it", u->name,
                 u->arch, b->options->most_seconds);
    } else {
        built->status = status == NVRTC_STOPPED ? BUILD_STOPPED : BUILD_FAILED;
        snprintf(built->err, DEVICE_ERROR, "%.80s: %.400s", u->name, why);
    }
}

static void *run_builder(void *context)
{
    Build *b = context;
    const NvrtcStop *stop = &b->options->stop;
    if (!unshare(CLONE_FS) && chdir("/"))
        return NULL;                                     // there is no root: nothing else works either
    for (int i; (i = atomic_fetch_add(&b->next, 1)) < b->missing_count;) {
        CudaBuilt *built = &b->built[b->missing[i]];
        if (stop->stop && stop->stop(stop->context))
            snprintf(built->err, DEVICE_ERROR, "stopped");
        else
            compile_unit(b, &b->units[b->missing[i]], built);
    }
    return NULL;
}

static int builder_count(const Build *b)
{
    cpu_set_t set;
    int count = b->options->threads;
    if (count < 1)
        count = sched_getaffinity(0, sizeof set, &set) ? 1 : CPU_COUNT(&set);
    if (count > MOST_BUILDERS)
        count = MOST_BUILDERS;
    return count < b->missing_count ? count : b->missing_count;
}

static bool compile_missing(Build *b, char *err)
{
    pthread_t threads[MOST_BUILDERS];
    pthread_attr_t attributes;
    int wanted = builder_count(b), started = 0;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK_BYTES);
    while (started < wanted && !pthread_create(&threads[started], &attributes, run_builder, b))
        started++;
    for (int i = 0; i < started; i++)
        pthread_join(threads[i], NULL);
    pthread_attr_destroy(&attributes);
    if (!started && wanted)
        snprintf(err, DEVICE_ERROR, "no thread can be started to compile in");
    return started || !wanted;
}

// --- all units ------------------------------------------------------------------------------------

static void search_cache(Build *b, int count)
{
    for (int i = 0; i < count; i++) {
        CudaBuilt *built = &b->built[i];
        built->status = BUILD_STOPPED;
        if (b->cache && read_from_cache(b, &b->units[i], built))
            built->status = judge_made(b->options, &b->units[i], built);
        else
            b->missing[b->missing_count++] = i;
    }
}

// The first message in the order of units, and how many more there are.
static bool summarize(const CudaBuilt *built, int count, char *err)
{
    const CudaBuilt *first = NULL;
    int bad = 0;
    for (int i = 0; i < count; i++)
        if (built[i].status != BUILD_GOOD && !bad++)
            first = &built[i];
    if (bad > 1)
        snprintf(err, DEVICE_ERROR, "%.440s (and %d more units)", first->err, bad - 1);
    else if (bad)
        snprintf(err, DEVICE_ERROR, "%s", first->err);
    return !bad;
}

bool cuda_build(Nvrtc *n, const CudaUnit *units, int count, const CudaBuildOptions *options,
                CudaBuilt *built, char err[DEVICE_ERROR])
{
    Cache cache = { 0 };
    if (!options->without_cache)
        cache_open(&cache);
    memset(built, 0, (size_t)count * sizeof *built);
    Build b = { .nvrtc = n, .units = units, .options = options, .built = built,
                .cache = cache.is_usable ? &cache : NULL,
                .missing = calloc((size_t)count + 1, sizeof *b.missing) };
    if (!b.missing) {
        snprintf(err, DEVICE_ERROR, "out of memory");
        return false;
    }
    search_cache(&b, count);
    bool good = !b.missing_count || (nvrtc_load(n, err) && compile_missing(&b, err));
    free(b.missing);
    return good && summarize(built, count, err);
}

void cuda_built_close(CudaBuilt *built, int count)
{
    for (int i = 0; i < count; i++) {
        cubin_close(&built[i].cubin);
        report_close(&built[i].report);
        nvrtc_output_close(&built[i].out);
    }
}
