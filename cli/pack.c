// cleave pack IMAGES -o DIR: a folder of images, or a list of them, into shards.
#include "base/clock.h"
#include "base/text.h"
#include "cli/options.h"
#include "cli/run.h"
#include "runtime/data/pack.h"
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

typedef struct {
    const char *out, *name, *bad, *path;
    int64_t     size, quality, shard_mib, threads;
    bool        lossless;
} PackVerb;

static void print_bad(void *context, const char *text)
{
    (void)context;
    fputs("cleave: left out: ", stderr);
    text_print_safe(stderr, text, (int)strlen(text));
    fputc('\n', stderr);
}

// What a path holds, as the stage of a data section that would read it.
static const char *source_kind(const char *path)
{
    struct stat st;
    size_t length = strlen(path);
    if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
        return "images";
    return length > 4 && !strcmp(path + length - 4, ".tar") ? "shards" : "list";
}

static int pack(const PackVerb *v)
{
    char err[DATA_ERROR] = "";
    StageArg path = { .name = "path", .kind = ARG_TEXT, .text = v->path, .at = NO_SPAN };
    Stage stage = { source_kind(v->path), &path, 1, NO_SPAN };
    SourceOptions from = { .stage = &stage };
    ImageSource source;
    if (!source_open(&source, &from, err)) {
        fprintf(stderr, "cleave: %s\n", err);
        return EXIT_INPUT;
    }
    PackOptions o = { .folder = v->out, .name = v->name, .size = (int)v->size,
                      .quality = v->lossless ? 0 : (int)v->quality, .most_bytes = v->shard_mib << 20,
                      .threads = (int)v->threads, .skip_bad = !strcmp(v->bad, "skip"), .on_bad = print_bad };
    Packed packed;
    double start = clock_seconds();
    bool ok = run_make_folder(v->out);
    if (ok && !pack_source(&source, &o, &packed, err)) {
        fprintf(stderr, "cleave: %s\n", err);
        ok = false;
    }
    double seconds = clock_seconds() - start;
    if (ok)
        printf("%lld images of %d classes in %d shards, %.1f MB; %lld copied as they were, "
               "%lld damaged left out; %.0f images/s on %lld threads\n", (long long)packed.images,
               source.classes, packed.shards,
               1e-6 * (double)packed.bytes, (long long)packed.copied, (long long)packed.bad,
               (double)packed.images / seconds, (long long)v->threads);
    source_close(&source);
    return ok ? EXIT_OK : EXIT_RUN;
}

static bool takes(bool fine, const char *what)
{
    if (!fine)
        fprintf(stderr, "cleave: %s\n", what);
    return fine;
}

int verb_pack(int argc, char **argv)
{
    PackVerb v = { .name = "train", .bad = "stop", .size = 256, .quality = 95, .shard_mib = 256 };
    const Option options[] = {
        { "out", OPTION_TEXT, &v.out, "DIR", "where the shards go; made if it is not there", NULL },
        { "name", OPTION_TEXT, &v.name, "NAME", "of the shards: NAME-000000.tar, ...", "train" },
        { "size", OPTION_COUNT, &v.size, "N", "pixels of the shorter side; 0: as it is", "256" },
        { "quality", OPTION_NUMBER, &v.quality, "Q", "of JPEG, 1 to 100", "95" },
        { "lossless", OPTION_FLAG, &v.lossless, NULL, "write PNG instead of JPEG", "off" },
        { "shard", OPTION_NUMBER, &v.shard_mib, "MIB", "images of a shard, in MiB", "256" },
        { "bad", OPTION_TEXT, &v.bad, "WHAT", "a damaged image: stop or skip", "stop" },
        WITH_THREADS(&v.threads) };
    Usage u = { "pack", "IMAGES",
                "Resizes images once and writes them into tar shards that `shards(\"DIR\")` reads.\n"
                "IMAGES is a folder with a folder for every class, a list of files, or a shard.",
                "cleave pack images/train --out packed/train", 1, 1, options,
                (int)(sizeof options / sizeof *options) };
    int first, code;
    if (!options_parse(&u, argc, argv, &first, &code))
        return code;
    v.path = argv[first];
    cpu_set_t set;
    if (!v.threads)
        v.threads = sched_getaffinity(0, sizeof set, &set) ? 1 : CPU_COUNT(&set);
    bool fine = takes(v.out != NULL, "pack needs --out DIR: where the shards go") &&
                takes(v.size <= 65536, "--size is at most 65536") &&
                takes(v.quality <= 100, "--quality is 1 to 100") &&
                takes(!strcmp(v.bad, "stop") || !strcmp(v.bad, "skip"), "--bad is stop or skip") &&
                takes(v.name[0] && !strchr(v.name, '/'), "--name is the beginning of a file's name");
    return fine ? pack(&v) : EXIT_USAGE;
}
