// The run's log, appended and flushed line by line.
#include "runtime/train/log.h"
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct Log { FILE *out; };

static void write_line(Log *l, json_t *line)
{
    char *text = line ? json_dumps(line, JSON_COMPACT) : NULL;
    if (text)
        fprintf(l->out, "%s\n", text);
    fflush(l->out);
    free(text);
    json_decref(line);
}

// Cuts the log behind the last line that is not of a later step.
static void cut_behind(FILE *f, int64_t step)
{
    char *line = NULL;
    size_t size = 0;
    off_t keep = 0;
    while (getline(&line, &size, f) > 0) {
        json_t *o = json_loads(line, 0, NULL);
        const json_t *at = json_object_get(o, "step");
        bool later = !o || (at && json_integer_value(at) > step);
        json_decref(o);
        if (later)
            break;
        keep = ftello(f);
    }
    free(line);
    if (ftruncate(fileno(f), keep) == 0)
        fseeko(f, 0, SEEK_END);
}

Log *log_open(const char *folder, int64_t step, const Program *p, uint64_t seed)
{
    char path[4096], plan[40];
    snprintf(path, sizeof path, "%s%srun.jsonl", folder ? folder : "", folder ? "/" : "");
    FILE *out = step >= 0 ? fopen(path, "r+") : NULL;
    if (out)
        cut_behind(out, step);
    else
        out = fopen(path, "w");
    Log *l = out ? malloc(sizeof *l) : NULL;
    if (!l) {
        if (out)
            fclose(out);
        return NULL;
    }
    l->out = out;
    snprintf(plan, sizeof plan, "%016llx%016llx", (unsigned long long)p->plan_hash[0],
             (unsigned long long)p->plan_hash[1]);
    const char *event = step >= 0 ? "resume" : "start";
    write_line(l, json_pack("{s:i, s:s, s:s, s:s, s:I, s:I}", "schema", 1, "event", event, "net", p->net,
                            "plan", plan, "seed", (json_int_t)seed, "step",
                            (json_int_t)(step > 0 ? step : 0)));
    return l;
}

void log_result(Log *l, const char *event, const TrainRecipe *t, const TrainReport *r, int64_t step)
{
    if (!l)
        return;
    json_t *o = json_pack("{s:s, s:I, s:I, s:f, s:f}", "event", event, "epoch", (json_int_t)r->epoch, "step",
                          (json_int_t)step, "loss", r->loss, "images_per_second", r->images_per_second);
    for (int i = 0; o && i < t->metric_count && i < SESSION_METRICS; i++)
        json_object_set_new(o, t->metrics[i].name, json_real(r->metrics[i]));
    write_line(l, o);
}

void log_save(Log *l, const char *path, int64_t epoch, int64_t step)
{
    if (l)
        write_line(l, json_pack("{s:s, s:I, s:I, s:s}", "event", "save", "epoch", (json_int_t)epoch, "step",
                                (json_int_t)step, "path", path));
}

void log_end(Log *l, TrainEnd end, int64_t epoch, int64_t step)
{
    static const char *const ends[] = { "done", "stopped", "failed", "numerical", "unsaved" };
    if (l)
        write_line(l, json_pack("{s:s, s:s, s:I, s:I}", "event", "end", "how", ends[end], "epoch",
                                (json_int_t)epoch, "step", (json_int_t)step));
}

void log_close(Log *l)
{
    if (!l)
        return;
    fclose(l->out);
    free(l);
}
