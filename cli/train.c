// cleave train FILE.net, cleave test FILE.net WEIGHTS
#include "cli/run.h"
#include "cli/run_data.h"
#include "cleave.h"
#include "runtime/resident.h"
#include "runtime/train/checkpoint.h"
#include "runtime/train/train.h"
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static volatile sig_atomic_t stop_signal, save_signal;

static void on_signal(int number)
{
    if (stop_signal)                              // the second one does not wait
        _exit(128 + number);
    stop_signal = number;
}

static void on_save_signal(int number)
{
    save_signal = number;
}

// A terminal that goes away (SIGHUP) or a pipe whose reader does must not end a run of days, from its
// beginning on.
static void catch_early_signals(void)
{
    struct sigaction save = { .sa_handler = on_save_signal, .sa_flags = SA_RESTART };
    struct sigaction ignore = { .sa_handler = SIG_IGN };
    sigaction(SIGHUP, &save, NULL);
    sigaction(SIGUSR1, &save, NULL);
    sigaction(SIGPIPE, &ignore, NULL);
}

// Before there is anything to save these end the program at once.
static void catch_signals(void)
{
    struct sigaction stop = { .sa_handler = on_signal, .sa_flags = SA_RESTART };
    sigaction(SIGINT, &stop, NULL);
    sigaction(SIGTERM, &stop, NULL);
}

typedef struct {
    RunOptions  run;
    const char *out, *resume, *init, *bad;
    bool        init_partly;
    RunFacts    facts;
    RunSetting  settings[MOST_PAIRS];
    int64_t     epochs, steps;
    const TrainRecipe *recipe;
    bool        terminal;
    double      test_error;                       // of the last test; -1: none yet
} TrainVerb;

// --- what is printed ---------------------------------------------------------------------------------

static void print_metrics(const TrainVerb *v, const TrainReport *r)
{
    for (int i = 0; i < v->recipe->metric_count && i < SESSION_METRICS; i++)
        if (v->recipe->metrics[i].kind == METRIC_TOP)
            printf("  top-%d error %.2f %%", v->recipe->metrics[i].k, 100 * (1 - r->metrics[i]));
}

static void print_left(double seconds)
{
    long left = (long)seconds;
    if (left >= 3600)
        fprintf(stderr, ", %ld h %02ld min left", left / 3600, left / 60 % 60);
    else if (left >= 60)
        fprintf(stderr, ", %ld min %02ld s left", left / 60, left % 60);
    else
        fprintf(stderr, ", %ld s left", left);
}

static void print_progress(const TrainReport *r)
{
    fprintf(stderr, "\r\033[Kepoch %lld: step %lld of %lld, loss %.4f, %.0f images/s",
            (long long)r->epoch + 1, (long long)r->step, (long long)r->steps, r->loss, r->images_per_second);
    if (r->seconds_left >= 0)
        print_left(r->seconds_left);
}

// How far each layer's weights have moved, for who watches: about a thousandth a step is usual.
static void print_updates(const TrainReport *r)
{
    int printed = 0;
    for (int i = 0; i < r->update_count; i++)
        if (r->updates[i].name)
            fprintf(stderr, "%s %s %.1e", printed++ ? "," : "a step moves the weights of", r->updates[i].name,
                    r->updates[i].size);
    fputs(printed ? " of their size\n" : "", stderr);
}

static void told(void *context, const TrainReport *r)
{
    TrainVerb *v = context;
    if (v->terminal && r->kind != TRAIN_STEP)
        fputs("\r\033[K", stderr);
    switch (r->kind) {
    case TRAIN_STEP:
        if (v->terminal && (r->step % 16 == 0 || r->step == r->steps))
            print_progress(r);
        return;
    case TRAIN_EPOCH:
        if (v->terminal)
            print_updates(r);
        printf("epoch %lld: loss %.4f", (long long)r->epoch, r->loss);
        print_metrics(v, r);
        printf("  %.0f images/s", r->images_per_second);
        if (r->waited > 0.05)
            printf("  (waited for data %.0f %% of the time)", 100 * r->waited);
        break;
    case TRAIN_TESTED:
        printf("test after epoch %lld: loss %.4f", (long long)r->epoch, r->loss);
        print_metrics(v, r);
        v->test_error = v->recipe->metric_count ? 1 - r->metrics[0] : -1;
        break;
    case TRAIN_PRINTED:
        printf("step %lld: loss %.4f", (long long)r->step, r->loss);
        print_metrics(v, r);
        break;
    case TRAIN_SAVED:
        printf("saved %s", r->text);
        break;
    case TRAIN_RESUMED:
        printf("goes on from %s, step %lld", r->text, (long long)r->step);
        break;
    case TRAIN_NOTED:
        printf("%s", r->text);
        break;
    case TRAIN_WARNED:
        fprintf(stderr, "cleave: warning: %s\n", r->text);
        return;
    }
    printf("\n");
    fflush(stdout);
}

static TrainOptions train_options(TrainVerb *v, const Data *data)
{
    return (TrainOptions){ .data = data, .epochs = v->epochs, .steps = v->steps, .out = v->out,
                           .init = v->init, .init_partly = v->init_partly, .resume = v->resume,
                           .facts = &v->facts, .loader_threads = 2,
                           .skip_bad = v->bad && !strcmp(v->bad, "skip"), .stop = &stop_signal,
                           .save = &save_signal, .tell = told, .context = v };
}

// --- train ---------------------------------------------------------------------------------------------

static void print_memory(const Program *p)
{
    int64_t planned = 0, now, most;
    for (int i = 0; i < p->device_count; i++)
        planned += p->devices[i].arena_bytes;
    if (resident_bytes(&now, &most))
        printf("memory: %.1f MiB resident at most, %.1f MiB planned\n", (double)most / (1 << 20),
               (double)planned / (1 << 20));
}

static int end_of(TrainEnd end, const char *err, const TrainVerb *v)
{
    if ((end == TRAIN_DONE || end == TRAIN_UNSAVED) && v->test_error >= 0)
        printf("test error %.2f %% (test accuracy %.2f %%)\n", 100 * v->test_error,
               100 * (1 - v->test_error));
    if (end == TRAIN_STOPPED)
        return 128 + stop_signal;
    if (end != TRAIN_DONE)
        fprintf(stderr, "cleave: %s\n", err);
    return end == TRAIN_DONE ? EXIT_OK : end == TRAIN_NUMERICAL ? EXIT_NUMERICAL
           : end == TRAIN_REFUSED ? EXIT_INPUT : EXIT_RUN;
}

// The command line as it was given: parsing it changes it. NULL: out of memory, and it stays unknown.
static char **copy_arguments(int argc, char **argv)
{
    char **copy = calloc((size_t)argc + 1, sizeof *copy);
    for (int i = 0; copy && i < argc; i++)
        copy[i] = strdup(argv[i]);
    return copy;
}

static void free_arguments(char **copy, int argc)
{
    for (int i = 0; copy && i < argc; i++)
        free(copy[i]);
    free(copy);
}

// What only the command line knows.
static void fill_facts(TrainVerb *v, const Compilation *c, int argc, char **argv)
{
    const Pairs *set = &v->run.set;
    for (int i = 0; i < set->count; i++)
        v->settings[i] = (RunSetting){ set->items[i].name, set->items[i].value };
    v->facts = (RunFacts){ .version = cleave_version(), .arguments = argv, .argument_count = argv ? argc : 0,
                           .settings = v->settings, .setting_count = set->count, .sources = c->diag.sources,
                           .source_count = c->diag.source_count };
}

static int train_with(Compilation *c, TrainVerb *v)
{
    Data data = { 0 };
    char err[TRAIN_ERROR];
    Session *s = run_open(c, &v->run);
    if (!s)
        return EXIT_MACHINE;
    int code = EXIT_INPUT;
    if (run_open_data(c, &v->run, v->bad, RUN_TRAIN_SET | RUN_TEST_SET, NULL, &data)) {
        catch_signals();
        TrainOptions o = train_options(v, &data);
        run_tell_ways(s);
        TrainEnd end = train_run(s, &o, err);
        if (end != TRAIN_FAILED && end != TRAIN_REFUSED)
            print_memory(c->program);
        code = end_of(end, err, v);
    }
    data_close(&data);
    return run_close(s, &v->run, code);
}

static bool is_folder(const char *path)
{
    struct stat info;
    return path && stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

static int check_recipe(Compilation *c, TrainVerb *v)
{
    Refused no;
    if (!c->recipe.has_train) {
        fprintf(stderr, "cleave: %s has no train section\n", v->run.path);
        return EXIT_INPUT;
    }
    if (!run_takes_images(c, v->run.colour))
        return EXIT_INPUT;
    if (!train_accepts(&c->recipe, &no)) {
        run_refuse(c, &no, v->run.colour);
        return EXIT_INPUT;
    }
    v->recipe = &c->recipe.train;
    if (v->run.seed < 0)
        v->run.seed = (int64_t)v->recipe->seed;
    if (!v->out && is_folder(v->resume))
        v->out = v->resume;
    return !v->out || run_make_folder(v->out) ? EXIT_OK : EXIT_RUN;
}

#define RUN_OPTIONS(o) SHOW_COLOUR(&(o).colour), WITH_NET(&(o).net), WITH_TARGET(&(o).target), \
    WITH_PRECISION(&(o).precision), WITH_PLAN(&(o).plan), WITH_OVERRIDE(&(o).override), \
    WITH_BATCH(&(o).batch), WITH_CHUNKS(&(o).chunks), WITH_SET(&(o).set), WITH_DATA(&(o).data), \
    WITH_MAP(&(o).map), WITH_THREADS(&(o).threads), WITH_GPUS(o)

// Options that are fine one by one, but not together or not with this word.
static bool are_sound(const TrainVerb *v, int *code)
{
    *code = EXIT_USAGE;
    if (v->bad && strcmp(v->bad, "stop") && strcmp(v->bad, "skip")) {
        fprintf(stderr, "cleave: --bad wants stop or skip, not `%s`\n", v->bad);
        return false;
    }
    if (!v->init_partly || v->init)
        return true;
    fprintf(stderr, "cleave: --init-partly goes with --init FILE\n");
    return false;
}

int verb_train(int argc, char **argv)
{
    TrainVerb v = { .run.seed = -1, .test_error = -1, .terminal = isatty(2) };
    Option options[] = {
        RUN_OPTIONS(v.run), WITH_FILE_SEED(&v.run.seed), WITH_STEPS(&v.steps),
        { "epochs", OPTION_NUMBER, &v.epochs, "N", "stop after so many epochs", "the file's" },
        { "out", OPTION_TEXT, &v.out, "FOLDER", "where checkpoints and run.jsonl go",
          "--resume's, else the working folder" },
        { "resume", OPTION_TEXT, &v.resume, "WHAT", "go on, bit for bit: a checkpoint, or a folder's newest",
          "start anew" },
        { "init", OPTION_TEXT, &v.init, "FILE", "first weights out of any safetensors, by name", "drawn" },
        { "init-partly", OPTION_FLAG, &v.init_partly, NULL, "parameters that --init has not, or not with "
          "their shape, are drawn", "refused" },
        { "bad", OPTION_TEXT, &v.bad, "WHAT", "a damaged image: stop or skip", "stop" },
    };
    Usage usage = { .verb = "train", .operands = "FILE.net", .least = 1, .most = 1,
                    .what = "Trains the net that the file's train section names.",
                    .example = "cleave train nets/digits.net --out runs/digits",
                    .options = options, .option_count = sizeof options / sizeof *options };
    int first, code;
    char **command = copy_arguments(argc, argv);
    if (!options_parse(&usage, argc, argv, &first, &code) || !are_sound(&v, &code)) {
        free_arguments(command, argc);
        return code;
    }
    static Compilation c;
    catch_early_signals();
    v.run.path = argv[first];
    code = run_compile(&c, &v.run, 1 << GRAPH_TRAIN | 1 << GRAPH_TEST);
    if (code == EXIT_OK)
        code = check_recipe(&c, &v);
    fill_facts(&v, &c, argc, command);
    if (code == EXIT_OK)
        code = train_with(&c, &v);
    free_arguments(command, argc);
    compile_close(&c);
    return code;
}

// --- test ------------------------------------------------------------------------------------------------

static int test_with(Compilation *c, TrainVerb *v, const char *weights)
{
    Data data = { 0 };
    char err[TRAIN_ERROR];
    TrainReport report;
    Session *s = run_open(c, &v->run);
    if (!s)
        return EXIT_MACHINE;
    int code = EXIT_INPUT;
    CheckpointData from;
    bool fine = checkpoint_data(weights, &from, err) && checkpoint_load(s, weights, NULL, err);
    if (!fine) {
        fprintf(stderr, "cleave: %s\n", err);
    } else if (run_open_data(c, &v->run, v->bad, RUN_TEST_SET, &from, &data)) {
        TrainOptions o = train_options(v, &data);
        code = EXIT_RUN;
        if (train_test(s, &o, &report, err)) {
            printf("loss %.4f", report.loss);
            print_metrics(v, &report);
            printf("  %.0f images/s\n", report.images_per_second);
            code = EXIT_OK;
        } else {
            fprintf(stderr, "cleave: %s\n", err);
        }
    }
    data_close(&data);
    checkpoint_data_free(&from);
    return run_close(s, &v->run, code);
}

int verb_test(int argc, char **argv)
{
    TrainVerb v = { .run.seed = 1 };
    Option options[] = { RUN_OPTIONS(v.run), WITH_SEED(&v.run.seed),
        { "bad", OPTION_TEXT, &v.bad, "WHAT", "a damaged image: stop or skip", "stop" } };
    Usage usage = { .verb = "test", .operands = "FILE.net WEIGHTS.safetensors", .least = 2, .most = 2,
                    .what = "Loss and errors of saved weights on the test set.",
                    .example = "cleave test nets/digits.net runs/digits/digits-30.safetensors",
                    .options = options, .option_count = sizeof options / sizeof *options };
    int first, code;
    if (!options_parse(&usage, argc, argv, &first, &code))
        return code;
    if (v.bad && strcmp(v.bad, "stop") && strcmp(v.bad, "skip")) {
        fprintf(stderr, "cleave: --bad wants stop or skip, not `%s`\n", v.bad);
        return EXIT_USAGE;
    }
    static Compilation c;
    v.run.path = argv[first];
    code = run_compile(&c, &v.run, 1 << GRAPH_TEST);
    v.recipe = &c.recipe.train;
    if (code == EXIT_OK && !c.recipe.has_train) {
        fprintf(stderr, "cleave: %s has no train section\n", v.run.path);
        code = EXIT_INPUT;
    }
    if (code == EXIT_OK && !run_takes_images(&c, v.run.colour))
        code = EXIT_INPUT;
    if (code == EXIT_OK)
        code = test_with(&c, &v, argv[first + 1]);
    compile_close(&c);
    return code;
}
