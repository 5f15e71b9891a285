// Safetensors, written safely and read with suspicion.
#include "runtime/train/checkpoint.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MOST_HEADER = 16 << 20 };       // bytes; a larger header is an attack or an accident

static bool fail(char *err, const char *path, const char *what)
{
    snprintf(err, CHECKPOINT_ERROR, "%.300s: %.180s", path, what);
    return false;
}

// --- the header ------------------------------------------------------------------------------------

static json_t *describe(Shape s, bool is_bias, int64_t from, int64_t bytes)
{
    json_t *shape = is_bias ? json_pack("[I]", (json_int_t)s.c)
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
    json_t *all = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "format", "cleave 1", "net", net, "epoch",
                            epoch, "step", step, "seed", seed, "plan", plan);
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

static char *make_header(const Program *p, const CheckpointState *c)
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
    if (c->mean)
        json_object_set_new(root, "data.mean", describe_mean(c->mean_shape, at));
    char *text = json_dumps(root, JSON_COMPACT);
    json_decref(root);
    return text;
}

// --- writing ---------------------------------------------------------------------------------------

static bool write_tensors(Session *s, FILE *out, char *err)
{
    const Program *p = session_program(s);
    for (int i = 0; i < 2 * p->param_count; i++) {
        size_t count = (size_t)shape_count(p->params[i / 2].shape);
        float *dense = malloc(count * sizeof *dense);
        bool fine = dense && (i % 2 ? session_read_velocity(s, i / 2, dense, err)
                                    : session_read_param(s, i / 2, dense, err)) &&
                    fwrite(dense, sizeof *dense, count, out) == count;
        free(dense);
        if (!fine)
            return false;
    }
    return true;
}

static bool write_file(Session *s, FILE *out, const CheckpointState *state, char *err)
{
    char *header = make_header(session_program(s), state);
    if (!header)
        return false;
    size_t length = strlen(header), padded = (length + 7) / 8 * 8;
    unsigned char size[8];
    for (int i = 0; i < 8; i++)
        size[i] = (unsigned char)(padded >> 8 * i);
    bool fine = fwrite(size, 1, 8, out) == 8 && fwrite(header, 1, length, out) == length &&
                fwrite("       ", 1, padded - length, out) == padded - length;
    free(header);
    size_t mean = state->mean ? (size_t)shape_item(state->mean_shape) : 0;
    return fine && write_tensors(s, out, err) &&
           (!mean || fwrite(state->mean, sizeof *state->mean, mean, out) == mean) &&
           fflush(out) == 0 && fsync(fileno(out)) == 0;
}

static bool sync_folder(const char *path)
{
    char copy[4096];
    snprintf(copy, sizeof copy, "%s", path);
    int folder = open(dirname(copy), O_RDONLY | O_DIRECTORY);
    if (folder < 0)
        return false;
    bool fine = fsync(folder) == 0;
    close(folder);
    return fine;
}

bool checkpoint_save(Session *s, const char *path, const CheckpointState *state,
                     char err[CHECKPOINT_ERROR])
{
    char temporary[4096];
    if (snprintf(temporary, sizeof temporary, "%s.tmp-%ld", path, (long)getpid()) >= (int)sizeof temporary)
        return fail(err, path, "the name is too long");
    FILE *out = fopen(temporary, "wb");
    if (!out)
        return fail(err, path, strerror(errno));
    err[0] = 0;
    bool written = write_file(s, out, state, err);
    int why = errno;
    if (fclose(out) != 0)
        written = false;
    if (!written || rename(temporary, path) != 0) {
        unlink(temporary);
        return err[0] ? false : fail(err, path, strerror(written ? errno : why));
    }
    return sync_folder(path) || fail(err, path, strerror(errno));
}

// --- reading -----------------------------------------------------------------------------------------

typedef struct {
    const char *path;
    FILE       *in;
    json_t     *header;
    int64_t     start, bytes;          // of the tensors' data in the file
    char       *err;
} Reader;

// Every tensor of the header lies in the file, those too that nobody asks for.
static bool is_whole(const Reader *r)
{
    const char *name;
    json_t *tensor;
    int64_t end = 0;
    json_object_foreach(r->header, name, tensor) {
        int64_t to = json_integer_value(json_array_get(json_object_get(tensor, "data_offsets"), 1));
        end = to > end ? to : end;
    }
    return end <= r->bytes || fail(r->err, r->path, "its end is missing: it is shorter than its header says");
}

static bool read_header(Reader *r)
{
    unsigned char size[8];
    struct stat info;
    uint64_t length = 0;
    if (fstat(fileno(r->in), &info) != 0 || fread(size, 1, 8, r->in) != 8)
        return fail(r->err, r->path, "this is no safetensors file: it is too short");
    for (int i = 0; i < 8; i++)
        length |= (uint64_t)size[i] << 8 * i;
    if (length < 2 || length > MOST_HEADER || (int64_t)length > (int64_t)info.st_size - 8)
        return fail(r->err, r->path, "this is no safetensors file: its header has an impossible length");
    char *text = malloc((size_t)length);
    json_error_t why;
    if (text && fread(text, 1, (size_t)length, r->in) == length)
        r->header = json_loadb(text, (size_t)length, JSON_REJECT_DUPLICATES, &why);
    free(text);
    r->start = 8 + (int64_t)length;
    r->bytes = (int64_t)info.st_size - r->start;
    if (!json_is_object(r->header))
        return fail(r->err, r->path, "its header is no JSON object");
    return is_whole(r);
}

static bool shape_fits(const json_t *shape, const ProgramParam *p)
{
    int64_t want[] = { p->shape.n, p->shape.c, p->shape.h, p->shape.w };
    size_t rank = json_array_size(shape), at = p->is_bias ? 1 : 0;
    size_t wanted = p->is_bias ? 1 : p->shape.h * p->shape.w == 1 && rank == 2 ? 2 : 4;
    if (!json_is_array(shape) || rank != wanted)
        return false;
    for (size_t i = 0; i < rank; i++)
        if (json_integer_value(json_array_get(shape, i)) != want[at + i])
            return false;
    return true;
}

// Where a tensor's floats start in the file; -1 with err filled.
static int64_t find_tensor(Reader *r, const char *name, const ProgramParam *p)
{
    const json_t *t = json_object_get(r->header, name);
    char what[160];
    snprintf(what, sizeof what, "%.60s is missing, or not of the net's shape and type", name);
    const json_t *offsets = json_object_get(t, "data_offsets"), *type = json_object_get(t, "dtype");
    int64_t from = json_integer_value(json_array_get(offsets, 0));
    int64_t to = json_integer_value(json_array_get(offsets, 1));
    bool fits = json_is_object(t) && json_is_string(type) && !strcmp(json_string_value(type), "F32") &&
                shape_fits(json_object_get(t, "shape"), p) && from >= 0 && to <= r->bytes &&
                to - from == 4 * shape_count(p->shape);
    if (fits)
        return r->start + from;
    fail(r->err, r->path, what);
    return -1;
}

static const char *meta_text(const Reader *r, const char *key)
{
    return json_string_value(json_object_get(json_object_get(r->header, "__metadata__"), key));
}

static uint64_t meta_number(const Reader *r, const char *key)
{
    const char *text = meta_text(r, key);
    return text ? strtoull(text, NULL, 10) : 0;
}

static bool read_state(Reader *r, const Program *p, CheckpointState *c)
{
    char plan[40];
    snprintf(plan, sizeof plan, "%016" PRIx64 "%016" PRIx64, p->plan_hash[0], p->plan_hash[1]);
    const char *text = meta_text(r, "plan");
    if (!text || strcmp(text, plan))
        return fail(r->err, r->path, "it was made by another plan (another net, batch or machine): a resumed "
                    "run would not give the same numbers");
    *c = (CheckpointState){ (int64_t)meta_number(r, "epoch"), (int64_t)meta_number(r, "step"),
                            meta_number(r, "seed"), { p->plan_hash[0], p->plan_hash[1] },
                            .memory = NULL };
    const char *memory = meta_text(r, "memory");
    if (!memory)
        return true;
    c->memory = strdup(memory);
    return c->memory || fail(r->err, r->path, "out of memory");
}

// Two rounds: the first only looks whether everything is there.
static bool read_tensors(Reader *r, Session *s, bool velocities, bool write)
{
    const Program *p = session_program(s);
    for (int i = 0; i < 2 * p->param_count; i++) {
        const ProgramParam *param = &p->params[i / 2];
        char name[256];
        if (i % 2 && !velocities)
            continue;
        snprintf(name, sizeof name, "%s%s", param->name, i % 2 ? ".velocity" : "");
        int64_t at = find_tensor(r, name, param);
        if (at < 0)
            return false;
        size_t count = (size_t)shape_count(param->shape);
        float *dense = write ? malloc(count * sizeof *dense) : NULL;
        bool fine = !write || (dense && fseeko(r->in, (off_t)at, SEEK_SET) == 0 &&
                               fread(dense, sizeof *dense, count, r->in) == count &&
                               (i % 2 ? session_write_velocity(s, i / 2, dense, r->err)
                                      : session_write_param(s, i / 2, dense, r->err)));
        free(dense);
        if (!fine)
            return fail(r->err, r->path, "it cannot be read to its end");
    }
    return true;
}

bool checkpoint_load(Session *s, const char *path, CheckpointState *state, char err[CHECKPOINT_ERROR])
{
    Reader r = { .path = path, .in = fopen(path, "rb"), .err = err };
    if (!r.in)
        return fail(err, path, strerror(errno));
    bool resume = state != NULL;
    if (state)
        state->memory = NULL;
    bool fine = read_header(&r) && (!resume || read_state(&r, session_program(s), state)) &&
                read_tensors(&r, s, resume, false) && read_tensors(&r, s, resume, true);
    if (!fine && state) {
        free(state->memory);
        state->memory = NULL;
    }
    json_decref(r.header);
    fclose(r.in);
    return fine;
}

// --- what belongs to the data -----------------------------------------------------------------------

static bool read_mean(Reader *r, CheckpointData *d)
{
    const json_t *t = json_object_get(r->header, "data.mean"), *offsets = json_object_get(t, "data_offsets");
    if (!t)
        return true;
    int64_t from = json_integer_value(json_array_get(offsets, 0));
    int64_t to = json_integer_value(json_array_get(offsets, 1));
    if (from < 0 || to <= from || to > r->bytes || (to - from) % 4)
        return fail(r->err, r->path, "data.mean lies outside of the file");
    d->mean_count = (to - from) / 4;
    d->mean = malloc((size_t)(to - from));
    bool fine = d->mean && fseeko(r->in, (off_t)(r->start + from), SEEK_SET) == 0 &&
                fread(d->mean, 4, (size_t)d->mean_count, r->in) == (size_t)d->mean_count;
    return fine || fail(r->err, r->path, "data.mean cannot be read");
}

static bool read_names(Reader *r, CheckpointData *d)
{
    const char *text = meta_text(r, "classes");
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
    Reader r = { .path = path, .in = fopen(path, "rb"), .err = err };
    if (!r.in)
        return fail(err, path, strerror(errno));
    bool fine = read_header(&r) && read_mean(&r, d) && read_names(&r, d);
    json_decref(r.header);
    fclose(r.in);
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
