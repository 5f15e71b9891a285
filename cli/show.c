// cleave show NOUN FILE.net: looks at a stage of the compiler. The nouns are rows of show.def.
#include "cli/show.h"
#include "base/text.h"
#include "cli/verb.h"
#include <string.h>

typedef struct {
    const char *name, *what;
    int       (*show)(const ShowOptions *o, FILE *out);
} Noun;

static const Noun nouns[] = {
#define NOUN(name, what) { #name, what, show_##name },
#include "cli/show.def"
#undef NOUN
};
enum { NOUNS = sizeof nouns / sizeof *nouns };

static const Noun *find_noun(const char *name)
{
    const char *names[NOUNS];
    for (int i = 0; i < NOUNS; i++) {
        if (!strcmp(nouns[i].name, name))
            return &nouns[i];
        names[i] = nouns[i].name;
    }
    const char *nearest = text_nearest(name, names, NOUNS);
    fprintf(stderr, "cleave: nothing to show is called `%s`", name);
    fprintf(stderr, nearest ? "; did you mean `%s`?\n" : "\n", nearest);
    for (int i = 0; i < NOUNS; i++)
        fprintf(stderr, "  %-10s %s\n", nouns[i].name, nouns[i].what);
    return NULL;
}

// For --help: the nouns, a line each.
static void describe(char *to, size_t size)
{
    int length = snprintf(to, size, "Shows what a stage of the compiler makes of a file. NOUN is one of\n");
    for (int i = 0; i < NOUNS && (size_t)length < size; i++)
        length += snprintf(to + length, size - (size_t)length, "\n  %-10s %s", nouns[i].name, nouns[i].what);
}

int verb_show(int argc, char **argv)
{
    ShowOptions o = { .seed = 1, .steps = 5, .link = 50, .latency = 5 };
    char what[160 * NOUNS];
    describe(what, sizeof what);
    Option options[] = {
        SHOW_JSON(&o.json), SHOW_COLOUR(&o.colour), WITH_NET(&o.net), WITH_TARGET(&o.target),
        WITH_PRECISION(&o.precision),
        WITH_PLAN(&o.plan), WITH_OVERRIDE(&o.override),
        WITH_BATCH(&o.batch), WITH_CHUNKS(&o.chunks), WITH_SEED(&o.seed), WITH_SET(&o.set),
        { "after", OPTION_TEXT, &o.after, "PASS", "the graph after this pass (show graph)", "all passes" },
        WITH_MAP(&o.map), WITH_THREADS(&o.threads),
        { "steps", OPTION_NUMBER, &o.steps, "N", "how many are measured (show timeline)", "5" },
        { "link", OPTION_NUMBER, &o.link, "GB/S", "from GPU to GPU, each way (show timeline, split)",
          "50" },
        { "latency", OPTION_COUNT, &o.latency, "US", "microseconds of a message (show timeline, split)",
          "5" },
        { "devices", OPTION_DEVICES, &o.devices, "N", "how many GPUs (show split)", "the file's, else 2" },
        { "svg", OPTION_FLAG, &o.svg, NULL, "a picture (show timeline)", "off" },
        { "mode", OPTION_TEXT, &o.mode, "MODE", "train, test or predict (show graph)", "train" },
    };
    Usage usage = { .verb = "show", .operands = "NOUN FILE.net [LAYER|LINE]", .least = 2, .most = 3,
                    .what = what,
                    .example = "cleave show ast nets/lenet.net",
                    .options = options, .option_count = sizeof options / sizeof *options };
    int first, code;
    if (!options_parse(&usage, argc, argv, &first, &code))
        return code;
    const Noun *noun = find_noun(argv[first]);
    if (!noun)
        return EXIT_USAGE;
    o.path = argv[first + 1];
    o.about = argc - first > 2 ? argv[first + 2] : NULL;
    return noun->show(&o, stdout);
}
