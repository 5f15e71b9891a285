// cleave predict FILE.net WEIGHTS IMAGE...: the most probable classes of image files, one line each.
#include "base/text.h"
#include "cli/run.h"
#include "runtime/train/checkpoint.h"
#include "runtime/data/data.h"
#include <stdlib.h>
#include <string.h>

typedef struct {
    RunOptions     run;
    int64_t        best;                   // classes a line
    const char    *weights;
    char *const   *paths;
    int            path_count;
    CheckpointData from;
} Predict;

static void print_line(const Predict *p, const char *path, const float *scores, int classes)
{
    text_print_safe(stdout, path, (int)strlen(path));
    bool *taken = calloc((size_t)classes, sizeof *taken);
    for (int64_t n = 0; taken && n < p->best && n < classes; n++) {
        int best = -1;
        for (int i = 0; i < classes; i++)
            if (!taken[i] && (best < 0 || scores[i] > scores[best]))
                best = i;
        taken[best] = true;
        fputs(n ? ", " : ": ", stdout);
        if (best < p->from.class_count)
            text_print_safe(stdout, p->from.class_names[best], (int)strlen(p->from.class_names[best]));
        else
            printf("%d", best);
        printf(" %.1f %%", 100 * (double)scores[best]);
    }
    putchar('\n');
    free(taken);
}

// Room for a batch.
typedef struct { float *images, *scores, *sums; bool *there; } Room;

// One batch of files, `count` of them from number `first` on: every view of each through the net,
// the probabilities averaged. A file that cannot be read is reported; there[i] is false then.
static bool predict_batch(Session *s, const Data *d, Reader *r, int first, int count, Room *room)
{
    const Sequence *q = &session_program(s)->sequences[0];
    size_t image = (size_t)shape_item(q->inputs[0].shape), all = (size_t)shape_count(q->outputs[0].shape);
    const float *inputs[] = { room->images };
    char err[DATA_ERROR];
    memset(room->sums, 0, all * sizeof *room->sums);
    memset(room->images, 0, (size_t)q->batch * image * sizeof *room->images);
    for (FeedKey key = { .view = 0 }; key.view < d->test.views; key.view++) {
        for (int i = 0, label; i < count; i++) {
            float *to = room->images + (size_t)i * image;
            if (key.view && !room->there[i])
                continue;
            room->there[i] = feed_sample(&d->test, r, &key, first + i, to, &label, err);
            if (!room->there[i])
                fprintf(stderr, "cleave: %s\n", err);
        }
        if (!session_run(s, 0, inputs, NULL, NULL, err) || !session_read_output(s, 0, 0, room->scores, err)) {
            fprintf(stderr, "cleave: %s\n", err);
            return false;
        }
        for (size_t i = 0; i < all; i++)
            room->sums[i] += room->scores[i] / (float)d->test.views;
    }
    return true;
}

// All files, a batch at a time; one that cannot be read is passed over.
static int predict_files(Session *s, const Predict *p, const Data *d, Room *room)
{
    const Sequence *q = &session_program(s)->sequences[0];
    size_t classes = (size_t)shape_item(q->outputs[0].shape);
    Reader r = { .file = NULL };
    int code = EXIT_OK;
    for (int first = 0; first < p->path_count && code != EXIT_RUN; first += q->batch) {
        int count = p->path_count - first < q->batch ? p->path_count - first : q->batch;
        if (!predict_batch(s, d, &r, first, count, room)) {
            code = EXIT_RUN;
            break;
        }
        for (int i = 0; i < count; i++)
            if (room->there[i])
                print_line(p, p->paths[first + i], room->sums + (size_t)i * classes, (int)classes);
            else
                code = EXIT_INPUT;
    }
    reader_free(&r);
    return code;
}

static int predict_with(Compilation *c, Predict *p)
{
    char err[DATA_ERROR];
    Span at;
    Data data = { 0 };
    Session *s = run_open(c, &p->run);
    if (!s)
        return EXIT_MACHINE;
    int code = EXIT_INPUT;
    const Sequence *q = &c->program->sequences[0];
    DataOptions o = { .recipe = &c->recipe.data, .image = q->inputs[0].shape };
    size_t outputs = (size_t)shape_count(q->outputs[0].shape);
    Room room = { calloc((size_t)shape_count(q->inputs[0].shape), sizeof(float)),
                  calloc(outputs, sizeof(float)), calloc(outputs, sizeof(float)),
                  calloc((size_t)q->batch, sizeof(bool)) };
    o.image.n = 1;
    if (!checkpoint_data(p->weights, &p->from, err) || !checkpoint_load(s, p->weights, NULL, err)) {
        fprintf(stderr, "cleave: %s\n", err);
    } else {
        o.mean = p->from.mean;
        o.mean_count = p->from.mean_count;
        Refused no;
        if (!data_accepts(o.recipe, &no))
            run_refuse(c, &no, p->run.colour);
        else if (!data_open_files(&data, &o, p->paths, p->path_count, &at, err))
            run_fault(c, at, err, p->run.colour);
        else
            code = room.images && room.scores && room.sums && room.there
                   ? predict_files(s, p, &data, &room) : EXIT_RUN;
    }
    free(room.images);
    free(room.scores);
    free(room.sums);
    free(room.there);
    data_close(&data);
    checkpoint_data_free(&p->from);
    return run_close(s, &p->run, code);
}

int verb_predict(int argc, char **argv)
{
    Predict p = { .run.seed = 1, .best = 5 };
    Option options[] = {
        SHOW_COLOUR(&p.run.colour), WITH_NET(&p.run.net), WITH_TARGET(&p.run.target),
        WITH_PRECISION(&p.run.precision),
        { "batch", OPTION_BATCH, &p.run.batch, "N", "images at a time", "1" },
        WITH_SET(&p.run.set), WITH_MAP(&p.run.map), WITH_THREADS(&p.run.threads), WITH_GPUS(p.run),
        { "best", OPTION_NUMBER, &p.best, "N", "classes a line", "5" },
    };
    Usage usage = { .verb = "predict", .operands = "FILE.net WEIGHTS.safetensors IMAGE...", .least = 3,
                    .most = 100000,
                    .what = "The most probable classes of image files (JPEG, PNG), one line a file.",
                    .example = "cleave predict nets/cifar_quick.net runs/cifar-quick-10.safetensors cat.jpg",
                    .options = options, .option_count = sizeof options / sizeof *options };
    int first, code;
    if (!options_parse(&usage, argc, argv, &first, &code))
        return code;
    static Compilation c;
    p.run.path = argv[first];
    p.run.batch_grows = !p.run.batch;
    p.run.batch += p.run.batch_grows;
    p.weights = argv[first + 1];
    p.paths = argv + first + 2;
    p.path_count = argc - first - 2;
    code = run_compile(&c, &p.run, 1 << GRAPH_PREDICT);
    if (code == EXIT_OK && !c.recipe.data.name) {
        fprintf(stderr, "cleave: %s has no data section: what is done to an image is not known\n",
                p.run.path);
        code = EXIT_INPUT;
    }
    if (code == EXIT_OK && !run_takes_images(&c, p.run.colour))
        code = EXIT_INPUT;
    if (code == EXIT_OK)
        code = predict_with(&c, &p);
    compile_close(&c);
    return code;
}
