// Checkpoints of a run: when they are taken, what happens when they cannot be written, and going on from one.
#include "base/clock.h"
#include "runtime/train/newest.h"
#include "runtime/train/run.h"
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

// --- saving -------------------------------------------------------------------------------------

static char *path_of(const Run *r, const char *pattern)
{
    char *path = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&path, &size);
    if (!out)
        return NULL;
    if (r->o->out)
        fprintf(out, "%s/", r->o->out);
    for (const char *c = pattern; *c; ) {
        if (!strncmp(c, "{epoch}", 7)) {
            fprintf(out, "%lld", (long long)r->epoch);
            c += 7;
        } else if (!strncmp(c, "{step}", 6)) {
            fprintf(out, "%lld", (long long)r->step);
            c += 6;
        } else {
            fputc(*c++, out);
        }
    }
    fclose(out);
    return path;
}

// A full disk must not cost the run: what was saved before stays, and the next save tries again. A few times.
static bool count_failure(Run *r, const char *why)
{
    char text[TRAIN_ERROR + 64];
    r->unsaved++;
    bool goes_on = ++r->failures < RUN_MOST_FAILURES;
    snprintf(r->why_unsaved, TRAIN_ERROR, "%s", why);
    snprintf(text, sizeof text, "no checkpoint was written, the run %s: %.500s",
             goes_on ? "goes on" : "ends: it was the third in a row", why);
    run_warn(r, text);
    if (!goes_on)
        r->fault = TRAIN_UNSAVED;
    return goes_on;
}

bool run_settle(Run *r, bool wait)
{
    SaverJob job;
    if (r->again.on || !saver_take(r->saver, wait, &job))
        return true;
    bool goes_on = true;
    if (job.is_written) {
        TrainReport report = { .kind = TRAIN_SAVED, .epoch = job.epoch, .text = job.path };
        r->failures = 0;
        snprintf(r->good, sizeof r->good, "%s", job.path);
        log_save(r->log, job.path, job.image.hash, job.epoch, job.step);
        run_tell(r, &report);
        memory_drop(&r->memory, job.path);
    } else {
        if (access(job.path, F_OK) != 0)
            memory_forget(&r->memory, job.path);
        r->saved = r->saved == job.step ? -1 : r->saved;
        goes_on = count_failure(r, job.err);
    }
    free(job.path);
    return goes_on;
}

static bool take_snapshot(Run *r, CheckpointImage *image, int *bad, char *why)
{
    const Data *d = r->o->data;
    char *memory = memory_text(&r->memory, r->recipe);
    CheckpointState state = { r->epoch, r->step, session_seed(r->s),
                              { r->p->plan_hash[0], r->p->plan_hash[1] }, memory, "", d->mean,
                              d->mean_shape, (const char *const *)d->class_names, d->class_count };
    snprintf(why, CHECKPOINT_ERROR, "out of memory");
    bool fine = memory && checkpoint_snapshot(r->s, &state, image, bad, why);
    free(memory);
    return fine;
}

bool run_save(Run *r, const char *pattern, const Action *by)
{
    if (r->again.on)
        return true;
    r->saved_at = clock_seconds();
    // What a checkpoint says about kept files must not depend on when the one before it was through.
    if (!run_settle(r, true))
        return false;
    SaverJob job = { .path = path_of(r, pattern), .epoch = r->epoch, .step = r->step };
    char why[CHECKPOINT_ERROR] = "out of memory";
    int bad = -1;
    bool fine = job.path && (!by || memory_note(&r->memory, by, job.path)) &&
                take_snapshot(r, &job.image, &bad, why);
    if (fine && bad < 0) {
        r->saved = r->step;
        saver_start(r->saver, &job);
        return true;
    }
    if (job.path && access(job.path, F_OK) != 0)
        memory_forget(&r->memory, job.path);
    free(job.path);
    if (!fine)
        return count_failure(r, why);
    checkpoint_free(&job.image);
    r->spoilt = bad;
    r->fault = TRAIN_NUMERICAL;
    return false;
}

// --- going on -----------------------------------------------------------------------------------

static void passed_over(void *context, const char *what)
{
    char text[TRAIN_ERROR + 32];
    snprintf(text, sizeof text, "passed over: %.500s", what);
    run_warn(context, text);
}

// The file to go on from, of o->resume; *path NULL: there is none yet, the run begins.
static bool find_checkpoint(Run *r, char **path)
{
    struct stat info;
    if (stat(r->o->resume, &info) != 0 || !S_ISDIR(info.st_mode)) {
        *path = strdup(r->o->resume);
        return *path != NULL;
    }
    char why[CHECKPOINT_ERROR], text[CHECKPOINT_ERROR + 32];
    Newest found = newest_checkpoint(r->o->resume, passed_over, r, path, why);
    snprintf(text, sizeof text, "%.500s: the run begins", why);
    if (found == NEWEST_NONE)
        run_warn(r, text);
    if (found == NEWEST_DAMAGED)
        snprintf(r->err, TRAIN_ERROR, "%s", why);
    return found != NEWEST_DAMAGED;
}

bool run_load(Run *r, const char *path)
{
    CheckpointState state;
    if (!checkpoint_load(r->s, path, &state, r->err))
        return false;
    bool fine = !state.memory || memory_read(&r->memory, r->recipe, state.memory);
    free(state.memory);
    if (!fine) {
        snprintf(r->err, TRAIN_ERROR, "%.300s: its train section was another one", path);
        return false;
    }
    r->resumed = true;
    if (path != r->good)
        snprintf(r->good, sizeof r->good, "%s", path);
    r->epoch = state.epoch;
    r->step = state.step;
    memcpy(r->from, state.hash, sizeof r->from);
    session_set_step(r->s, (uint64_t)state.step);
    session_set_seed(r->s, state.seed);
    TrainReport report = { .kind = TRAIN_RESUMED, .epoch = r->epoch, .step = r->step, .text = path };
    run_tell(r, &report);
    return true;
}

bool run_resume(Run *r)
{
    char *path = NULL;
    if (!r->o->resume)
        return true;
    snprintf(r->err, TRAIN_ERROR, "out of memory");
    bool fine = find_checkpoint(r, &path) && (!path || run_load(r, path));
    free(path);
    r->fault = fine ? r->fault : TRAIN_REFUSED;
    return fine;
}
