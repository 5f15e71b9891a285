// Parses, explains and defaults the options of a verb.
#include "cli/options.h"
#include "base/text.h"
#include "cli/verb.h"
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MOST_OPTIONS = 30, FIRST_VALUE = 256 };    // of a verb; getopt's value of the first row

static void print_help(const Usage *u, FILE *out)
{
    fprintf(out, "usage: cleave %s [options]%s%s\n%s\n\n", u->verb, *u->operands ? " " : "", u->operands,
            u->what);
    for (int i = 0; i < u->option_count; i++) {
        const Option *o = &u->options[i];
        int width = fprintf(out, "  --%s%s%s", o->name, o->argument ? " " : "",
                            o->argument ? o->argument : "");
        fprintf(out, "%*s %s. Default: %s\n", width < 24 ? 24 - width : 0, "", o->what, o->by_default);
    }
    fprintf(out, "  --help                 print this\n\nExample: %s\n", u->example);
}

static bool misuse(const Usage *u, int *code)
{
    fprintf(stderr, "usage: cleave %s [options] %s      (cleave %s --help tells more)\n", u->verb,
            u->operands, u->verb);
    *code = EXIT_USAGE;
    return false;
}

// Cuts the argument in two where it stands.
static bool take_pair(Pairs *pairs, char *text, const char *option)
{
    char *equal = strchr(text, '=');
    if (!equal || equal == text || pairs->count == MOST_PAIRS) {
        fprintf(stderr, "cleave: --%s wants NAME=VALUE (at most %d times), not `%s`\n", option,
                MOST_PAIRS, text);
        return false;
    }
    *equal = 0;
    pairs->items[pairs->count++] = (Override){ text, equal + 1 };
    return true;
}

// Which images: the paths of two sources, or another section. Anything else is a misspelling.
static bool take_data(Pairs *data, char *text)
{
    if (!strchr(text, '=')) {
        data->section = text;
        return true;
    }
    if (strncmp(text, "train=", 6) && strncmp(text, "test=", 5)) {
        fprintf(stderr, "cleave: --data wants train=PATH, test=PATH or the name of a data section, "
                "not `%s`\n", text);
        return false;
    }
    return take_pair(data, text, "data");
}

static bool take_count(const Option *o, const char *text)
{
    static const struct { const char *text; long long least, most; } ranges[] = {
        [OPTION_COUNT] = { "", 0, LLONG_MAX }, [OPTION_NUMBER] = { " from 1 on", 1, LLONG_MAX },
        [OPTION_THREADS] = { " up to 1024", 0, 1024 }, [OPTION_BATCH] = { " from 1 to 65536", 1, 65536 },
        [OPTION_DEVICES] = { " from 2 to 8", 2, 8 },
        [OPTION_CHUNKS] = { " from 1 to 64", 1, 64 },
    };
    char *end;
    errno = 0;
    long long n = strtoll(text, &end, 10);
    bool fits = n >= ranges[o->kind].least && n <= ranges[o->kind].most;
    if (errno || end == text || *end || !fits) {
        fprintf(stderr, "cleave: --%s wants a whole number%s, not `%s`\n", o->name, ranges[o->kind].text,
                text);
        return false;
    }
    *(int64_t *)o->value = n;
    return true;
}

static bool take(const Option *o, char *text)
{
    switch (o->kind) {
    case OPTION_FLAG:  *(bool *)o->value = true; return true;
    case OPTION_TEXT:  *(const char **)o->value = text; return true;
    case OPTION_COUNT:
    case OPTION_NUMBER:
    case OPTION_THREADS:
    case OPTION_DEVICES:
    case OPTION_CHUNKS:
    case OPTION_BATCH: return take_count(o, text);
    case OPTION_PAIR:  return take_pair(o->value, text, o->name);
    case OPTION_DATA:  return take_data(o->value, text);
    }
    return false;
}

static void say_unknown(const Usage *u, const char *given)
{
    const char *names[MOST_OPTIONS];
    for (int i = 0; i < u->option_count; i++)
        names[i] = u->options[i].name;
    const char *nearest = text_nearest(given + strspn(given, "-"), names, u->option_count);
    fprintf(stderr, "cleave: %s does not know the option `%s`", u->verb, given);
    fprintf(stderr, nearest ? "; did you mean `--%s`?\n" : "\n", nearest);
}

bool options_parse(const Usage *u, int argc, char **argv, int *first, int *code)
{
    struct option rows[MOST_OPTIONS + 2] = {0};
    int n = u->option_count;
    for (int i = 0; i < n; i++)
        rows[i] = (struct option){ .name = u->options[i].name, .val = FIRST_VALUE + i,
                                   .has_arg = u->options[i].argument ? required_argument : no_argument };
    rows[n] = (struct option){ .name = "help", .val = 'h' };
    int output = 0;                   // -o, where a verb has --output
    while (output < n && strcmp(u->options[output].name, "output"))
        output++;
    optind = 0;                       // glibc: start anew
    for (int got; (got = getopt_long(argc, argv, output < n ? ":ho:" : ":h", rows, NULL)) != -1;) {
        if (got == 'o')
            got = FIRST_VALUE + output;
        if (got == 'h') {
            print_help(u, stdout);
            *code = EXIT_OK;
            return false;
        }
        if (got == ':') {
            fprintf(stderr, "cleave: `%s` wants an argument\n", argv[optind - 1]);
            return misuse(u, code);
        }
        if (got == '?') {
            say_unknown(u, argv[optind - 1]);
            return misuse(u, code);
        }
        if (!take(&u->options[got - FIRST_VALUE], optarg))
            return misuse(u, code);
    }
    *first = optind;
    if (argc - optind > u->most)
        fprintf(stderr, "cleave: `%s` is more than %s takes\n", argv[optind + u->most], u->verb);
    if (argc - optind < u->least || argc - optind > u->most)
        return misuse(u, code);
    return true;
}

bool options_colour(const char *when, FILE *out)
{
    if (when && !strcmp(when, "always"))
        return true;
    if (when && !strcmp(when, "never"))
        return false;
    const char *none = getenv("NO_COLOR");
    return !(none && *none) && isatty(fileno(out));
}

FrontOptions options_front(const char *net, int64_t batch, int64_t seed, const Pairs *set)
{
    return (FrontOptions){ .net = net, .batch = batch > INT_MAX ? INT_MAX : (int)batch,
                           .seed = seed < 0 ? 1 : (uint64_t)seed, .overrides = set->items,
                           .override_count = set->count };
}
