// Runs the C compiler on kernel units, each in a child process and a folder of its own.
#include "runtime/cpu/compile.h"
#include "runtime/cache.h"
#include "runtime/child.h"
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

// -O2 and no vectoriser: tiles are written as vectors already; -O3 spills their accumulators.
static const char *const base_flags = "-std=gnu11 -O2 -fno-tree-vectorize -fno-math-errno "
    "-fno-trapping-math -ffp-contract=fast -fPIC -shared -w -pipe";

enum { MOST_ARGS = 64, FIRST_LINES = 300 };

static bool fail(char *err, const char *what, const char *detail)
{
    snprintf(err, DEVICE_ERROR, "%s%s%.300s", what, *detail ? ": " : "", detail);
    return false;
}

// True if `target` is made of instructions of `isa`, whatever it computes in: "cpu:avx2:tf32" of "cpu:avx2".
static bool is_of(const char *target, const char *isa)
{
    size_t length = strlen(isa);
    return !strncmp(target, isa, length) && (!target[length] || target[length] == ':');
}

bool cpu_runs_target(const char *target)
{
#if defined(__x86_64__)
    if (is_of(target, "cpu:avx512"))
        return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl")
            && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq");
    if (is_of(target, "cpu:avx2"))
        return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    return is_of(target, "cpu:sse2");
#else
    return is_of(target, "cpu:neon");
#endif
}

// --- the compiler ---------------------------------------------------------------------------------

// Splits at blanks. False: too long or too many words.
static bool split_words(CpuCompiler *c, const char *text)
{
    c->count = 0;
    if (snprintf(c->text, sizeof c->text, "%s", text) >= (int)sizeof c->text)
        return false;
    char *rest = c->text, *word;
    while ((word = strtok_r(NULL, " \t", &rest))) {
        if (c->count == COMPILER_WORDS)
            return false;
        c->words[c->count++] = word;
    }
    c->words[c->count] = NULL;
    return c->count > 0;
}

// "ccache gcc" is two programs: whichever words name one are part of the identity.
static void identify(CpuCompiler *c)
{
    size_t length = 0;
    c->identity[0] = 0;
    for (int i = 0; i < c->count; i++) {
        char path[PATH_MAX];
        struct stat s;
        if (!child_find(c->words[i], path) || stat(path, &s))
            snprintf(path, sizeof path, "%s", c->words[i]), s = (struct stat){ 0 };
        length += (size_t)snprintf(c->identity + length, sizeof c->identity - length,
                                   "%.200s %lld %lld ", path, (long long)s.st_size,
                                   (long long)s.st_mtime);
        if (length >= sizeof c->identity)
            return;
    }
}

bool cpu_compiler_find(CpuCompiler *c, char err[DEVICE_ERROR])
{
    const char *const names[] = { getenv("CC"), "cc", "gcc", "clang" };
    char path[PATH_MAX];
    for (int i = 0; i < 4; i++) {
        if (!names[i] || !*names[i])
            continue;
        if (split_words(c, names[i]) && child_find(c->words[0], path)) {
            identify(c);
            return true;
        }
        if (i == 0)
            return fail(err, "no C compiler: CC names a program that is not there", names[i]);
    }
    return fail(err, "no C compiler (cc, gcc or clang) on PATH; cleave compiles its kernels on the "
                "machine that runs them. Install one (Debian: apt install gcc libc6-dev) or set CC", "");
}

// --- one unit -------------------------------------------------------------------------------------

// A compilation under way.
typedef struct {
    const KernelUnit *unit;
    char             *content;             // text behind compiler and flags: what the cache compares
    char              key[CACHE_KEY];
    char              folder[PATH_MAX - 64];
    pid_t             child;               // 0: none was started
} Build;

static void build_path(const Build *b, const char *name, char path[PATH_MAX])
{
    snprintf(path, PATH_MAX, "%s/%s", b->folder, name);
}

static bool write_text(const char *path, const char *text)
{
    FILE *f = fopen(path, "we");
    if (!f)
        return false;
    bool good = fputs(text, f) >= 0;
    return !fclose(f) && good;
}

// Adds the words of `text` (which is cut into pieces) to argv.
static int add_words(char **argv, int count, char *text)
{
    char *word;
    while (count < MOST_ARGS - 1 && (word = strtok_r(NULL, " ", &text)))
        argv[count++] = word;
    return count;
}

static bool start_build(Build *b, const CpuCompiler *c, const Cache *cache, char *err)
{
    char source[PATH_MAX], library[PATH_MAX], log[PATH_MAX], base[512], flags[1024], *argv[MOST_ARGS];
    const char *tmp = getenv("TMPDIR");
    snprintf(b->folder, sizeof b->folder, "%s/cleave-XX" "XX" "XX",
             cache->is_usable ? cache->path : tmp && *tmp == '/' ? tmp : "/tmp");
    if (!mkdtemp(b->folder)) {
        b->folder[0] = 0;
        return fail(err, "no place to compile kernels in", strerror(errno));
    }
    build_path(b, "unit.c", source);
    build_path(b, "unit.so", library);
    if (!write_text(source, b->unit->text))
        return fail(err, "kernel text cannot be written", strerror(errno));
    snprintf(base, sizeof base, "%s", base_flags);
    snprintf(flags, sizeof flags, "%s", b->unit->flags);
    int count = 0;
    for (int i = 0; i < c->count; i++)
        argv[count++] = c->words[i];
    count = add_words(argv, count, base);
    count = add_words(argv, count, flags);
    if (count > MOST_ARGS - 5)
        return fail(err, "too many flags for the C compiler", "");
    char *last[] = { "-o", library, source, "-lm", NULL };
    memcpy(argv + count, last, sizeof last);
    build_path(b, "log", log);
    return child_start(&b->child, "the C compiler", argv, log, err);
}

// The compiler's first lines, for the message.
static bool report_failure(const Build *b, int status, char *err)
{
    char path[PATH_MAX], text[FIRST_LINES + 1] = "";
    build_path(b, "log", path);
    FILE *f = fopen(path, "re");
    if (f) {
        text[fread(text, 1, FIRST_LINES, f)] = 0;
        fclose(f);
    }
    snprintf(err, DEVICE_ERROR, "the C compiler refuses %.64s (status %d):\n%s", b->unit->name,
             status, text);
    return false;
}

static bool load(const char *path, void **library, char *err)
{
    *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    return *library || fail(err, "compiled kernels cannot be loaded", dlerror());
}

static bool finish_build(Build *b, const Cache *cache, CpuUnit *u, char *err)
{
    char made[PATH_MAX], stored[PATH_MAX];
    int status = child_wait(b->child);
    b->child = 0;
    if (status < 0)
        return fail(err, "the C compiler is lost", strerror(errno));
    if (status)
        return report_failure(b, status, err);
    build_path(b, "unit.so", made);
    bool is_stored = cache_store(cache, CACHE_LIBRARY, b->key, b->content, made, stored);
    return load(is_stored ? stored : made, &u->library, err);
}

static void clean_build(Build *b)
{
    static const char *const names[] = { "unit.c", "unit.so", "log" };
    char path[PATH_MAX];
    if (b->child)
        child_wait(b->child);
    for (int i = 0; i < 3 && b->folder[0]; i++) {
        build_path(b, names[i], path);
        unlink(path);
    }
    if (b->folder[0])
        rmdir(b->folder);
    free(b->content);
}

// --- all units ------------------------------------------------------------------------------------

static bool prepare(Build *b, const KernelUnit *unit, const CpuCompiler *c, char *err)
{
    *b = (Build){ .unit = unit };
    if (!cpu_runs_target(unit->target))
        return fail(err, "this machine does not run kernels for the target", unit->target);
    int length = asprintf(&b->content, "// %s\n// %s %s\n%s", c->identity, base_flags, unit->flags,
                          unit->text);
    if (length < 0) {
        b->content = NULL;
        return fail(err, "out of memory", "");
    }
    cache_key(b->content, (size_t)length, b->key);
    return true;
}

static bool open_units(const Program *p, Build *builds, CpuUnit *units, char *err)
{
    CpuCompiler c;
    Cache cache;
    char path[PATH_MAX], ignored[DEVICE_ERROR];
    if (!cpu_compiler_find(&c, err))
        return false;
    cache_open(&cache);
    for (int i = 0; i < p->unit_count; i++) {
        if (strncmp(p->units[i].target, "cpu:", 4))
            continue;
        if (!prepare(&builds[i], &p->units[i], &c, err))
            return false;
        Build *b = &builds[i];
        units[i].from_cache = cache_find(&cache, CACHE_LIBRARY, b->key, b->content, path)
            && load(path, &units[i].library, ignored);
        if (!units[i].from_cache && !start_build(b, &c, &cache, err))
            return false;
    }
    for (int i = 0; i < p->unit_count; i++)
        if (builds[i].child && !finish_build(&builds[i], &cache, &units[i], err))
            return false;
    return true;
}

bool cpu_units_open(const Program *p, CpuUnit *units, char err[DEVICE_ERROR])
{
    Build *builds = calloc((size_t)p->unit_count + 1, sizeof *builds);
    if (!builds)
        return fail(err, "out of memory", "");
    memset(units, 0, (size_t)p->unit_count * sizeof *units);
    bool good = open_units(p, builds, units, err);
    for (int i = 0; i < p->unit_count; i++)
        clean_build(&builds[i]);
    free(builds);
    return good;
}

void cpu_units_close(CpuUnit *units, int count)
{
    for (int i = 0; i < count; i++)
        if (units[i].library)
            dlclose(units[i].library);
}
