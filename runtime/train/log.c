// The run's log, appended line by line.
#include "runtime/train/log.h"
#include "runtime/durable.h"
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct Log {
    int   file;
    off_t end;                             // of the last whole line
    bool  is_torn;                         // part of another one stands behind it
    int   lost;                            // lines
    char  why[TRAIN_ERROR];
};

// Nothing stands behind half a line.
static bool cut_torn(Log *l)
{
    l->is_torn = l->is_torn && ftruncate(l->file, l->end) != 0;
    return !l->is_torn;
}

static double seconds_since_1970(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (double)t.tv_sec + 1e-3 * floor(1e-6 * (double)t.tv_nsec);
}

// In one piece: whoever reads along, or comes after a kill, finds no half line.
static void write_line(Log *l, json_t *line)
{
    if (line)
        json_object_set_new(line, "time", json_real(seconds_since_1970()));
    char *text = line ? json_dumps(line, JSON_COMPACT) : NULL;
    size_t length = text ? strlen(text) : 0;
    json_decref(line);
    if (text)
        text[length] = '\n';
    errno = ENOMEM;
    bool fine = text && cut_torn(l) && durable_bytes(l->file, text, length + 1);
    free(text);
    if (fine) {
        l->end += (off_t)length + 1;
        return;
    }
    l->lost++;
    snprintf(l->why, sizeof l->why, "run.jsonl: %s", strerror(errno));
    l->is_torn = true;
    cut_torn(l);
}

static bool tells_epoch(const json_t *line)
{
    const char *event = json_string_value(json_object_get(line, "event"));
    return event && (!strcmp(event, "epoch") || !strcmp(event, "test"));
}

// Where the last line ends that is not of a later step. A checkpoint may be that of an epoch's last step,
// before the epoch was told.
static off_t find_end(FILE *in, int64_t epoch, int64_t step)
{
    char *line = NULL;
    size_t size = 0;
    off_t keep = 0;
    while (getline(&line, &size, in) > 0) {
        json_t *o = json_loads(line, 0, NULL);
        const json_t *at = json_object_get(o, "step");
        bool later = !o || (at && json_integer_value(at) > step) ||
                     (tells_epoch(o) && json_integer_value(json_object_get(o, "epoch")) > epoch);
        json_decref(o);
        if (later)
            break;
        keep = ftello(in);
    }
    free(line);
    return keep;
}

static off_t end_of_log(const char *path, int64_t epoch, int64_t step)
{
    FILE *in = step >= 0 ? fopen(path, "re") : NULL;
    off_t end = in ? find_end(in, epoch, step) : 0;
    if (in)
        fclose(in);
    return end;
}

static Log *fail(Log *l, const char *path, char *err)
{
    snprintf(err, TRAIN_ERROR, "%.300s: %.100s", path, strerror(errno));
    log_close(l);
    return NULL;
}

Log *log_open(const char *folder, int64_t epoch, int64_t step, const Program *p, uint64_t seed,
              const char *from, char err[TRAIN_ERROR])
{
    char path[4096], plan[40];
    snprintf(path, sizeof path, "%s%srun.jsonl", folder ? folder : "", folder ? "/" : "");
    Log *l = calloc(1, sizeof *l);
    if (!l)
        return fail(l, path, err);
    l->end = end_of_log(path, epoch, step);
    while ((l->file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666)) < 0 && errno == EINTR)
        ;
    if (l->file < 0 || ftruncate(l->file, l->end) != 0)
        return fail(l, path, err);
    snprintf(plan, sizeof plan, "%016llx%016llx", (unsigned long long)p->plan_hash[0],
             (unsigned long long)p->plan_hash[1]);
    json_t *line = json_pack("{s:i, s:s, s:s, s:s, s:I, s:I}", "schema", 1, "event",
                             step >= 0 ? "resume" : "start", "net", p->net, "plan", plan, "seed",
                             (json_int_t)seed, "step", (json_int_t)(step > 0 ? step : 0));
    if (line && *from)
        json_object_set_new(line, "hash", json_string(from));
    write_line(l, line);
    return l;
}

// JSON knows no NaN.
static json_t *number(double x)
{
    return isfinite(x) ? json_real(x) : json_null();
}

static void add_metrics(json_t *o, const TrainRecipe *t, const TrainReport *r)
{
    for (int i = 0; o && i < t->metric_count && i < SESSION_METRICS; i++)
        json_object_set_new(o, t->metrics[i].name, number(r->metrics[i]));
}

void log_result(Log *l, const char *event, const TrainRecipe *t, const TrainReport *r, int64_t step)
{
    if (!l)
        return;
    json_t *o = json_pack("{s:s, s:I, s:I, s:o, s:o}", "event", event, "epoch", (json_int_t)r->epoch, "step",
                          (json_int_t)step, "loss", number(r->loss), "images_per_second",
                          number(r->images_per_second));
    add_metrics(o, t, r);
    json_t *sizes = r->update_count ? json_object() : NULL;
    for (int i = 0; sizes && i < r->update_count; i++)
        if (r->updates[i].name)
            json_object_set_new(sizes, r->updates[i].name, number(r->updates[i].size));
    if (o && sizes)
        json_object_set_new(o, "updates", sizes);
    write_line(l, o);
}

void log_step(Log *l, const TrainRecipe *t, const TrainReport *r, int64_t step, double lr)
{
    if (!l)
        return;
    json_t *o = json_pack("{s:s, s:I, s:I, s:o, s:o}", "event", "step", "epoch", (json_int_t)r->epoch, "step",
                          (json_int_t)step, "loss", number(r->loss), "lr", number(lr));
    add_metrics(o, t, r);
    write_line(l, o);
}

void log_init(Log *l, const InitLine *i)
{
    static const char *const kinds[] = { "matched", "missing", "misfit", "unexpected" };
    if (l)
        write_line(l, json_pack("{s:s, s:i, s:s, s:s?, s:s?, s:s, s:s}", "event", "init", "step", 0, "kind",
                                kinds[i->kind], "param", i->param, "tensor", i->tensor, "wants", i->wants,
                                "has", i->has));
}

void log_save(Log *l, const char *path, const char *hash, int64_t epoch, int64_t step)
{
    if (l)
        write_line(l, json_pack("{s:s, s:I, s:I, s:s, s:s}", "event", "save", "epoch", (json_int_t)epoch,
                                "step", (json_int_t)step, "path", path, "hash", hash));
}

void log_warning(Log *l, const char *text, int64_t epoch, int64_t step)
{
    if (l)
        write_line(l, json_pack("{s:s, s:I, s:I, s:s}", "event", "warning", "epoch", (json_int_t)epoch,
                                "step", (json_int_t)step, "text", text));
}

void log_end(Log *l, TrainEnd end, int64_t epoch, int64_t step)
{
    static const char *const ends[] = { "done", "stopped", "failed", "numerical", "unsaved", "refused" };
    if (l)
        write_line(l, json_pack("{s:s, s:s, s:I, s:I}", "event", "end", "how", ends[end], "epoch",
                                (json_int_t)epoch, "step", (json_int_t)step));
}

int log_lost(const Log *l, const char **why)
{
    *why = l ? l->why : "";
    return l ? l->lost : 0;
}

void log_close(Log *l)
{
    if (!l)
        return;
    if (l->file >= 0)
        close(l->file);
    free(l);
}
