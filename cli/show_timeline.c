// cleave show timeline FILE.net: what every device does when in a training step. On CPUs steps are run on
// random data and the median one is shown; for GPUs it is predicted.
#include "cli/random_batch.h"
#include "cli/report.h"
#include "cli/run.h"
#include "base/text.h"
#include "look/timeline.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SAY = 400 };

// --- text -----------------------------------------------------------------------------------------

static void print_device(const Timeline *t, int device, FILE *out)
{
    double scale = 100 / t->seconds;
    fprintf(out, "  %-10s works %5.1f %%, moves values %4.1f %%, waits %4.1f %%\n",
            t->program->devices[device].name, scale * timeline_sum(t, device, false, BAR_WORK),
            scale * timeline_sum(t, device, false, BAR_COPY),
            scale * timeline_sum(t, device, false, BAR_WAIT));
}

static void print_bar(const Timeline *t, const Bar *b, FILE *out)
{
    static const char *const words[2][BAR_KINDS] = { { "", "moves ", "waits for " }, { "", "sends ", "" } };
    char say[SAY];
    timeline_say(t, b->command, say, sizeof say);
    fprintf(out, "%11.3f %11.3f ms  %-10s %s", 1e3 * b->begin, 1e3 * b->end,
            t->program->devices[b->device].name, words[b->on_the_way][b->kind]);
    report_safe(say, out);
    fputc('\n', out);
}

static void print_text(const Timeline *t, FILE *out)
{
    double under_way, both = timeline_overlap(t, &under_way);
    fputs("net ", out);
    report_safe(t->program->net, out);
    fprintf(out, ", batch %d: a training step of %.3f ms, ", t->sequence->batch, 1e3 * t->seconds);
    if (t->steps)
        fprintf(out, "measured (median of %d)\n", t->steps);
    else
        fputs("predicted\n", out);
    for (int d = 0; d < t->program->device_count; d++)
        print_device(t, d, out);
    if (under_way > 0)
        fprintf(out, "  messages are under way for %.3f ms, %.0f %% of it while their receiver works\n",
                1e3 * under_way, 100 * both / under_way);
    for (int i = 0; i < t->count; i++)
        print_bar(t, &t->bars[i], out);
}

static void print_json(const Timeline *t, FILE *out)
{
    static const char *const kinds[BAR_KINDS] = { "work", "copy", "wait" };
    fputs("{\n  \"net\": ", out);
    text_print_json(out, t->program->net);
    fprintf(out, ",\n  \"batch\": %d,\n  \"ms\": %.6f,\n  \"measured\": %s,\n  \"bars\": [",
            t->sequence->batch, 1e3 * t->seconds, t->steps ? "true" : "false");
    for (int i = 0; i < t->count; i++) {
        const Bar *b = &t->bars[i];
        char say[SAY];
        timeline_say(t, b->command, say, sizeof say);
        fprintf(out, "%s    {\"command\": %d, \"kind\": \"%s\", \"on_the_way\": %s, \"begin\": %.6f, "
                "\"end\": %.6f", i ? ",\n" : "\n", b->command, kinds[b->kind],
                b->on_the_way ? "true" : "false", 1e3 * b->begin, 1e3 * b->end);
        report_json_text("device", t->program->devices[b->device].name, out);
        report_json_text("what", say, out);
        fputc('}', out);
    }
    fputs("\n  ]\n}\n", out);
}

static int print_timeline(const Timeline *t, const ShowOptions *o, FILE *out)
{
    if (o->svg)
        timeline_print_svg(t, out);
    else
        (o->json ? print_json : print_text)(t, out);
    return EXIT_OK;
}

// --- measured -------------------------------------------------------------------------------------

typedef struct { double seconds; CommandTime *times; } WatchedStep;

static int compare_steps(const void *a, const void *b)
{
    const WatchedStep *x = a, *y = b;
    return x->seconds < y->seconds ? -1 : x->seconds > y->seconds;
}

static bool run_step(Session *s, int q, const RandomBatch *batch, WatchedStep *step, char *err)
{
    const DeviceClass *kind = session_device_class(s);
    int commands = session_program(s)->sequences[q].command_count;
    kind->watch(session_device(s), q, step->times);
    bool good = session_run(s, q, (const float *const *)batch->images, batch->labels, NULL, err);
    kind->watch(session_device(s), q, NULL);
    for (int i = 0; i < commands; i++)
        step->seconds = fmax(step->seconds, step->times[i].end);
    return good;
}

static Timeline draw(const Program *p, const Sequence *s, const WatchedStep *step, int steps, Arena *arena)
{
    Timeline t = { .program = p, .sequence = s, .seconds = step->seconds, .steps = steps };
    for (int i = 0; i < s->command_count; i++) {
        const Command *c = &s->commands[i];
        const CommandTime *time = &step->times[i];
        BarKind kind = c->kind == COMMAND_COPY ? BAR_COPY : BAR_WORK;
        if (kind == BAR_COPY) {
            int from = p->buffers[p->tensors[s->copies[c->first].from].buffer].device;
            timeline_add(&t, arena, (Bar){ from, true, BAR_COPY, i, time->left, time->arrived });
        }
        timeline_add(&t, arena, (Bar){ c->device, false, BAR_WAIT, i, time->ready, time->begin });
        timeline_add(&t, arena, (Bar){ c->device, false, kind, i, time->begin, time->end });
    }
    return t;
}

static int measure(Compilation *c, Session *s, const ShowOptions *o, FILE *out)
{
    char err[SESSION_ERROR] = "out of memory";
    int q = session_find_sequence(s, SEQUENCE_TRAIN, 0), steps = (int)o->steps;
    const Sequence *sequence = &c->program->sequences[q];
    WatchedStep *list = ARENA_ARRAY(&c->arena, WatchedStep, steps + 1);
    RandomBatch batch;
    bool good = random_batch_open(&batch, s, q, (uint64_t)o->seed) && random_batch_rates(s, 0, err);
    for (int i = 0; i <= steps && good; i++) {               // the first touches all memory
        list[i].times = ARENA_ARRAY(&c->arena, CommandTime, sequence->command_count + 1);
        good = run_step(s, q, &batch, &list[i], err);
    }
    random_batch_close(&batch);
    if (!good) {
        fprintf(stderr, "cleave: %s\n", err);
        return EXIT_RUN;
    }
    qsort(list + 1, (size_t)steps, sizeof *list, compare_steps);
    Timeline t = draw(c->program, sequence, &list[1 + steps / 2], steps, &c->arena);
    return print_timeline(&t, o, out);
}

static int run_timeline(Compilation *c, const ShowOptions *o, FILE *out)
{
    RunOptions run = { .path = o->path, .map = o->map, .threads = o->threads, .seed = o->seed };
    Session *s = run_open(c, &run);
    return s ? run_close(s, &run, measure(c, s, o, out)) : EXIT_MACHINE;
}

static int make_timeline(Compilation *c, const ShowOptions *o, FILE *out)
{
    const Program *p = c->program;
    if (p->sequences[0].kind != SEQUENCE_TRAIN) {
        fprintf(stderr, "cleave: show timeline is of a training step, and net %s has no loss\n", p->net);
        return EXIT_USAGE;
    }
    if (!session_runs_on_gpus(p))
        return run_timeline(c, o, out);
    Link link = { 1e9 * (double)o->link, 1e-6 * (double)o->latency };
    Timeline t = timeline_predict(p, &p->sequences[0], &link, &c->arena);
    return print_timeline(&t, o, out);
}

int show_timeline(const ShowOptions *o, FILE *out)
{
    return report_program(o, make_timeline, out);
}
