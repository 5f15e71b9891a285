// The memory of a run, as JSON and back. NAN is null there; reals have 17 digits, so they come
// back bit for bit.
#include "runtime/train/memory.h"
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool memory_open(Memory *m, const TrainRecipe *t)
{
    *m = (Memory){ .last_loss = NAN, .test_loss = NAN, .score = NAN };
    for (int i = 0; i < SESSION_METRICS; i++)
        m->last_metrics[i] = m->test_metrics[i] = NAN;
    m->fixed = calloc((size_t)t->setting_count + 1, sizeof *m->fixed);
    m->was_true = calloc((size_t)t->event_count + 1, sizeof *m->was_true);
    m->plateaus = calloc((size_t)t->event_count + 1, sizeof *m->plateaus);
    for (int i = 0; m->plateaus && i < t->event_count; i++)
        m->plateaus[i].best = NAN;
    return m->fixed && m->was_true && m->plateaus;
}

void memory_close(Memory *m)
{
    for (int i = 0; i < m->file_count; i++)
        free(m->files[i].path);
    free(m->fixed);
    free(m->was_true);
    free(m->plateaus);
}

// --- to text -------------------------------------------------------------------------------------

static json_t *real(double x)
{
    return isfinite(x) ? json_real(x) : json_null();
}

static json_t *reals(const double *x, int count)
{
    json_t *all = json_array();
    for (int i = 0; i < count; i++)
        json_array_append_new(all, real(x[i]));
    return all;
}

// Which `save` of the recipe an action is, counted through all events; -1: none.
static int number_of(const TrainRecipe *t, const Action *a)
{
    int n = 0;
    for (int i = 0; i < t->event_count; i++)
        for (int k = 0; k < t->events[i].action_count; k++, n++)
            if (&t->events[i].actions[k] == a)
                return n;
    return -1;
}

static const Action *action_of(const TrainRecipe *t, json_int_t number)
{
    for (int i = 0; i < t->event_count; i++) {
        if (number >= 0 && number < t->events[i].action_count)
            return &t->events[i].actions[number];
        number -= t->events[i].action_count;
    }
    return NULL;
}

static json_t *plateaus_json(const Memory *m, const TrainRecipe *t)
{
    json_t *all = json_array();
    for (int i = 0; i < t->event_count; i++)
        json_array_append_new(all, json_pack("[o,I,I]", real(m->plateaus[i].best),
                                             (json_int_t)m->plateaus[i].since,
                                             (json_int_t)m->plateaus[i].fired));
    return all;
}

char *memory_text(const Memory *m, const TrainRecipe *t)
{
    json_t *root = json_object(), *truths = json_array(), *files = json_array();
    for (int i = 0; i < t->event_count; i++)
        json_array_append_new(truths, json_boolean(m->was_true[i]));
    for (int i = 0; i < m->file_count; i++)
        json_array_append_new(files, json_pack("{s:s, s:i, s:o}", "path", m->files[i].path, "save",
                                               number_of(t, m->files[i].by), "score",
                                               real(m->files[i].score)));
    json_object_set_new(root, "fixed", reals(m->fixed, t->setting_count));
    json_object_set_new(root, "true", truths);
    json_object_set_new(root, "plateaus", plateaus_json(m, t));
    json_object_set_new(root, "sum_loss", real(m->sum.loss));
    json_object_set_new(root, "sum_metrics", reals(m->sum.metrics, SESSION_METRICS));
    json_object_set_new(root, "sum_images", json_integer(m->sum.images));
    json_object_set_new(root, "loss", real(m->last_loss));
    json_object_set_new(root, "metrics", reals(m->last_metrics, SESSION_METRICS));
    json_object_set_new(root, "test_loss", real(m->test_loss));
    json_object_set_new(root, "test_metrics", reals(m->test_metrics, SESSION_METRICS));
    json_object_set_new(root, "score", real(m->score));
    json_object_set_new(root, "files", files);
    char *text = json_dumps(root, JSON_COMPACT);
    json_decref(root);
    return text;
}

// --- from text -----------------------------------------------------------------------------------

static double number(const json_t *j)
{
    return json_is_number(j) ? json_number_value(j) : NAN;
}

static bool numbers(const json_t *root, const char *key, double *to, int count)
{
    const json_t *all = json_object_get(root, key);
    if (!json_is_array(all) || json_array_size(all) != (size_t)count)
        return false;
    for (int i = 0; i < count; i++)
        to[i] = number(json_array_get(all, (size_t)i));
    return true;
}

static bool read_files(Memory *m, const TrainRecipe *t, const json_t *files)
{
    size_t count = json_array_size(files);
    if (!json_is_array(files) || count > MEMORY_FILES)
        return false;
    for (size_t i = 0; i < count; i++) {
        const json_t *f = json_array_get(files, i);
        const json_t *path = json_object_get(f, "path");
        const Action *by = action_of(t, json_integer_value(json_object_get(f, "save")));
        char *copy = json_is_string(path) && by ? strdup(json_string_value(path)) : NULL;
        if (!copy)
            return false;
        m->files[m->file_count++] = (KeptFile){ copy, by, number(json_object_get(f, "score")) };
    }
    return true;
}

static bool read_plateaus(Memory *m, const TrainRecipe *t, const json_t *all)
{
    if (!json_is_array(all) || json_array_size(all) != (size_t)t->event_count)
        return false;
    for (int i = 0; i < t->event_count; i++) {
        const json_t *p = json_array_get(all, (size_t)i);
        m->plateaus[i] = (Plateau){ number(json_array_get(p, 0)), json_integer_value(json_array_get(p, 1)),
                                    json_integer_value(json_array_get(p, 2)) };
    }
    return true;
}

static bool read_root(Memory *m, const TrainRecipe *t, const json_t *root)
{
    const json_t *truths = json_object_get(root, "true");
    if (!json_is_array(truths) || json_array_size(truths) != (size_t)t->event_count ||
        !numbers(root, "fixed", m->fixed, t->setting_count) ||
        !numbers(root, "metrics", m->last_metrics, SESSION_METRICS) ||
        !numbers(root, "test_metrics", m->test_metrics, SESSION_METRICS) ||
        !numbers(root, "sum_metrics", m->sum.metrics, SESSION_METRICS) ||
        !read_plateaus(m, t, json_object_get(root, "plateaus")))
        return false;
    for (int i = 0; i < t->event_count; i++)
        m->was_true[i] = json_is_true(json_array_get(truths, (size_t)i));
    m->sum.loss = number(json_object_get(root, "sum_loss"));
    m->sum.images = (int)json_integer_value(json_object_get(root, "sum_images"));
    m->last_loss = number(json_object_get(root, "loss"));
    m->test_loss = number(json_object_get(root, "test_loss"));
    m->score = number(json_object_get(root, "score"));
    return read_files(m, t, json_object_get(root, "files"));
}

bool memory_read(Memory *m, const TrainRecipe *t, const char *text)
{
    json_t *root = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    bool fine = read_root(m, t, root);
    json_decref(root);
    return fine;
}

// --- files ---------------------------------------------------------------------------------------

static void drop(Memory *m, int i)
{
    free(m->files[i].path);
    m->file_count--;
    memmove(m->files + i, m->files + i + 1, (size_t)(m->file_count - i) * sizeof *m->files);
}

// The oldest file of a `save` that is not its best; -1: there is none.
static int oldest(const Memory *m, const Action *a)
{
    int best = -1;
    for (int i = 0; i < m->file_count; i++)
        if (m->files[i].by == a && !isnan(m->files[i].score) &&
            (best < 0 || m->files[i].score < m->files[best].score))
            best = i;
    for (int i = 0; i < m->file_count; i++)
        if (m->files[i].by == a && i != best)
            return i;
    return -1;
}

bool memory_note(Memory *m, const Action *a, const char *path)
{
    char *copy = strdup(path);
    if (!copy)
        return false;
    memory_forget(m, path);                            // written again
    if (m->file_count == MEMORY_FILES)
        drop(m, 0);                                    // forgotten, but not deleted
    m->files[m->file_count++] = (KeptFile){ copy, a, m->score };
    return true;
}

void memory_forget(Memory *m, const char *path)
{
    for (int i = m->file_count - 1; i >= 0; i--)
        if (!strcmp(m->files[i].path, path))
            drop(m, i);
}

static const Action *noted_by(const Memory *m, const char *path)
{
    for (int i = 0; i < m->file_count; i++)
        if (!strcmp(m->files[i].path, path))
            return m->files[i].by;
    return NULL;
}

void memory_drop(Memory *m, const char *path)
{
    const Action *a = noted_by(m, path);
    int count = 0;
    for (int i = 0; a && i < m->file_count; i++)
        count += m->files[i].by == a;
    // The best may be one of the newest: then `keep` files stay, else one more.
    for (int old; a && a->keep > 0 && count > a->keep && (old = oldest(m, a)) >= 0; count--) {
        int newer = 0;
        for (int i = old + 1; i < m->file_count; i++)
            newer += m->files[i].by == a;
        if (newer < a->keep)
            return;
        unlink(m->files[old].path);
        drop(m, old);
    }
}
