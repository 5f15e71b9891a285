// A session's parameters and where its run is, to one file and back.
#include "runtime/train/checkpoint.h"
#include "runtime/durable.h"
#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static bool fail(char *err, const char *path, const char *what)
{
    snprintf(err, CHECKPOINT_ERROR, "%.300s: %.180s", path, what);
    return false;
}

// --- the header ------------------------------------------------------------------------------------

static json_t *describe(Shape s, bool is_bias, int64_t from, int64_t bytes)
{
    bool by_place = is_bias && s.h * s.w > 1;
    json_t *shape = by_place  ? json_pack("[I,I,I]", (json_int_t)s.c, (json_int_t)s.h, (json_int_t)s.w)
                    : is_bias ? json_pack("[I]", (json_int_t)s.c)
                    : s.h * s.w == 1 ? json_pack("[I,I]", (json_int_t)s.n, (json_int_t)s.c)
                    : json_pack("[I,I,I,I]", (json_int_t)s.n, (json_int_t)s.c, (json_int_t)s.h,
                                (json_int_t)s.w);
    json_int_t first = from, end = from + bytes;
    return json_pack("{s:s, s:o, s:[I,I]}", "dtype", "F32", "shape", shape, "data_offsets", first, end);
}

static json_t *describe_mean(Shape s, int64_t from)
{
    json_int_t first = from, end = from + 4 * shape_item(s);
    return json_pack("{s:s, s:[I,I,I], s:[I,I]}", "dtype", "F32", "shape", (json_int_t)s.c, (json_int_t)s.h,
                     (json_int_t)s.w, "data_offsets", first, end);
}

static json_t *metadata(const CheckpointState *c, const char *net)
{
    char epoch[32], step[32], seed[32], plan[40];
    snprintf(epoch, sizeof epoch, "%" PRId64, c->epoch);
    snprintf(step, sizeof step, "%" PRId64, c->step);
    snprintf(seed, sizeof seed, "%" PRIu64, c->seed);
    snprintf(plan, sizeof plan, "%016" PRIx64 "%016" PRIx64, c->plan_hash[0], c->plan_hash[1]);
    static const char zeros[] = "00000000" "00000000" "00000000" "00000000";     // safetensors_seal's
    json_t *all = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "format", SAFETENSORS_FORMAT, "hash",
                            zeros, "data", zeros, "net", net, "epoch", epoch, "step", step, "seed", seed,
                            "plan", plan);
    if (all && c->memory)
        json_object_set_new(all, "memory", json_string(c->memory));
    if (all && c->class_count) {
        json_t *names = json_array();
        for (int i = 0; i < c->class_count; i++)
            json_array_append_new(names, json_string(c->class_names[i]));
        char *text = json_dumps(names, JSON_COMPACT);        // metadata are texts
        json_object_set_new(all, "classes", json_string(text ? text : "[]"));
        free(text);
        json_decref(names);
    }
    return all;
}

// *size: bytes of all tensors.
static char *make_header(const Program *p, const CheckpointState *c, size_t *size)
{
    json_t *root = json_object();
    int64_t at = 0;
    json_object_set_new(root, "__metadata__", metadata(c, p->net));
    for (int i = 0; i < 2 * p->param_count; i++) {
        const ProgramParam *param = &p->params[i / 2];
        char name[256];
        int64_t bytes = 4 * shape_count(param->shape);
        snprintf(name, sizeof name, "%s%s", param->name, i % 2 ? ".velocity" : "");
        json_object_set_new(root, name, describe(param->shape, param->is_bias, at, bytes));
        at += bytes;
    }
    if (c->mean) {
        json_object_set_new(root, "data.mean", describe_mean(c->mean_shape, at));
        at += 4 * shape_item(c->mean_shape);
    }
    *size = (size_t)at;
    char *text = json_dumps(root, JSON_COMPACT);
    json_decref(root);
    return text;
}

// --- writing ---------------------------------------------------------------------------------------

static bool all_finite(const float *x, int64_t count)
{
    for (int64_t i = 0; i < count; i++)
        if (!isfinite(x[i]))
            return false;
    return true;
}

static bool copy_tensors(Session *s, char *to, const CheckpointState *state, int *bad, char *err)
{
    const Program *p = session_program(s);
    *bad = -1;
    for (int i = 0; i < 2 * p->param_count; i++) {
        int64_t count = shape_count(p->params[i / 2].shape);
        float *dense = (float *)(void *)to;
        if (!(i % 2 ? session_read_velocity(s, i / 2, dense, err) : session_read_param(s, i / 2, dense, err)))
            return false;
        if (i % 2 == 0 && *bad < 0 && !all_finite(dense, count))
            *bad = i / 2;
        to += 4 * count;
    }
    if (state->mean)
        memcpy(to, state->mean, 4 * (size_t)shape_item(state->mean_shape));
    return true;
}

bool checkpoint_snapshot(Session *s, const CheckpointState *state, CheckpointImage *image, int *bad,
                         char err[CHECKPOINT_ERROR])
{
    size_t data;
    *image = (CheckpointImage){ .bytes = NULL };
    char *header = make_header(session_program(s), state, &data);
    size_t length = header ? strlen(header) : 0, padded = (length + 7) / 8 * 8;
    image->size = 8 + padded + data;
    image->bytes = header ? malloc(image->size) : NULL;
    if (!image->bytes) {
        free(header);
        snprintf(err, CHECKPOINT_ERROR, "no memory for a snapshot of %zu MiB", image->size >> 20);
        return false;
    }
    for (int i = 0; i < 8; i++)
        image->bytes[i] = (char)(padded >> 8 * i & 0xff);
    memcpy(image->bytes + 8, header, length);
    memset(image->bytes + 8 + length, ' ', padded - length);
    free(header);
    char *tensors = image->bytes + 8 + padded;
    if (!copy_tensors(s, tensors, state, bad, err)) {
        checkpoint_free(image);
        return false;
    }
    safetensors_seal(image->bytes + 8, padded, tensors, data, image->hash);
    return true;
}

void checkpoint_free(CheckpointImage *image)
{
    free(image->bytes);
    image->bytes = NULL;
}

bool checkpoint_save(Session *s, const char *path, const CheckpointState *state,
                     char err[CHECKPOINT_ERROR])
{
    CheckpointImage image;
    int bad;
    bool fine = checkpoint_snapshot(s, state, &image, &bad, err) &&
                durable_write(path, image.bytes, image.size, err);
    checkpoint_free(&image);
    return fine;
}

// --- reading -----------------------------------------------------------------------------------------

typedef struct {
    const char  *path;
    Safetensors *f;
    char        *err;
} Reader;

static bool shape_fits(const SafeTensor *t, const ProgramParam *p)
{
    int64_t want[] = { p->shape.n, p->shape.c, p->shape.h, p->shape.w };
    bool is_flat = p->shape.h * p->shape.w == 1;
    int at = p->is_bias ? 1 : 0, wanted = p->is_bias ? (is_flat ? 1 : 3) : is_flat && t->rank == 2 ? 2 : 4;
    if (t->rank != wanted)
        return false;
    for (int i = 0; i < t->rank; i++)
        if (t->shape[i] != want[at + i])
            return false;
    return true;
}

static const SafeTensor *find_tensor(const Reader *r, const char *name, const ProgramParam *p)
{
    char what[160];
    const SafeTensor *t = safetensors_find(r->f, name);
    if (t && !strcmp(t->type, "F32") && shape_fits(t, p))
        return t;
    snprintf(what, sizeof what, "%.60s is missing, or not of the net's shape and type", name);
    fail(r->err, r->path, what);
    return NULL;
}

static uint64_t meta_number(const Reader *r, const char *key)
{
    const char *text = safetensors_meta(r->f, key);
    return text ? strtoull(text, NULL, 10) : 0;
}

static bool read_state(const Reader *r, const Program *p, CheckpointState *c)
{
    char plan[40];
    snprintf(plan, sizeof plan, "%016" PRIx64 "%016" PRIx64, p->plan_hash[0], p->plan_hash[1]);
    const char *text = safetensors_meta(r->f, "plan"), *hash = safetensors_meta(r->f, "data");
    if (!text || strcmp(text, plan))
        return fail(r->err, r->path, "it was made by another plan (another net, batch or machine): a resumed "
                    "run would not give the same numbers");
    *c = (CheckpointState){ (int64_t)meta_number(r, "epoch"), (int64_t)meta_number(r, "step"),
                            meta_number(r, "seed"), { p->plan_hash[0], p->plan_hash[1] },
                            .memory = NULL };
    snprintf(c->hash, sizeof c->hash, "%s", hash ? hash : "");
    const char *memory = safetensors_meta(r->f, "memory");
    if (!memory)
        return true;
    c->memory = strdup(memory);
    return c->memory || fail(r->err, r->path, "out of memory");
}

// Two rounds: the first only looks whether everything is there.
static bool read_tensors(const Reader *r, Session *s, bool velocities, bool write)
{
    const Program *p = session_program(s);
    for (int i = 0; i < 2 * p->param_count; i++) {
        const ProgramParam *param = &p->params[i / 2];
        char name[256];
        if (i % 2 && !velocities)
            continue;
        snprintf(name, sizeof name, "%s%s", param->name, i % 2 ? ".velocity" : "");
        const SafeTensor *t = find_tensor(r, name, param);
        if (!t)
            return false;
        if (!write)
            continue;
        float *dense = malloc((size_t)t->bytes + 1);
        bool fine = dense ? safetensors_read(r->f, t, dense, r->err) &&
                            (i % 2 ? session_write_velocity(s, i / 2, dense, r->err)
                                   : session_write_param(s, i / 2, dense, r->err))
                          : fail(r->err, r->path, "out of memory");
        free(dense);
        if (!fine)
            return false;
    }
    return true;
}

bool checkpoint_load(Session *s, const char *path, CheckpointState *state, char err[CHECKPOINT_ERROR])
{
    Reader r = { path, safetensors_open(path, err), err };
    bool resume = state != NULL;
    if (state)
        state->memory = NULL;
    if (!r.f)
        return false;
    bool fine = (!resume || read_state(&r, session_program(s), state)) &&
                read_tensors(&r, s, resume, false) && safetensors_check(r.f, err) &&
                read_tensors(&r, s, resume, true);
    if (!fine && state) {
        free(state->memory);
        state->memory = NULL;
    }
    safetensors_close(r.f);
    return fine;
}

// --- what belongs to the data -----------------------------------------------------------------------

static bool read_mean(const Reader *r, CheckpointData *d)
{
    const SafeTensor *t = safetensors_find(r->f, "data.mean");
    if (!t)
        return true;
    d->mean_count = t->count;
    d->mean = t->count > 0 ? malloc((size_t)t->count * sizeof *d->mean) : NULL;
    return (d->mean && safetensors_read(r->f, t, d->mean, r->err)) ||
           fail(r->err, r->path, "data.mean cannot be read");
}

static bool read_names(const Reader *r, CheckpointData *d)
{
    const char *text = safetensors_meta(r->f, "classes");
    json_t *names = text ? json_loads(text, 0, NULL) : NULL;
    size_t count = json_array_size(names);
    bool fine = !text || json_is_array(names);
    d->class_names = count ? calloc(count, sizeof *d->class_names) : NULL;
    for (size_t i = 0; fine && i < count; i++) {
        const char *name = json_string_value(json_array_get(names, i));
        fine = d->class_names && name && (d->class_names[i] = strdup(name));
        d->class_count += fine;
    }
    json_decref(names);
    return fine || fail(r->err, r->path, "the names of its classes cannot be read");
}

bool checkpoint_data(const char *path, CheckpointData *d, char err[CHECKPOINT_ERROR])
{
    *d = (CheckpointData){ 0 };
    Reader r = { path, safetensors_open(path, err), err };
    if (!r.f)
        return false;
    bool fine = read_mean(&r, d) && read_names(&r, d);
    safetensors_close(r.f);
    return fine;
}

void checkpoint_data_free(CheckpointData *d)
{
    for (int i = 0; i < d->class_count; i++)
        free(d->class_names[i]);
    free(d->class_names);
    free(d->mean);
    *d = (CheckpointData){ 0 };
}
